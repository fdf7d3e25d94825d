"""Every cell of a store as a table; of many cells, only where to find them."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.results.page.grids import Grid, Record
from orchestrator.results.page.tables import NOTHING, Cell, DataTable, epochs, plain, signed
from orchestrator.results.score_columns import metric_of
from orchestrator.results.statistics import SECTION
from orchestrator.results.wording import titles, units
from workers.techniques import DENSE

MOST = 2_000


def cells_table(rows: Sequence[Record], grids: Sequence[Grid]) -> DataTable | None:
    """A row for each cell with whatever varies between cells; null if there are more than `MOST`."""
    if len(rows) > MOST:
        return None
    varying = [name for name in SECTION if len({row[name] for row in rows if row["technique"] != DENSE}) > 1]
    header = [
        *varying,
        *("technique", "compression", "budget", "replicate", "state", "test", "validation", "change"),
        *("search cost, epochs", "time, s", "trial"),
    ]
    decimals = {grid.section.title: grid.decimals for grid in grids}
    lines = [_line(row, varying, decimals.get(" · ".join(row[name] for name in SECTION), 2)) for row in rows]
    sections = [grid.section for grid in grids]
    scores, changes = (units(sections, value).replace(", ", " in ", 1) for value in ("score", "delta"))
    caption = f"All cells: {titles(sections)}{scores}, change{changes}"
    return DataTable(caption, header, lines, keys=len(varying) + 1)


def _line(row: Record, varying: Sequence[str], decimals: int) -> list[Cell]:
    seconds = row.get("wall_seconds")
    return [
        *(row[name] for name in varying),
        row["technique"],
        f"{row['compression']:.4g}×",
        row["budget"] or NOTHING,
        str(row["replicate"]),
        row["failure"] or ("done" if row["done"] else "missing"),
        _score(row, "test", decimals),
        _score(row, "validation", decimals),
        signed(row["delta_test_score"], decimals),
        epochs(row["search_cost_epochs"]),
        NOTHING if seconds is None else f"{seconds:.1f}",
        row["trial"],
    ]


def _score(row: Record, split: str, decimals: int) -> str:
    score = row[f"{split}_score"]
    return plain(None if score is None else metric_of(row).scale * score, decimals)
