"""Which techniques are the best of a column, or tied with it: the rule that every comparison of the page uses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestrator.results.intervals import Interval
from orchestrator.results.page.grids import Grid, Group
from orchestrator.results.page.views.margin import differences
from orchestrator.results.wording import best_of, names_of
from workers.metrics.facts import KNOWN_ACCURACY, MetricFacts

_RULE = (
    "In a comparison (one grid at one compression), the best technique is the one with the {best} mean test {names} "
    "over its replicates, each technique at the budget that validation chose. Another technique is tied with it if the "
    "95% interval of the difference between the two includes 0; with fewer than three replicates there is no interval, "
    "and only an equal mean is tied. A technique with failed replicates is never the best and never tied; one with "
    "missing replicates is left out. Where failures leave one complete technique, it is the best alone; where "
    "replicates are missing, a comparison needs two complete techniques."
)
_EQUAL = 1e-9


def rule(metrics: Collection[MetricFacts]) -> str:
    """The rule in words, for the metrics of some columns."""
    return _RULE.format(best=best_of(metrics), names=names_of(metrics) or "score")


@dataclass(frozen=True, slots=True)
class ComparedColumn:
    """A compression of a grid: the best technique, and how far each complete one is from it, with an interval.

    `replicates` is how many the best technique has; `techniques` leaves out those with replicates still to run.
    """

    compression: float
    best: str
    replicates: int
    techniques: tuple[str, ...]
    differences: Mapping[str, Interval]
    metric: MetricFacts = KNOWN_ACCURACY
    point: float = 1.0

    def distance(self, technique: str) -> float:
        """How much worse a technique is than the best one, in points (see `MetricFacts.point`)."""
        return -self.metric.gain(self.differences[technique].middle) / self.point

    @property
    def decided_by_failures(self) -> bool:
        """Whether failures leave a single complete technique."""
        return len(self.differences) < 2

    def tied(self, technique: str) -> bool:
        """Whether a technique is the best or tied with it."""
        difference = self.differences.get(technique)
        if difference is None:
            return False
        if difference.low is None or difference.high is None:
            return abs(difference.middle) <= _EQUAL
        return difference.low <= _EQUAL and difference.high >= -_EQUAL


def columns(grid: Grid) -> list[ComparedColumn]:
    """The columns of a grid in which at least two techniques are complete, or one is and all others have failed."""
    contests: list[tuple[float, Group, list[Group]]] = []
    for compression in grid.section.compressions:
        groups = grid.column(compression)
        complete = [group for group in groups if group.complete]
        if len(complete) > 1 or (complete and _others_failed(groups)):
            contests.append((compression, max(complete, key=lambda group: grid.metric.gain(_mean(group))), complete))
    pairs = [(group, best) for _, best, complete in contests for group in complete]
    estimates = iter(differences(grid, pairs))
    return [
        ComparedColumn(
            compression,
            best.technique,
            len(best.scores),
            tuple(group.technique for group in grid.column(compression) if group.complete or group.failed),
            _known({group.technique: next(estimates) for group in complete}),
            grid.metric,
            grid.section.point,
        )
        for compression, best, complete in contests
    ]


def left_out(grid: Grid) -> int:
    """How many compressions have several techniques, of which too few are complete to compare them."""
    several = sum(len(grid.column(compression)) > 1 for compression in grid.section.compressions)
    return several - len(columns(grid))


def _others_failed(groups: list[Group]) -> bool:
    others = [group for group in groups if not group.complete]
    return bool(others) and all(group.failed for group in others)


def _known(differences: Mapping[str, Interval | None]) -> dict[str, Interval]:
    return {technique: difference for technique, difference in differences.items() if difference is not None}


def _mean(group: Group) -> float:
    mean = group.score.mean
    assert mean is not None  # the group is complete
    return mean
