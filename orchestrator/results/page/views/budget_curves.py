"""Accuracy against the budget: when a short retraining suffices."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.results.page.canvas import (
    Ink,
    Label,
    canvas,
    end_names,
    fit_heights,
    name_axes,
    name_panel,
    plain_log_scale,
)
from orchestrator.results.page.grids import Grid, Group
from orchestrator.results.page.tables import Cell, DataTable, MarkedCell, signed
from orchestrator.results.page.views.fronts import few
from orchestrator.results.page.views.view import View
from orchestrator.results.wording import labels_of

_LINES = 4


def budget_view(grid: Grid, ink: Ink) -> View:
    """One panel for each technique that has several budgets, a line for each of a few compressions."""
    title = f"{grid.name} against budget"
    reading = (
        "One panel for each technique; each line is one compression, and each point the median change from the dense "
        "network at one budget. Where a line becomes flat, retraining longer gains nothing."
    )
    techniques = [technique for technique in grid.section.techniques if len(grid.budgets(technique)) > 1]
    if not techniques:
        return View(title, reading, missing="The grid has one budget.")
    shown = few(grid.section.compressions, _LINES)
    figures = [figure for technique in techniques if (figure := _figure(grid, ink, technique, shown))]
    if not figures:
        return View(title, reading, missing="No cell is complete.")
    return View(title, reading, figures, tables=[_table(grid, technique, shown) for technique in techniques])


def _figure(grid: Grid, ink: Ink, technique: str, shown: Sequence[float]) -> str:
    """A panel; empty if none of its cells is complete."""
    labels, look = labels_of(grid.section), ink.looks[technique]
    lines = {compression: _line(grid, technique, compression) for compression in shown}
    points = [point for line in lines.values() for point in line]
    if not points:
        return ""
    figure, axes = canvas(right=38)
    plain_log_scale(axes, [x for x, _ in points])
    fit_heights(axes, [y for _, y in points], grid.section)
    names = []
    for number, (compression, line) in enumerate(lines.items(), 1):
        if not line:
            continue
        x, y = zip(*line, strict=True)
        axes.plot(
            x,
            y,
            color=look.color,
            linewidth=1.4,
            alpha=0.4 + 0.6 * number / len(lines),
        )
        axes.scatter(x, y, s=9, color=look.color, linewidths=0, gid="points")
        names.append(Label(labels[compression], look.color, *line[-1]))
    name_panel(axes, look.name)
    name_axes(axes, "budget of one round, epochs", grid.change_label)
    end_names(axes, names)
    return ink.finish(
        figure, f"{technique}: {grid.metric.title} against budget", f"{grid.section.title}, one line per compression"
    )


def _line(grid: Grid, technique: str, compression: float) -> list[tuple[float, float]]:
    groups = [grid.groups.get((technique, compression, budget)) for budget in grid.budgets(technique)]
    return [
        (group.budget_epochs, median)
        for group in groups
        if group is not None and (median := group.change.median) is not None
    ]


def _table(grid: Grid, technique: str, shown: Sequence[float]) -> DataTable:
    """Every budget of a technique at the compressions that are drawn."""
    labels = labels_of(grid.section)
    rows: list[list[Cell]] = []
    for budget in grid.budgets(technique):
        groups = [grid.groups.get((technique, compression, budget)) for compression in shown]
        rows.append([budget, *("" if group is None else _median(group, grid.decimals) for group in groups)])
    caption = f"{technique}: median change from the dense network, {grid.unit}"
    return DataTable(caption, ["budget", *(labels[compression] for compression in shown)], rows)


def _median(group: Group, decimals: int) -> Cell:
    change = group.change
    return signed(change.median, decimals) if change.complete else MarkedCell(f"{change.n}/{change.n_expected}", "gap")
