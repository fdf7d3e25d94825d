"""How far each technique can compress for a given drop, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from orchestrator.results.intervals import Interval
from orchestrator.results.page.grids import Grid, Group, middle
from orchestrator.results.page.tables import NOTHING, Cell, DataTable, MarkedCell, change, epochs, percent
from orchestrator.results.tolerance import Tolerance
from orchestrator.results.wording import labels_of, titles, units
from workers.text import duration

DROPS = (0.0, 0.5, 1.0, 2.0)
COST_DROP = 1.0
_RULE = (
    "The largest compression of the grid at which the median test {names} of all replicates is {bound} that of the "
    "dense networks {sign} the {loss}, with the budget that validation chose: the rule of `prunesweep headline`. Below "
    "it is the mean change{paired}, and from three replicates its 95% interval{units}. The rule compares "
    "medians, so a mean may lie beyond the {loss}. A compression that is the largest of its grid (marked ≥) is a lower "
    "bound."
)

Intervals = Mapping[tuple[str, float], Interval | None]


class _LossWords(NamedTuple):
    """How the tables name a loss: `drop` or `rise`, in points or in percent of the dense score."""

    loss: str
    percent: str

    @classmethod
    def of(cls, grids: Sequence[Grid]) -> _LossWords:
        losses = {grid.metric.loss for grid in grids}
        in_points = all(grid.metric.is_out_of_100 for grid in grids)
        return cls(losses.pop() if len(losses) == 1 else "loss", "" if in_points else "%")


def reach_rule(grids: Sequence[Grid]) -> str:
    """The rule of the first table in words."""
    sections, words = [grid.section for grid in grids], _LossWords.of(grids)
    higher = words.loss != "rise"
    return _RULE.format(
        names=titles(sections),
        bound="at least" if higher else "at most",
        sign="minus" if higher else "plus",
        loss=words.loss,
        paired=", paired by replicate" if all(grid.paired for grid in grids) else "",
        units=units(sections, "delta").replace(", ", ", in ", 1),
    )


def reach(grid: Grid, technique: str, drop: float) -> Group | None:
    """The group at the largest compression within a drop, by medians; null if none is.

    The drop is in points, or in percent of the dense score for metrics that are not out of 100.
    """
    dense = grid.section.dense.median
    tolerance = Tolerance(drop, is_share=not grid.metric.is_out_of_100)
    farthest = None
    for compression in grid.section.compressions:
        group = grid.at(technique, compression)
        median = group.score.median if group is not None else None
        if dense is not None and median is not None and tolerance.forgives(median - dense, dense, grid.metric):
            farthest = group
    return farthest


def reach_table(grids: Sequence[Grid], intervals: Sequence[Intervals], names: Sequence[str]) -> DataTable:
    """A row for each grid and technique, a column for each drop."""
    rows: list[list[Cell]] = []
    for grid, known, name in zip(grids, intervals, names, strict=True):
        rows += [
            [name, technique, *(_reach_cell(grid, known, technique, drop) for drop in DROPS)]
            for technique in grid.section.techniques
        ]
    words, sections = _LossWords.of(grids), [grid.section for grid in grids]
    header = ["grid", "technique", *(f"{words.loss} of {drop:g}{words.percent}" for drop in DROPS)]
    unit = "percent of the dense score" if words.percent else "points"
    caption = f"Largest compression within a {words.loss} of test {titles(sections)} ({unit})"
    return DataTable(caption, header, rows, keys=2)


def _reach_cell(grid: Grid, known: Intervals, technique: str, drop: float) -> Cell:
    group = reach(grid, technique, drop)
    if group is None:
        return NOTHING
    bound = "≥ " if group.compression == grid.section.compressions[-1] else ""
    return MarkedCell(
        f"{bound}{labels_of(grid.section)[group.compression]}",
        "strong",
        change(known.get((technique, group.compression)), grid.decimals),
    )


def cost_table(grids: Sequence[Grid], names: Sequence[str]) -> DataTable:
    """What the cells within a drop of one point cost: a row for each grid and technique."""
    rows = [
        [name, technique, *_cost_cells(grid, reach(grid, technique, COST_DROP))]
        for grid, name in zip(grids, names, strict=True)
        for technique in grid.section.techniques
    ]
    words = _LossWords.of(grids)
    return DataTable(
        f"Cost of the largest compression within a {words.loss} of {COST_DROP:g}{words.percent or ' point'}",
        [
            *("grid", "technique", "compression", "budget", "search cost, epochs", "× dense training"),
            *("weights kept", "multiply-adds, theoretical", "time of the last trial"),
        ],
        rows,
        keys=2,
    )


def _cost_cells(grid: Grid, group: Group | None) -> list[str]:
    if group is None:
        return [NOTHING] * 7
    dense = middle(row["dense_epochs"] for row in group.rows)
    return [
        labels_of(grid.section)[group.compression],
        group.budget,
        epochs(group.search_cost),
        f"{group.search_cost / dense:.2f}" if dense else NOTHING,
        percent(group.weights_kept),
        percent(group.operations_kept),
        NOTHING if group.seconds is None else duration(group.seconds),
    ]
