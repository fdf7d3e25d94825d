"""Rows as grids: cells that summarize replicates, in one section for each grid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from operator import attrgetter

from orchestrator.results.budgets import best_budget
from orchestrator.results.intervals import (
    Interval,
    independent_difference,
    independent_p_value,
    interval,
    paired_difference,
    paired_p_value,
)
from orchestrator.results.rows import Row, Task
from orchestrator.results.statistics import (
    SECTION,
    ReplicateSummary,
    Statistic,
    Value,
    group_by,
    summarize,
)
from workers.metrics.facts import KNOWN_ACCURACY, MetricFacts
from workers.techniques import in_order

_SAME_RUN_SIGNS = "†‡§¶"


@dataclass(slots=True)
class TableCell:
    """One technique at one compression. Values are as they are shown: percent, or points for a difference.

    `values` are those that are done, of `replicates`; `paired` tells whether the dense network of each is known.
    """

    technique: str
    compression: float
    budget: str | None
    summary: ReplicateSummary
    values: tuple[float, ...]
    replicates: tuple[int, ...]
    paired: bool
    stops: tuple[tuple[str, int | None], ...]
    provisional: bool = False  # chosen among the budgets that are complete, while others are not
    mixed_parents: bool = False
    sign: str = ""  # equal in cells that are the same run
    same_run_as: tuple[str, ...] = ()  # the other such cells
    best: bool = False  # of its column

    @property
    def interval(self) -> Interval | None:
        """The interval of the mean; null while replicates are missing."""
        return interval(self.values) if self.summary.complete else None

    def minus(self, other: TableCell) -> Interval | None:
        """The mean difference from another cell, within replicates where their dense networks are known.

        Null while replicates are missing, and if cells that are compared within replicates have none in common.
        """
        samples = self._samples(other)
        if samples is None:
            return None
        return paired_difference(*samples) if self._is_pair_of(other) else independent_difference(*samples)

    def p_value(self, other: TableCell) -> float | None:
        """The p-value of no difference from another cell; null as in `minus`, and if there is nothing to test."""
        samples = self._samples(other)
        if samples is None or set(self.stops) == set(other.stops):
            return None
        return paired_p_value(*samples) if self._is_pair_of(other) else independent_p_value(*samples)

    def _is_pair_of(self, other: TableCell) -> bool:
        return self.paired and other.paired

    def _samples(self, other: TableCell) -> tuple[Sequence[float], Sequence[float]] | None:
        """The values of this cell and another, for the same replicates if the two are pairs."""
        if not (self.summary.complete and other.summary.complete):
            return None
        if not self._is_pair_of(other):
            return self.values, other.values
        ours, theirs = (dict(zip(cell.replicates, cell.values, strict=True)) for cell in (self, other))
        common = [replicate for replicate in ours if replicate in theirs]
        return ([ours[name] for name in common], [theirs[name] for name in common]) if common else None


@dataclass(frozen=True, slots=True)
class Section:
    """The cells of one grid by (technique, compression), and the scores of its dense networks as they are shown.

    `budgets` are those that the cells were chosen from.
    """

    dataset: str
    network: str
    recipe: str
    pruning: str
    schedule: str
    techniques: tuple[str, ...]
    compressions: tuple[float, ...]
    budgets: tuple[str, ...]
    cells: Mapping[tuple[str, float], TableCell]
    dense: ReplicateSummary
    dense_values: tuple[float, ...] = ()
    metric: MetricFacts = KNOWN_ACCURACY

    @property
    def title(self) -> str:
        return " · ".join(self.place.values())

    @property
    def place(self) -> dict[str, str]:
        """The columns that tell this grid from others."""
        return {name: getattr(self, name) for name in SECTION}

    @property
    def task(self) -> Task:
        return self.dataset, self.network, self.recipe

    @property
    def dense_interval(self) -> Interval | None:
        """The interval of the mean of the dense networks; null while replicates are missing."""
        return interval(self.dense_values) if self.dense.complete else None

    @property
    def decimals(self) -> int:
        """How many decimals its numbers have."""
        return self.metric.decimals(self.dense.median)

    @property
    def point(self) -> float:
        """A difference that matters, in its unit."""
        return self.metric.point(self.dense.median)

    def unit(self, value: Value) -> str:
        """The unit of its numbers: percent and points, or that of its metric."""
        return self.metric.unit_of_changes if value == "delta" else self.metric.shown_unit


def differing(grids: Iterable[Section]) -> set[str]:
    """The columns in which grids differ from each other."""
    places = [grid.place for grid in grids]
    return {name for name in SECTION if len({place[name] for place in places}) > 1}


def sections(
    rows: Sequence[Row],
    dense_scores: Mapping[Task, Sequence[float]],
    statistic: Statistic,
    *,
    split_budgets: bool = False,
) -> tuple[Section, ...]:
    """One section for each grid, with the best cells of each column and the same runs marked.

    With `split_budgets` there is a section for each budget of a grid, else its cells show the one that is chosen.
    `dense_scores` are those of all dense networks of a task. They stand in where the dense network of a row is unknown.
    """
    grids = group_by(rows, lambda row: (row.section, row.budget if split_budgets else None)).values()
    new = [_section(members, dense_scores.get(members[0].task, ()), statistic) for members in grids]
    _mark_same_runs(new)
    return tuple(new)


def _section(rows: Sequence[Row], dense_scores: Sequence[float], statistic: Statistic) -> Section:
    groups = group_by([row for row in rows if not row.is_dense], attrgetter("technique", "compression"))
    techniques = in_order(technique for technique, _ in groups)
    compressions = sorted({compression for _, compression in groups})
    cells = {
        place: _cell(list(group_by(groups[place], attrgetter("budget")).values()))
        for place in product(techniques, compressions)
        if place in groups
    }
    for compression in compressions:
        column = [cell for cell in cells.values() if cell.compression == compression]
        _mark_best(column, statistic, rows[0].metric)
    dense = _dense_values(rows, dense_scores)
    return Section(
        **{name: getattr(rows[0], name) for name in SECTION},
        techniques=tuple(techniques),
        compressions=tuple(compressions),
        budgets=tuple(dict.fromkeys(row.budget for row in rows if row.budget is not None)),
        cells=cells,
        dense=summarize(dense),
        dense_values=tuple(value for value in dense if value is not None),
        metric=rows[0].metric,
    )


def _dense_values(rows: Sequence[Row], dense_scores: Sequence[float]) -> Sequence[float | None]:
    """The dense networks that cells are compared to: that of each replicate, or all of them if those are unknown."""
    if all(row.has_own_dense for row in rows):
        return list({row.replicate: row.dense for row in rows}.values())
    return dense_scores or [rows[0].dense]


def _cell(groups: Sequence[Sequence[Row]]) -> TableCell:
    """The cell of the budget that validation chooses; while no budget is complete, of the one with most replicates."""
    best = best_budget(groups)
    rows = best or max(groups, key=lambda group: (_validated(group), -(group[0].budget_epochs or 0.0)))
    done = [row for row in sorted(rows, key=attrgetter("replicate")) if row.value is not None]
    return TableCell(
        technique=rows[0].technique,
        compression=rows[0].compression,
        budget=rows[0].budget,
        summary=summarize([row.value for row in rows]),
        values=tuple(row.value for row in done if row.value is not None),
        replicates=tuple(row.replicate for row in done),
        paired=all(row.has_own_dense for row in rows),
        stops=tuple((row.trial, row.step) for row in rows),
        provisional=best is not None and any(_validated(group) < len(group) for group in groups),
        mixed_parents=any(row.mixed_parents for row in rows),
    )


def _validated(group: Sequence[Row]) -> int:
    return sum(row.validation_score is not None for row in group)


def _mark_best(column: Sequence[TableCell], statistic: Statistic, metric: MetricFacts) -> None:
    """Mark the best of a column and its ties, if the column has more than one complete cell.

    With intervals, a cell ties with the best if the interval of their difference has a zero in it.
    """
    name = "median" if statistic == "median" else "mean"
    complete = [cell for cell in column if cell.summary.complete]
    if len(complete) < 2:
        return
    best = max(complete, key=lambda cell: metric.gain(getattr(cell.summary, name)))
    for cell in complete:
        tied = statistic == "ci" and _may_be_equal(best.minus(cell))
        cell.best = tied or getattr(cell.summary, name) == getattr(best.summary, name)


def _may_be_equal(difference: Interval | None) -> bool:
    return difference is not None and difference.low is not None and not difference.excludes_zero


def _mark_same_runs(grids: Sequence[Section]) -> None:
    """Give cells that share a stop a sign, unique among those of their data set, network and compression.

    Techniques that do the same work share one trial (learning-rate rewinding within the last constant phase is
    fine-tuning), so their cells are not independent evidence: the signs tell a reader to count them once.
    """
    used: Counter[tuple[str, str, float]] = Counter()
    for members in _same_runs(grids):
        section, cell = members[0]
        scope = (section.dataset, section.network, cell.compression)
        # A sign applies to one compression, so each column starts again; a fifth in one column is doubled: ††.
        turn, index = divmod(used[scope], len(_SAME_RUN_SIGNS))
        used[scope] += 1
        for home, cell in members:
            cell.sign += _SAME_RUN_SIGNS[index] * (turn + 1)
            cell.same_run_as += tuple(_label(twin, at, home) for at, twin in members if twin is not cell)


def _same_runs(grids: Sequence[Section]) -> list[list[tuple[Section, TableCell]]]:
    """Groups of cells that share a stop, each with its section.

    Cells of several replicates share as many stops, so a group is found by its members and counts once.
    """
    owners: dict[tuple[str, int | None], list[tuple[Section, TableCell]]] = {}
    for section in grids:
        for cell in section.cells.values():
            for stop in cell.stops:
                owners.setdefault(stop, []).append((section, cell))
    groups = {tuple(id(cell) for _, cell in members): members for members in owners.values() if len(members) > 1}
    return list(groups.values())


def _label(cell: TableCell, section: Section, seen_from: Section) -> str:
    label = f"{cell.technique} {cell.budget}"
    return label if section.title == seen_from.title else f"{label} ({section.title})"
