"""How far each technique can compress for a given drop, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.results.intervals import Interval
from orchestrator.results.page.grids import Grid, Group, middle
from orchestrator.results.page.tables import NOTHING, Cell, DataTable, MarkedCell, change, epochs, percent
from orchestrator.results.wording import labels_of
from workers.text import duration

DROPS = (0.0, 0.5, 1.0, 2.0)
COST_DROP = 1.0
RULE = (
    "The largest compression of the grid at which the median test accuracy of all replicates is at least that of the "
    "dense networks minus the drop, with the budget that validation chose: the rule of `prunesweep headline`. Below it "
    "is the mean change, paired by replicate, and from three replicates its 95% interval, in points. The rule compares "
    "medians, so a mean may lie beyond the drop. A compression that is the largest of its grid (marked ≥) is a lower "
    "bound."
)
_ROUNDING = 1e-9

Intervals = Mapping[tuple[str, float], Interval | None]


def reach(grid: Grid, technique: str, drop: float) -> Group | None:
    """The group at the largest compression within a drop, by medians; null if none is."""
    dense = grid.section.dense.median
    farthest = None
    for compression in grid.section.compressions:
        group = grid.at(technique, compression)
        median = group.score.median if group is not None else None
        if dense is not None and median is not None and median - dense >= -drop - _ROUNDING:
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
    header = ["grid", "technique", *(f"drop of {drop:g}" for drop in DROPS)]
    return DataTable("Largest compression within a drop of test accuracy (points)", header, rows, keys=2)


def _reach_cell(grid: Grid, known: Intervals, technique: str, drop: float) -> Cell:
    group = reach(grid, technique, drop)
    if group is None:
        return NOTHING
    bound = "≥ " if group.compression == grid.section.compressions[-1] else ""
    return MarkedCell(
        f"{bound}{labels_of(grid.section)[group.compression]}",
        "strong",
        change(known.get((technique, group.compression))),
    )


def cost_table(grids: Sequence[Grid], names: Sequence[str]) -> DataTable:
    """What the cells within a drop of one point cost: a row for each grid and technique."""
    rows = [
        [name, technique, *_cost_cells(grid, reach(grid, technique, COST_DROP))]
        for grid, name in zip(grids, names, strict=True)
        for technique in grid.section.techniques
    ]
    return DataTable(
        f"Cost of the largest compression within a drop of {COST_DROP:g} point",
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
