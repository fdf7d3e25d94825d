"""Accuracy, and its change from the dense network, against compression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from orchestrator.results.grid import Section
from orchestrator.results.intervals import Interval
from orchestrator.results.page.canvas import (
    MUTED,
    Ink,
    Label,
    canvas,
    compression_scale,
    dots,
    end_names,
    fit_heights,
    name_axes,
)
from orchestrator.results.page.canvas import line as draw_line
from orchestrator.results.page.grids import Grid, Group
from orchestrator.results.page.tables import DataTable, change, plain, span
from orchestrator.results.page.views.view import View
from orchestrator.results.statistics import ReplicateSummary
from orchestrator.results.wording import axis_label, choice_notes, labels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = Callable[[Group], tuple[float | None, ...]]
_SIZE = (480, 330)
_NAMES = 142


def accuracy_view(grid: Grid, ink: Ink, intervals: Sequence[Interval | None], published: Section | None) -> View:
    """Both figures and their table; `intervals` are those of the chosen groups, in order of the section's cells."""
    reading = (
        "Each line is the median over replicates at the budget that validation chose for each cell. The band reaches "
        "from the lowest to the highest replicate (it is not a confidence interval), and every dot is one replicate. "
        f"The gray line and band are the dense networks{_pairing(grid)}. A cell with a missing replicate has dots but "
        "no line."
    )
    title = f"{grid.name} against compression"
    groups = [grid.chosen(cell) for cell in grid.section.cells.values()]
    if not any(score is not None for group in groups for score in group.scores):
        return View(title, reading, missing="No cell is done.")
    if published is not None:
        reading += " Thin dotted lines are the published medians of the paper's study for the same network."
    reading = " ".join([reading, *choice_notes(grid.section.cells.values())])
    name = grid.section.network
    figures = [
        _figure(
            grid,
            ink,
            lambda group: group.scores,
            None,
            (axis_label(grid.section, "score", "test"), f"Test {grid.metric.title} of {name}"),
        ),
        _figure(
            grid,
            ink,
            lambda group: group.changes,
            published,
            (
                axis_label(grid.section, "delta", "test"),
                f"Change in test {grid.metric.title} of {name}",
            ),
        ),
    ]
    return View(title, reading, figures, tables=[_table(grid, intervals)])


def _pairing(grid: Grid) -> str:
    return ", and changes are relative to that of the same replicate" if grid.paired else ""


def _figure(grid: Grid, ink: Ink, values: Values, published: Section | None, words: tuple[str, str]) -> str:
    label, title = words
    figure, axes = canvas(*_SIZE, right=_NAMES)
    compression_scale(axes, grid.section.compressions)
    relative = label.startswith("change")
    heights = _draw_dense(axes, grid, relative=relative)
    names: list[Label] = []
    for technique in grid.section.techniques:
        groups = [group for c in grid.section.compressions if (group := grid.at(technique, c)) is not None]
        if published is not None:
            heights += _draw_published(axes, ink, published, technique)
        heights += _draw(axes, ink, technique, groups, values)
        line = [(g.compression, m) for g in groups if (m := _median(values(g))) is not None]
        if line:
            names.append(Label(ink.looks[technique].name, ink.looks[technique].color, *line[-1]))
    fit_heights(axes, heights or [0.0], grid.section)
    name_axes(axes, "compression ratio, and weights kept", label, tick_lines=2)
    if (middle := _dense_height(grid, relative)) is not None:
        names.append(Label("dense", MUTED, grid.section.compressions[-1], middle))
    if names:
        end_names(axes, names)
    return ink.finish(figure, title, f"{label} for each technique at {_range(grid.section)} compression")


def _draw(axes: Axes, ink: Ink, technique: str, groups: Sequence[Group], values: Values) -> list[float]:
    """A technique's band, line and dots; returns every height that was drawn."""
    points = [(group.compression, value) for group in groups for value in values(group) if value is not None]
    if not points:
        return []
    for run in _unbroken(groups):
        x = [group.compression for group in run]
        summaries = [_summary(values(group)) for group in run]
        if all(summary.n > 1 for summary in summaries):
            axes.fill_between(
                x,
                [summary.minimum or 0.0 for summary in summaries],
                [summary.maximum or 0.0 for summary in summaries],
                color=ink.looks[technique].color,
                alpha=0.13,
                linewidth=0,
                gid=ink.group(technique),
            )
        draw_line(axes, ink, technique, [(group.compression, _median(values(group)) or 0.0) for group in run])
    if any(len(group.rows) > 1 for group in groups):
        dots(axes, ink, technique, points)
    return [value for _, value in points]


def _draw_dense(axes: Axes, grid: Grid, *, relative: bool) -> list[float]:
    dense = grid.section.dense
    if dense.median is None or dense.minimum is None or dense.maximum is None:
        return []
    origin = dense.median if relative else 0.0
    low, high = dense.minimum - origin, dense.maximum - origin
    axes.axhspan(low, high, color=MUTED, alpha=0.15, linewidth=0, zorder=0)
    axes.axhline(dense.median - origin, color=MUTED, linewidth=1.2, zorder=1)
    return [low, high]


def _dense_height(grid: Grid, relative: bool) -> float | None:
    return 0.0 if relative and grid.section.dense.median is not None else grid.section.dense.median


def _draw_published(axes: Axes, ink: Ink, published: Section, technique: str) -> list[float]:
    low, high = axes.get_xlim()
    cells = [cell for (name, c), cell in published.cells.items() if name == technique and low <= c <= high]
    points = [(cell.compression, cell.summary.median) for cell in cells if cell.summary.median is not None]
    if not points:
        return []
    axes.plot(
        *zip(*points, strict=True),
        color=ink.looks[technique].color,
        linestyle=":",
        linewidth=1.2,
        alpha=0.7,
        gid=ink.group(technique),
        zorder=2,
    )
    return [value for _, value in points]


def _unbroken(groups: Sequence[Group]) -> list[list[Group]]:
    """Runs of complete groups: a line does not lead across a cell with missing replicates."""
    runs: list[list[Group]] = [[]]
    for group in groups:
        if group.complete:
            runs[-1].append(group)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _median(values: Sequence[float | None]) -> float | None:
    return _summary(values).median


def _summary(values: Sequence[float | None]) -> ReplicateSummary:
    from orchestrator.results.statistics import summarize

    return summarize(values)


def _range(section: Section) -> str:
    labels = list(labels_of(section).values())
    return f"{labels[0]} to {labels[-1]}" if len(labels) > 1 else labels[0]


def _table(grid: Grid, intervals: Sequence[Interval | None]) -> DataTable:
    labels = labels_of(grid.section)
    rows = []
    for cell, interval in zip(grid.section.cells.values(), intervals, strict=True):
        group = grid.chosen(cell)
        rows.append(
            [
                cell.technique,
                labels[cell.compression],
                f"{group.budget}{'*' if cell.provisional else ''}",
                f"{group.score.n}/{group.score.n_expected}",
                span(group.score, grid.decimals, plain),
                span(group.change, grid.decimals),
                change(interval, grid.decimals),
            ]
        )
    return DataTable(
        f"Test {grid.section.metric.title}{_bracketed(grid, grid.section.unit('score'))} and its change from the dense "
        f"network{_bracketed(grid, grid.unit)}",
        [
            *("technique", "compression", "budget", "done", f"{grid.section.metric.title}, median [lowest, highest]"),
            *("change, median [lowest, highest]", "mean change [95% interval]"),
        ],
        rows,
        keys=1,
    )


def _bracketed(grid: Grid, unit: str) -> str:
    """` (percent)`; nothing for a metric that is its own unit."""
    return "" if unit == grid.section.metric.title else f" ({unit})"
