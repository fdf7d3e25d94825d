"""Accuracy against what it costs to get there: the search cost, or the budget of one round; a panel per compression."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from orchestrator.results.baseline import BASELINE
from orchestrator.results.figures.accuracy import dense_shown, place_title, replicates_shown
from orchestrator.results.figures.chart import Chart, ColumnCount
from orchestrator.results.figures.line_chart import LineChart, LinePanel, draw
from orchestrator.results.figures.lines import Line, Point, level
from orchestrator.results.figures.points import SAFE_ZONE, BudgetGrid, evenly, read_grids
from orchestrator.results.load import Results
from orchestrator.results.statistics import Split, Statistic, Value, group_by
from orchestrator.results.wording import axis_label, compression_labels, measure
from workers.errors import InputError

if TYPE_CHECKING:
    from orchestrator.results.grid import Section

_MOST_PANELS = 4  # of a grid
_ROUNDING = 1e-3  # the study rounds the densities of one-shot pruning to four digits, and those of iterative not
_Cost = Literal["cost", "epochs"]


class _ShownCost(NamedTuple):
    """What a chart shows against what."""

    against: _Cost
    value: Value
    statistic: Statistic
    split: Split


def accuracy_vs_cost(
    results: Results,
    *,
    compressions: Sequence[float] | None = None,
    value: Value = "score",
    statistic: Statistic = "median",
    split: Split = "test",
    filters: Mapping[str, Any] | str | None = None,
    columns: ColumnCount | None = None,
    caption: bool = True,
) -> Chart:
    """Accuracy against the search cost: the epochs of retraining in all rounds; a fresh start pays for T + t.

    `compressions` are those to draw, by default up to four of each grid. The other arguments are those of
    `accuracy_vs_compression`. Raises InputError as `table` does, and if there is nothing to draw.
    """
    grids = read_grids(results, value, split, filters)
    return _draw(grids, _ShownCost("cost", value, statistic, split), compressions, columns, caption)


def budget_curves(
    results: Results,
    *,
    compressions: Sequence[float] | None = None,
    value: Value = "score",
    statistic: Statistic = "median",
    split: Split = "test",
    filters: Mapping[str, Any] | str | None = None,
    cut: bool = False,
    columns: ColumnCount | None = None,
    caption: bool = True,
) -> Chart:
    """Accuracy against the budget of one round, with the paper's safe zone for rewinding: 25 to 90% of the training.

    Grids with a single budget are left out. With `cut`, each panel ends a point below the worst median of
    fine-tuning, and arrows mark the techniques that fall further. Other arguments and errors are those of
    `accuracy_vs_cost`.
    """
    grids = [grid for grid in read_grids(results, value, split, filters) if len(grid.budgets) > 1]
    if not grids:
        raise InputError("a curve over budgets needs at least two budgets", hint="add a `budget` to the grid")
    return _draw(grids, _ShownCost("epochs", value, statistic, split), compressions, columns, caption, cut=cut)


def _draw(
    grids: Sequence[BudgetGrid],
    shown: _ShownCost,
    compressions: Sequence[float] | None,
    columns: ColumnCount | None,
    caption: bool,
    *,
    cut: bool = False,
) -> Chart:
    sections = [grid.section for grid in grids]
    panels = []
    for alike in group_by(grids, _place).values():
        ratios = _distinct(sorted({ratio for grid in alike for ratio in grid.section.compressions}))
        for compression in _chosen(ratios, compressions):
            panel = _panel(alike, compression, shown, sections)
            panels.append(replace(panel, floor=_floor(panel, alike[0].section)) if cut else panel)
    if not panels:
        raise InputError("no cell has these compressions", hint="`prunesweep table` lists those that occur")
    return draw(
        LineChart(
            title=f"{measure(sections, shown.value, shown.split)}, against {_WORDS[shown.against]}",
            caption=_caption(grids, shown, panels),
            x_label=_X_LABELS[shown.against],
            kind="epochs",
            panels=panels,
            same_y=not cut and len({(section.dataset, section.network) for section in sections}) == 1,
        ),
        columns,
        caption=caption,
    )


def _place(grid: BudgetGrid) -> tuple[str, ...]:
    """Grids that differ in their pruning schedule alone share panels, so that one can see what iterating costs."""
    return tuple(text for name, text in grid.section.place.items() if name != "schedule")


_WORDS: dict[_Cost, str] = {"cost": "search cost", "epochs": "the budget of one round"}
_X_LABELS: dict[_Cost, str] = {
    "cost": "search cost, epochs",
    "epochs": "budget, epochs per round",
}


def _distinct(compressions: Sequence[float]) -> list[float]:
    """Sorted compressions without those that only rounding tells from the one before."""
    distinct: list[float] = []
    for compression in compressions:
        if not distinct or not _same(compression, distinct[-1]):
            distinct.append(compression)
    return distinct


def _same(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=_ROUNDING)


def _chosen(compressions: Sequence[float], wanted: Sequence[float] | None) -> list[float]:
    """The compressions of a grid that are drawn; those that are wanted may be rounded as in tables."""
    if wanted is None:
        return evenly(compressions, _MOST_PANELS)
    return [value for value in compressions if any(abs(value / ratio - 1) < 0.005 for ratio in wanted)]


def _panel(
    grids: Sequence[BudgetGrid],
    compression: float,
    shown: _ShownCost,
    sections: Sequence[Section],
) -> LinePanel:
    section = grids[0].section
    [ratio] = compression_labels([compression])
    several = len({grid.section.schedule for grid in grids}) > 1
    title = place_title(section, sections, schedule=not several)
    return LinePanel(
        title=f"{title} · {ratio}",
        y_label=axis_label(section, shown.value, shown.split),
        lines=[
            line
            for grid in sorted(grids, key=attrgetter("is_iterative"))
            for line in _lines(grid, compression, shown, "iterative" if several and grid.is_iterative else "")
        ],
        dense=level(section, shown.value, shown.statistic),
        zone=_safe_zone(grids[0].dense_epochs) if shown.against == "epochs" else None,
        higher_is_better=section.metric.higher_is_better,
    )


def _safe_zone(dense_epochs: float | None) -> tuple[float, float] | None:
    low, high = SAFE_ZONE
    return (low * dense_epochs, high * dense_epochs) if dense_epochs else None


def _floor(panel: LinePanel, section: Section) -> float | None:
    """A point worse than the worst median of fine-tuning; null where it is missing."""
    medians = [
        point.band.middle
        for line in panel.lines
        for point in line.points
        if line.technique == BASELINE and point.band is not None
    ]
    if not medians:
        return None
    return min(medians, key=section.metric.gain) - section.metric.gain(section.point)


def _is_cut(panel: LinePanel) -> bool:
    """Whether a median is worse than the floor."""
    middles = [point.band.middle for line in panel.lines for point in line.points if point.band is not None]
    return panel.floor is not None and any(panel.is_worse(middle, panel.floor) for middle in middles)


def _lines(grid: BudgetGrid, compression: float, shown: _ShownCost, note: str) -> Iterator[Line]:
    for technique in grid.techniques:
        cells = [cell for cell in grid.cells if cell.technique == technique and _same(cell.compression, compression)]
        points = [Point.of(getattr(cell, shown.against), cell.summary, cell.values, shown.statistic) for cell in cells]
        if points:
            yield Line(technique, sorted(points, key=lambda point: point.x), note)


def _caption(grids: Sequence[BudgetGrid], shown: _ShownCost, panels: Sequence[LinePanel]) -> str:
    counts = [cell.summary.n_expected for grid in grids for cell in grid.cells]
    lines = replicates_shown(counts, shown.statistic)
    sentences = [f"Lines: {lines}; {shown.split} split; every budget.", dense_shown(shown.statistic)]
    if any(panel.zone is not None for panel in panels):
        low, high = SAFE_ZONE
        sentences.append(f"Gray area: budgets of {low:.0%} to {high:.0%} of the dense training, the safe zone.")
    if any(_is_cut(panel) for panel in panels):
        lower = "lower" if all(grid.section.metric.higher_is_better for grid in grids) else "worse"
        sentences.append(f"Arrows at the lower edge: medians that are {lower} still.")
    if any(not cell.summary.complete for grid in grids for cell in grid.cells):
        sentences.append("Hollow dots: replicates are missing.")
    return " ".join(sentences)
