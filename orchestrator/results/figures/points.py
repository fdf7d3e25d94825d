"""Grids with the cells of every budget, which figures of cost and budget show; tables show one budget of each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from orchestrator.results.grid import Section, sections
from orchestrator.results.load import Results, as_arrow
from orchestrator.results.rows import Row, read_rows
from orchestrator.results.statistics import ReplicateSummary, Split, Value, group_by, summarize
from workers.errors import InputError
from workers.techniques import in_order

SAFE_ZONE = (0.25, 0.9)
"""The budgets, as shares of the dense training, in which rewinding is safe (Renda, Frankle, Carbin 2020, section 4)."""


@dataclass(frozen=True, slots=True)
class BudgetCell:
    """One technique at one compression and one budget: `values` are percent, or points for a difference.

    `epochs` is the budget and `cost` the search cost, both in epochs; `multiply_adds` are those of the sparse network,
    the mean over replicates, null where records lack them.
    """

    technique: str
    compression: float
    budget: str
    epochs: float
    cost: float
    multiply_adds: float | None
    summary: ReplicateSummary
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BudgetGrid:
    """A section of a table, with the cells of every budget; `dense_epochs` is null where it is unknown."""

    section: Section
    cells: tuple[BudgetCell, ...]
    dense_epochs: float | None

    @property
    def techniques(self) -> list[str]:
        return in_order(cell.technique for cell in self.cells)

    @property
    def is_iterative(self) -> bool:
        return self.section.schedule == "iterative"

    @property
    def budgets(self) -> list[float]:
        """In epochs."""
        return sorted({cell.epochs for cell in self.cells})


def read_grids(
    results: Results, value: Value, split: Split, filters: Mapping[str, Any] | str | None
) -> list[BudgetGrid]:
    """The grids that results have. Raises InputError as `table` does, and if no network is pruned."""
    rows, dense_scores = read_rows(as_arrow(results), value, split, filters or {})
    pruned = group_by([row for row in rows if not row.is_dense], attrgetter("section"))
    grids = [
        _grid(section, pruned[tuple(section.place.values())])
        for section in sections(rows, dense_scores, "median")
        if section.cells
    ]
    if not grids:
        raise InputError("no pruned network to draw", hint="`prunesweep status` shows how far sweeps are")
    return grids


def evenly(values: Sequence[float], most: int) -> list[float]:
    """At most so many of sorted values: the first, the last, and some between at equal distances in the order."""
    if len(values) <= most:
        return list(values)
    return [values[round(index * (len(values) - 1) / (most - 1))] for index in range(most)]


def _grid(section: Section, rows: Sequence[Row]) -> BudgetGrid:
    groups = group_by(rows, attrgetter("technique", "compression", "budget"))
    cells = sorted(map(_cell, groups.values()), key=attrgetter("compression", "epochs"))
    return BudgetGrid(section, tuple(cells), rows[0].dense_epochs)


def _cell(rows: Sequence[Row]) -> BudgetCell:
    epochs = rows[0].budget_epochs or 0.0
    counted = [row.sparse_multiply_adds for row in rows if row.sparse_multiply_adds is not None]
    return BudgetCell(
        technique=rows[0].technique,
        compression=rows[0].compression,
        budget=str(rows[0].budget),
        epochs=epochs,
        cost=epochs if rows[0].search_cost_epochs is None else rows[0].search_cost_epochs,
        multiply_adds=sum(counted) / len(counted) if counted else None,
        summary=summarize([row.value for row in rows]),
        values=tuple(row.value for row in rows if row.value is not None),
    )
