"""Compared cells as plain rows of data."""

from __future__ import annotations

from typing import Any

from orchestrator.results.comparisons.comparison import Change, ComparedCell, ComparedSection
from orchestrator.results.comparisons.means import Means
from orchestrator.results.grid import Section, TableCell


def pair_rows(pair: ComparedSection, means: Means | None) -> list[dict[str, Any]]:
    """A row for each cell that at least one of two grids has."""
    rows = [
        cell_row(pair.ours, "compared", cell.ours, cell.theirs, cell, pair=pair)
        | (means.of(cell, pair.ours, pair.theirs).columns() if means else {})
        for cell in pair.cells
    ]
    rows += [cell_row(pair.ours, "unfinished", ours, theirs, pair=pair) for ours, theirs in pair.unfinished]
    rows += [cell_row(pair.ours, "only_ours", cell, None, pair=pair) for cell in pair.only_ours]
    rows += [cell_row(pair.theirs, "only_theirs", None, cell, pair=pair) for cell in pair.only_theirs]
    return rows


def cell_row(
    section: Section,
    status: str,
    ours: TableCell | None,
    theirs: TableCell | None,
    compared: ComparedCell | None = None,
    pair: ComparedSection | None = None,
) -> dict[str, Any]:
    """A cell of one side or of both; `compared` if it is complete on both, `pair` if both sides have its grid."""
    cell = ours or theirs
    assert cell is not None
    return (
        {"unit": section.unit("delta"), **section.place}
        | {"technique": cell.technique, "compression": cell.compression, "status": status}
        | _side("ours", ours, compared.our_change if compared else None)
        | _side("theirs", theirs, compared.their_change if compared else None)
        | {name: getattr(compared, name, None) for name in ("difference", "low", "high", "inside")}
        | (_dense_of_pair(pair) if pair else _dense_of_one_side(section, status))
    )


def _dense_of_pair(pair: ComparedSection) -> dict[str, Any]:
    return _dense("ours", pair.ours, pair.our_steps) | _dense("theirs", pair.theirs, pair.their_steps)


def _dense_of_one_side(section: Section, status: str) -> dict[str, Any]:
    """The columns of a grid that only one side has."""
    ours, theirs = (section if status == name else None for name in ("only_ours", "only_theirs"))
    return _dense("ours", ours, None) | _dense("theirs", theirs, None)


def _dense(side: str, section: Section | None, steps: int | None) -> dict[str, Any]:
    """The columns of the dense networks of one side."""
    return {
        f"{side}_dense_median": section.dense.median if section else None,
        f"{side}_dense_sd": section.dense.sd if section else None,
        f"{side}_dense_steps": steps,
    }


def _side(side: str, cell: TableCell | None, change: Change | None) -> dict[str, Any]:
    """The columns of one side; `n` is how many replicates are done."""
    return {
        f"{side}_budget": cell.budget if cell else None,
        f"{side}_n": cell.summary.n if cell else None,
        f"{side}_median": change.median if change else None,
        f"{side}_minimum": change.minimum if change else None,
        f"{side}_maximum": change.maximum if change else None,
    }
