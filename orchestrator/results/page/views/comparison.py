"""Techniques × compressions as numbers, with ties, and tests against the baseline."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.results.baseline import Contrast, contrasts
from orchestrator.results.intervals import FEWEST_FOR_T, Interval
from orchestrator.results.page.grids import Grid
from orchestrator.results.page.reach import Intervals
from orchestrator.results.page.tables import Cell, DataTable, MarkedCell, bounds, signed
from orchestrator.results.page.ties import ComparedColumn
from orchestrator.results.page.views.view import View
from orchestrator.results.wording import labels_of, replicates, sign_notes, signs
from workers.text import plural


def comparison_view(grid: Grid, columns: Sequence[ComparedColumn], intervals: Intervals, baseline: str) -> View:
    """The comparison table, and the table of tests where the baseline is in the grid."""
    reading = (
        f"Mean change from the dense network{_spread(grid)}, in {grid.unit}, over {_count(grid)}, at the "
        "budget that validation chose, shown under each number. Bold: the best of its column, or tied with it (the "
        "rule is with the answers). A cell with missing replicates shows how many are done, and never a mean."
    )
    notes = sign_notes([cell for cell in grid.section.cells.values() if cell.summary.complete])
    comparison = _table(grid, {column.compression: column for column in columns}, intervals)
    tested = contrasts(grid.section, baseline)
    if tested:
        notes.append(
            f"Tests: each technique minus {baseline} at the same compression, two-sided t tests, adjusted by Holm's "
            "method over the grid. Three replicates give such a test little power."
        )
    text = " ".join([reading, *(f"{note.rstrip('.')}." for note in notes)])
    return View("Comparison", text, shown=[comparison], tables=[_tests(grid, tested, baseline)] if tested else [])


def _spread(grid: Grid) -> str:
    n = replicates(grid.section)
    return "" if n is not None and n < FEWEST_FOR_T else " ± half the 95% interval"


def _count(grid: Grid) -> str:
    n = replicates(grid.section)
    return "n replicates" if n is None else plural(n, "replicate")


def _table(grid: Grid, columns: dict[float, ComparedColumn], intervals: Intervals) -> DataTable:
    labels = labels_of(grid.section)
    rows: list[list[Cell]] = []
    for technique in grid.section.techniques:
        cells = [
            _cell(grid, technique, compression, columns.get(compression), intervals)
            for compression in grid.section.compressions
        ]
        rows.append([technique, *cells])
    return DataTable(f"Mean change from the dense network, {grid.unit}", ["technique", *labels.values()], rows)


def _cell(grid: Grid, technique: str, compression: float, column: ComparedColumn | None, intervals: Intervals) -> Cell:
    cell = grid.section.cells.get((technique, compression))
    if cell is None:
        return ""
    if not cell.summary.complete:
        return MarkedCell(f"{cell.summary.n}/{cell.summary.n_expected}", "gap")
    half_width = _half_width(intervals.get((technique, compression)), grid.decimals)
    text = f"{signed(cell.summary.mean, grid.decimals)}{half_width}"
    several = len(grid.section.budgets) > 1
    notes = [str(cell.budget)] if several else []
    notes += [] if replicates(grid.section) else [f"n={cell.summary.n}"]
    kind = "best" if column is not None and column.tied(technique) else ""
    return MarkedCell(f"{text}{signs(cell)}", kind, ", ".join(notes))


def _half_width(interval: Interval | None, decimals: int) -> str:
    if interval is None or interval.half_width is None:
        return ""
    return f" ±{interval.half_width:.{decimals}f}"


def _tests(grid: Grid, tested: Sequence[Contrast], baseline: str) -> DataTable:
    labels = labels_of(grid.section)
    rows: list[list[Cell]] = [
        [
            contrast.technique,
            labels[contrast.compression],
            signed(contrast.difference.middle, grid.decimals),
            bounds(contrast.difference, grid.decimals),
            _p(contrast.p),
            MarkedCell(_p(contrast.adjusted), "best" if contrast.significant() else ""),
        ]
        for contrast in tested
    ]
    header = ["technique", "compression", f"minus {baseline}", "95% interval", "p", "p, adjusted"]
    return DataTable(f"Tests against {baseline}", header, rows, keys=2)


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
