"""The rounds of a search: their scores, and which one is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from orchestrator.planning.plan import Cell, Plan
from orchestrator.results.score_columns import metric_of
from orchestrator.results.tolerance import Tolerance
from workers.errors import StoreError
from workers.metrics.facts import MetricFacts
from workers.store import Store
from workers.store.layout import RecordKey
from workers.trial import Stop

_REPAIR = "`prunesweep verify --repair` sets aside what is damaged; then continue with `prunesweep resume`"


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """A round of pruning (number 0: the dense network). Tuples have one value per replicate.

    Scores (`dense_scores`: those of validation) are as they are stored; changes, from the same replicate's dense
    network, are as they are shown (in points).
    """

    metric: MetricFacts
    number: int
    density: float
    stops: tuple[Stop, ...]
    dense_scores: tuple[float, ...]
    validation_scores: tuple[float, ...]
    test_scores: tuple[float, ...]
    validation_change: tuple[float, ...]
    test_change: tuple[float, ...]
    epochs: float

    @property
    def compression(self) -> float:
        return 1 / self.density

    @property
    def loss(self) -> float:
        """By how much the median of the validation scores is worse than that of the dense networks."""
        return -self.metric.gain(median(self.validation_change))

    def is_within(self, tolerance: Tolerance) -> bool:
        """Whether the median of the validation scores is worse than the dense networks' by the tolerance at most."""
        change = median(self.validation_change)
        return tolerance.forgives(change, self.metric.scale * median(self.dense_scores), self.metric)

    def best_stop(self) -> Stop:
        """The replicate with the best validation score among those whose change is at least as good as the median."""
        gains = [self.metric.gain(change) for change in self.validation_change]
        able = [index for index, gain in enumerate(gains) if gain >= median(gains)]
        return self.stops[max(able, key=lambda index: self.metric.gain(self.validation_scores[index]))]

    def to_json(self) -> dict[str, Any]:
        metric = self.metric.name
        return {
            "round": self.number,
            "compression": self.compression,
            "density": self.density,
            f"validation_{metric}": list(self.validation_scores),
            f"test_{metric}": list(self.test_scores),
            "validation_change": list(self.validation_change),
            "test_change": list(self.test_change),
        }


def kept_round(rounds: Sequence[Round], tolerance: Tolerance) -> Round:
    """The last round before the first that is not within the tolerance; the dense network if that is the first."""
    kept = rounds[0]
    for candidate in rounds[1:]:
        if not candidate.is_within(tolerance):
            break
        kept = candidate
    return kept


def read_rounds(plan: Plan, store: Store) -> list[Round]:
    """The rounds of a plan whose records are all in the store. Raises StoreError for a damaged record."""
    table, unreadable = store.records.read_all()
    key = plan.evaluation.key
    records = {RecordKey(row["trial"], row["step"], row["evaluation"]): row for row in table.to_pylist()}
    rounds = defaultdict(list)
    for cell in plan.cells:
        if RecordKey(*cell.stop, key) not in records:
            reason = next(iter(unreadable.values()), f"record not found: trial {cell.stop.trial}")
            raise StoreError(reason, hint=_REPAIR)
        rounds[cell.round].append(cell)
    return [
        _round(cells, [(records[RecordKey(*cell.stop, key)], records[RecordKey(*cell.dense, key)]) for cell in cells])
        for _, cells in sorted(rounds.items())
    ]


def _round(cells: Sequence[Cell], records: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Round:
    """A round from its cells, with the record of each cell and that of its dense network."""
    metric = metric_of(records[0][0])
    return Round(
        metric=metric,
        number=cells[0].round,
        density=float(cells[0].density),
        stops=tuple(cell.stop for cell in cells),
        dense_scores=tuple(dense["validation_score"] for _, dense in records),
        validation_scores=tuple(record["validation_score"] for record, _ in records),
        test_scores=tuple(record["test_score"] for record, _ in records),
        validation_change=_changes(records, "validation_score", metric),
        test_change=_changes(records, "test_score", metric),
        epochs=sum(record["epochs"] for record, _ in records),
    )


def _changes(
    records: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], name: str, metric: MetricFacts
) -> tuple[float, ...]:
    """Differences as they are shown; points are rounded to hide the error of binary fractions: 98.5 − 98 is 0.5."""
    changes = [metric.scale * (record[name] - dense[name]) for record, dense in records]
    return tuple(round(change, 9) for change in changes) if metric.is_percent else tuple(changes)
