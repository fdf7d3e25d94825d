"""How long trials take, learned from those that ran: seconds per step by kind, and seconds that each trial costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

from orchestrator.planning.estimate import Ground
from workers.trial import Job

_FADING = 0.97
"""What an observation of a kind still counts once the next one is there: machines get busier or idler for good.

Half of it is gone after 23 trials. A spell in which a machine was busy would outweigh the others if it faded faster.
"""


class TrialKind(NamedTuple):
    """Trials that take the same time for a step: those of a task, dense or pruned in the same way."""

    task: str
    structure: str


@dataclass(slots=True)
class _Sums:
    """Faded sums over observations (whole, steps, seconds), where `whole` is 1 for a whole trial, else 0."""

    whole: float = 0.0
    whole_steps: float = 0.0
    steps_squared: float = 0.0
    whole_seconds: float = 0.0
    steps_seconds: float = 0.0

    def add(self, whole: bool, steps: float, seconds: float) -> None:
        added = (float(whole), whole * steps, steps * steps, whole * seconds, steps * seconds)
        for name, value in zip(self.__slots__, added, strict=True):
            setattr(self, name, getattr(self, name) * _FADING + value)


class Speeds:
    """Fits seconds = `overhead` + steps × seconds per step of the kind, by least squares.

    The overhead (loading, evaluating, handing over to the next trial) is shared by all kinds. A stretch of a trial
    counts without it; one with evaluations in it counts only while nothing else is known of its task.
    """

    def __init__(self, grounds: Mapping[str, Ground]) -> None:
        self._grounds = grounds
        self._ended: dict[TrialKind, _Sums] = defaultdict(_Sums)
        self._running: dict[str, tuple[TrialKind, int, float]] = {}
        self._evaluated: dict[str, tuple[TrialKind, int, float]] = {}
        self._fitted: dict[TrialKind, float] | None = None
        self._overhead = 0.0

    def whole(self, kind: TrialKind, steps: int, seconds: float) -> None:
        """A trial took so many seconds from its beginning to its end."""
        if steps > 0:
            self._ended[kind].add(True, steps, seconds)
            self._fitted = None

    def stretch(self, trial: str, kind: TrialKind, steps: int, seconds: float, *, evaluated: bool = False) -> None:
        """A running trial has so far taken so many seconds, not counting its beginning.

        `evaluated` says that an evaluation came after the steps.
        """
        if steps > 0:
            (self._evaluated if evaluated else self._running)[trial] = (kind, steps, seconds)
            self._fitted = None

    def end(self, trial: str) -> bool:
        """A trial no longer runs: its stretch without an evaluation stays as it is. Returns whether it had one."""
        if self._evaluated.pop(trial, None) is not None:
            self._fitted = None
        if trial not in self._running:
            return False
        kind, steps, seconds = self._running.pop(trial)
        self._ended[kind].add(False, steps, seconds)
        self._fitted = None
        return True

    @property
    def overhead(self) -> float:
        """Seconds that each trial takes in addition to its steps."""
        self._fit()
        return self._overhead

    def per_step(self, kind: TrialKind) -> float | None:
        """Seconds per step; None while nothing says how long the kind takes.

        Of a kind that has not run: as long as others of its task, else as measured before, corrected by how the
        measurements of other tasks have turned out, else by its work per step.
        """
        fitted = self._fit()
        if kind in fitted:
            return fitted[kind]
        relatives = [seconds for other, seconds in fitted.items() if other.task == kind.task]
        if relatives:
            return max(relatives)
        ground = self._grounds.get(kind.task, Ground())
        if ground.seconds is not None:
            return ground.seconds * self._correction(fitted)
        return self._by_work(ground.multiply_adds, fitted)

    def _correction(self, fitted: Mapping[TrialKind, float]) -> float:
        measured = ((self._grounds.get(kind.task, Ground()).seconds, seconds) for kind, seconds in fitted.items())
        return median([seconds / before for before, seconds in measured if before] or [1.0])

    def _by_work(self, work: float | None, fitted: Mapping[TrialKind, float]) -> float | None:
        """Seconds per step by comparison with the kind that has the most similar work."""
        works = {kind: self._grounds.get(kind.task, Ground()).multiply_adds for kind in fitted}
        ratios = [(work / other, fitted[kind]) for kind, other in works.items() if work and other]
        if not ratios:
            return None
        ratio, seconds = min(ratios, key=lambda pair: max(pair[0], 1 / pair[0]))
        return ratio * seconds

    def _fit(self) -> dict[TrialKind, float]:
        if self._fitted is None:
            sums_of = self._sums()
            self._overhead = _overhead(sums_of.values())
            self._fitted = {
                kind: max(0.0, sums.steps_seconds - self._overhead * sums.whole_steps) / sums.steps_squared
                for kind, sums in sums_of.items()
            }
        return self._fitted

    def _sums(self) -> dict[TrialKind, _Sums]:
        sums = {kind: replace(of_kind) for kind, of_kind in self._ended.items()}
        for kind, steps, seconds in self._running.values():
            sums.setdefault(kind, _Sums()).add(False, steps, seconds)
        known = {kind.task for kind in sums} | {task for task, ground in self._grounds.items() if ground.seconds}
        for kind, steps, seconds in self._evaluated.values():
            if kind.task not in known:
                sums.setdefault(kind, _Sums()).add(False, steps, seconds)
        return sums


def _overhead(of_kinds: Collection[_Sums]) -> float:
    """The intercept of the regression, each kind with a slope: 0 if all trials of each kind are equally long."""
    spread = seconds = 0.0
    for sums in of_kinds:
        share = sums.whole_steps / sums.steps_squared
        spread += sums.whole - share * sums.whole_steps
        seconds += sums.whole_seconds - share * sums.steps_seconds
    if spread < 0.01:
        return 0.0
    shortest = min(sums.whole_seconds / sums.whole for sums in of_kinds if sums.whole)
    return min(max(0.0, seconds / spread), shortest)


def kind_of(job: Job, task: str) -> TrialKind:
    """The kind of a job whose task has the digest `task`."""
    mask = job.trial.mask
    return TrialKind(task, "dense" if mask is None else mask.pruning.structure)
