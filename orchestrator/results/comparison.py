"""Two results beside each other, cell by cell: two stores, or a store and the published study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.results.frame import as_arrow
from orchestrator.results.matching import matching_cell, matching_sections
from orchestrator.results.sheets import Report, Sheet
from orchestrator.results.statistics import Summary
from orchestrator.results.table import Section, TableCell, table
from workers.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Task = tuple[str, str, str]
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Side:
    """Results and what they are called. `published` says by whom, where they are the study's.

    `unreadable` are files of a store that could not be read (path: reason).
    """

    name: str
    results: pa.Table | pd.DataFrame
    published: str | None = None
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A cell's replicates less the median of the dense networks of its side, in points (BLEU)."""

    n: int
    median: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """A cell that both sides have complete.

    `inside`: our median is in `low` to `high`: their minimum to maximum, widened by the standard deviation of their
    dense networks.
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
    """One grid of each side: the cells that both have, complete or not yet, and those that one side has.

    `our_steps` and `their_steps` are the lengths of the dense trainings, where they were trained there.
    """

    ours: Section
    theirs: Section
    cells: tuple[ComparedCell, ...]
    unfinished: tuple[tuple[TableCell, TableCell], ...]
    only_ours: tuple[TableCell, ...]
    only_theirs: tuple[TableCell, ...]
    our_steps: int | None
    their_steps: int | None


@dataclass(frozen=True, slots=True)
class Comparison(Report):
    """What `compare` gives. Prints as text; `unmatched_*` are grids that only one side has."""

    ours: Side
    theirs: Side
    budget: str
    sections: tuple[ComparedSection, ...]
    unmatched_ours: tuple[Section, ...]
    unmatched_theirs: tuple[Section, ...]

    @property
    def unreadable(self) -> dict[str, str]:
        """Files of either store that could not be read (where: reason)."""
        sides = (self.ours, self.theirs)
        return {
            f"{side.name}: {path}": f"{side.name}: {why}" for side in sides for path, why in side.unreadable.items()
        }

    @property
    def heading(self) -> str:
        from orchestrator.results.comparison_report import heading

        return heading(self)

    @property
    def protocol(self) -> Sequence[str]:
        from orchestrator.results.comparison_report import protocol

        return protocol(self)

    @property
    def sheets(self) -> Sequence[Sheet]:
        from orchestrator.results.comparison_report import sheet

        return [sheet(section) for section in self.sections]

    @property
    def notes(self) -> Sequence[str]:
        from orchestrator.results.comparison_report import notes

        return notes(self)

    @property
    def settings(self) -> dict[str, Any]:
        return {"ours": self.ours.name, "theirs": self.theirs.name, "statistic": "median", "budget": self.budget}

    def rows(self) -> list[dict[str, Any]]:
        """A row for each cell of each pair of grids, and of grids without one.

        `status` is `compared`, `unfinished`, `only_ours` or `only_theirs`.
        """
        from orchestrator.results.comparison_report import long_rows

        return long_rows(self)


def compare(
    ours: Side, theirs: Side, *, budget: str = "best", filters: Mapping[str, Any] | str | None = None
) -> Comparison:
    """Match the cells of two results (`orchestrator.results.matching`), each against its own side's dense networks.

    The published study is always `theirs`, whichever way round the two are given. `budget` and `filters` are those of
    `table`, for both sides. Raises InputError as `table` does, and where the two have no cell in common.
    """
    if ours.published and not theirs.published:
        ours, theirs = theirs, ours
    our_sections, their_sections = (_sections(side, budget, filters) for side in (ours, theirs))
    our_steps, their_steps = (_dense_steps(as_arrow(side.results)) for side in (ours, theirs))
    pairs = [
        _compared(one, other, our_steps.get(_task(one)), their_steps.get(_task(other)))
        for one, other in matching_sections(our_sections, their_sections)
    ]
    pairs = [pair for pair in pairs if pair.cells or pair.unfinished]
    if not pairs:
        raise InputError(_nothing_in_common(ours, theirs, our_sections, their_sections))
    return Comparison(
        ours=ours,
        theirs=theirs,
        budget=budget,
        sections=tuple(pairs),
        unmatched_ours=_without(our_sections, [pair.ours for pair in pairs]),
        unmatched_theirs=_without(their_sections, [pair.theirs for pair in pairs]),
    )


def _sections(side: Side, budget: str, filters: Mapping[str, Any] | str | None) -> list[Section]:
    try:
        found = table(side.results, budget=budget, filters=filters)
    except InputError as error:
        raise InputError(f"`{side.name}`: {error}") from error
    return [section for section in found.sections if section.cells]


def _dense_steps(results: pa.Table) -> dict[Task, int]:
    """How long the dense networks of each task were trained; nothing for those that came from elsewhere."""
    columns = [results.column(name).to_pylist() for name in ("dataset", "network", "recipe", "dense_step")]
    return {
        (dataset, network, recipe): steps for dataset, network, recipe, steps in zip(*columns, strict=True) if steps
    }


def _task(section: Section) -> Task:
    return section.dataset, section.network, section.recipe


def _compared(ours: Section, theirs: Section, our_steps: int | None, their_steps: int | None) -> ComparedSection:
    cells, unfinished, matched, only_ours = [], [], set(), []
    for cell in ours.cells.values():
        other = matching_cell(cell, theirs)
        if other is None:
            only_ours.append(cell)
            continue
        matched.add(id(other))
        compared = _compared_cell(cell, other, ours.dense, theirs.dense)
        if compared is None:
            unfinished.append((cell, other))
        else:
            cells.append(compared)
    return ComparedSection(
        ours=ours,
        theirs=theirs,
        cells=tuple(cells),
        unfinished=tuple(unfinished),
        only_ours=tuple(only_ours),
        only_theirs=tuple(cell for cell in theirs.cells.values() if id(cell) not in matched),
        our_steps=our_steps,
        their_steps=their_steps,
    )


def _compared_cell(ours: TableCell, theirs: TableCell, our_dense: Summary, their_dense: Summary) -> ComparedCell | None:
    """None while replicates of either side are missing."""
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


def _change(summary: Summary, dense: Summary) -> Change | None:
    if summary.median is None or summary.minimum is None or summary.maximum is None or dense.median is None:
        return None
    level = dense.median
    return Change(summary.n, summary.median - level, summary.minimum - level, summary.maximum - level)


def _without(sections: Sequence[Section], matched: Sequence[Section]) -> tuple[Section, ...]:
    return tuple(section for section in sections if not any(section is one for one in matched))


def _nothing_in_common(
    ours: Side, theirs: Side, our_sections: Sequence[Section], their_sections: Sequence[Section]
) -> str:
    from orchestrator.results.comparison_report import contents

    return (
        f"`{ours.name}` and `{theirs.name}` have no cell in common\n\n"
        f"`{ours.name}` has\n{contents(our_sections)}\n`{theirs.name}` has\n{contents(their_sections)}\n\n"
        "hint: cells match by network, pruning, schedule, technique and compression (within 0.1 %), and data by name"
    )
