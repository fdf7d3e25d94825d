"""Two results cell by cell, as data: which grids and cells both have, and how far apart they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.results.comparisons.matching import matching_cell, matching_sections
from orchestrator.results.grid import Section, TableCell
from orchestrator.results.load import Results, is_published, rows_of
from orchestrator.results.reference import RENDA2020, citation
from orchestrator.results.rows import Filters, Task
from orchestrator.results.statistics import ReplicateSummary, Split, Value
from orchestrator.results.table import table
from workers.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Side:
    """Results and their name. `published` cites the source of published results.

    `unreadable` are files of a store that could not be read (path: reason).
    """

    name: str
    results: pa.Table
    published: str | None = None
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        results: Results,
        name: str,
        sweep: str | None = None,
        *,
        retired: bool = False,
        metric: str | None = None,
    ) -> Side:
        """The results of a store or of one of its sweeps, those of `retired` sweeps too or not; of the published study,
        which has no sweeps; or rows, which are called `name`. `metric` is that of `rows_of`."""
        joined = rows_of(results, None if is_published(results) else sweep, retired=retired, metric=metric)
        if is_published(results):
            return cls(RENDA2020, joined.rows, str(citation()))
        named = os.fspath(results) if isinstance(results, str | os.PathLike) else name
        return cls(named if sweep is None else f"{named}, sweep {sweep}", joined.rows, None, joined.unreadable)

    def sections(
        self, budget: str, filters: Filters | None, value: Value = "score", split: Split = "test"
    ) -> list[Section]:
        """The grids of this side that have pruned networks, as scores or differences from the dense networks.

        Raises InputError as `table` does, naming the side."""
        try:
            shown = table(self.results, value=value, budget=budget, split=split, filters=filters)
        except InputError as error:
            raise InputError(f"`{self.name}`: {error.message}", hint=error.hint) from error
        return [section for section in shown.sections if section.cells]

    def dense_steps(self) -> dict[Task, int]:
        """Steps of the dense training of each task, without those of networks that were trained elsewhere."""
        columns = [self.results.column(name).to_pylist() for name in ("dataset", "network", "recipe", "dense_step")]
        return {
            (dataset, network, recipe): steps for dataset, network, recipe, steps in zip(*columns, strict=True) if steps
        }


@dataclass(frozen=True, slots=True)
class Change:
    """A cell's replicates minus the median of its side's dense networks, in the unit of differences."""

    n: int
    median: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """A cell that is complete on both sides.

    `low` and `high` are their minimum and maximum, widened by the standard deviation of their dense networks. `inside`
    tells whether our median is within these.
    """

    ours: TableCell
    theirs: TableCell
    our_change: Change
    their_change: Change
    difference: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        return self.low - _ROUNDING <= self.our_change.median <= self.high + _ROUNDING


@dataclass(frozen=True, slots=True)
class ComparedSection:
    """One grid of each side: the cells that both have, complete or not yet, and those that only one side has.

    `our_steps` and `their_steps` are the lengths of the dense trainings; None for networks trained elsewhere.
    """

    ours: Section
    theirs: Section
    cells: tuple[ComparedCell, ...]
    unfinished: tuple[tuple[TableCell, TableCell], ...]
    only_ours: tuple[TableCell, ...]
    only_theirs: tuple[TableCell, ...]
    our_steps: int | None
    their_steps: int | None


def compared_sections(
    ours: Side, theirs: Side, our_sections: list[Section], their_sections: list[Section]
) -> list[ComparedSection]:
    """The pairs of grids that have a cell in common."""
    our_steps, their_steps = ours.dense_steps(), theirs.dense_steps()
    pairs = [
        _compared(our, their, our_steps.get(our.task), their_steps.get(their.task))
        for our, their in matching_sections(our_sections, their_sections)
    ]
    return [pair for pair in pairs if pair.cells or pair.unfinished]


def _compared(ours: Section, theirs: Section, our_steps: int | None, their_steps: int | None) -> ComparedSection:
    twins = [(cell, matching_cell(cell, theirs)) for cell in ours.cells.values()]
    both = [(cell, twin) for cell, twin in twins if twin is not None]
    compared = [(pair, _compared_cell(*pair, ours.dense, theirs.dense)) for pair in both]
    matched = {(twin.technique, twin.compression) for _, twin in both}
    return ComparedSection(
        ours=ours,
        theirs=theirs,
        cells=tuple(cell for _, cell in compared if cell is not None),
        unfinished=tuple(pair for pair, cell in compared if cell is None),
        only_ours=tuple(cell for cell, twin in twins if twin is None),
        only_theirs=tuple(cell for place, cell in theirs.cells.items() if place not in matched),
        our_steps=our_steps,
        their_steps=their_steps,
    )


def _compared_cell(
    ours: TableCell, theirs: TableCell, our_dense: ReplicateSummary, their_dense: ReplicateSummary
) -> ComparedCell | None:
    """None while replicates are missing on either side."""
    our_change, their_change = _change(ours.summary, our_dense), _change(theirs.summary, their_dense)
    if our_change is None or their_change is None:
        return None
    spread = their_dense.sd or 0.0
    return ComparedCell(
        ours=ours,
        theirs=theirs,
        our_change=our_change,
        their_change=their_change,
        difference=our_change.median - their_change.median,
        low=their_change.minimum - spread,
        high=their_change.maximum + spread,
    )


def _change(summary: ReplicateSummary, dense: ReplicateSummary) -> Change | None:
    if summary.median is None or summary.minimum is None or summary.maximum is None or dense.median is None:
        return None
    origin = dense.median
    return Change(summary.n, summary.median - origin, summary.minimum - origin, summary.maximum - origin)
