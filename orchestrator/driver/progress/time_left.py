"""The time that a sweep still takes: what its trials have taken so far, and the jobs that are left."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from orchestrator.driver.agenda import Agenda
from orchestrator.driver.progress.forecast import Pace, seconds_to_end
from orchestrator.driver.progress.speeds import Speeds, TrialKind, kind_of
from orchestrator.planning.estimate import Ground, task_digest

_PERIOD = 1.0  # seconds between two forecasts
_SHARE = 50  # a forecast takes at most one part in so many of the driver's time


@dataclass(slots=True)
class _TimedAttempt:
    """A running attempt: when it began, from which step, and its first and newest report.

    `freed` is when its slot became free, `cold` whether its process had just started.
    """

    begun: float
    freed: float
    cold: bool
    from_step: int
    first: tuple[int, float] | None = None
    newest: tuple[int, float] | None = None


class TimeLeft:
    """Hears when trials begin, report and end, and forecasts the end of the sweep. `slots` trials can run at once.

    `grounds` say by task what is known before any trial has run, `from_steps` by trial where a job continues.
    """

    def __init__(
        self,
        agenda: Agenda,
        slots: int,
        grounds: Mapping[str, Ground] | None = None,
        from_steps: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agenda = agenda
        self._slots = slots
        self._speeds = Speeds(grounds or {})
        self._from_steps = dict(from_steps or {})
        self._clock = clock
        self._attempts: dict[str, _TimedAttempt] = {}
        self._processes = 0
        self._freed: deque[float] = deque()
        self._tasks: dict[int, str] = {}
        self._kinds: dict[str, TrialKind] = {}
        self._due = 0.0
        self._end: float | None = None

    def begun(self, trial: str) -> None:
        """A trial has begun in its process."""
        if trial in self._attempts:
            return
        now = self._clock()
        self._processes += 1
        self._attempts[trial] = _TimedAttempt(
            begun=now,
            freed=self._freed.popleft() if self._freed else now,
            cold=self._processes <= self._slots,
            from_step=self._from_steps.pop(trial, 0),
        )

    def reached(self, trial: str, step: int) -> None:
        """A trial has reported a step."""
        self.begun(trial)
        attempt, now = self._attempts[trial], self._clock()
        attempt.newest = (step, now)
        if attempt.first is None:
            attempt.first = attempt.newest
        first_step, first_time = attempt.first
        evaluated = step in self._agenda.jobs[trial].records
        self._speeds.stretch(trial, self._kind(trial), step - first_step, now - first_time, evaluated=evaluated)

    def ended(self, trial: str, *, done: bool) -> None:
        """An attempt has ended; `done` if the trial has its result: only such trials say how long they take."""
        attempt, now = self._attempts.pop(trial, None), self._clock()
        if attempt is None:
            return
        if self._agenda.running - self._attempts.keys() - {trial}:  # the next trial is waiting for the slot
            self._freed.append(now)
        has_stretch = self._speeds.end(trial)
        if not done:
            self._from_steps[trial] = attempt.newest[0] if attempt.newest else 0
        else:
            step, since = attempt.from_step, attempt.freed
            if attempt.cold and has_stretch and attempt.first is not None:  # leave out its process's start
                step, since = attempt.first
            self._speeds.whole(self._kind(trial), self._agenda.jobs[trial].last_step - step, now - since)

    def of_trial(self, trial: str) -> float | None:
        """Seconds until a running trial ends; None while that is unknown."""
        if trial not in self._attempts or (pace := self._pace(trial)) is None:
            return None
        return pace.until(self._agenda.jobs[trial].last_step)

    def waits_longer(self, seconds: float, beginning: Collection[str] = ()) -> bool:
        """Whether a trial that is ready waits longer than this for a running one to end; True while that is unknown.

        The trials in `beginning` run from now on.
        """
        left = [*map(self.of_trial, self._attempts), *map(self._of_waiting, beginning)]
        ends = [end for end in left if end is not None and end <= seconds]
        heapq.heapify(ends)
        for trial in self._agenda.ready():
            if not ends:
                return True
            duration = self._of_waiting(trial)
            end = heapq.heappop(ends)
            if duration is not None and end + duration <= seconds:
                heapq.heappush(ends, end + duration)
        return False

    def _of_waiting(self, trial: str) -> float | None:
        """Seconds that a waiting trial will take; None while that is unknown."""
        if self._speeds.per_step(self._kind(trial)) is None:
            return None
        return self._pace_of_waiting(trial).until(self._agenda.jobs[trial].last_step)

    def seconds(self) -> float | None:
        """Seconds until the sweep ends; None while nothing says how long its trials take."""
        now = self._clock()
        if now >= self._due:
            begun = time.perf_counter()
            left = self._forecast()
            self._end = None if left is None else now + left
            self._due = now + max(_PERIOD, _SHARE * (time.perf_counter() - begun))
        return None if self._end is None else max(0.0, self._end - now)

    def _forecast(self) -> float | None:
        agenda = self._agenda
        begun = {trial: self._pace(trial) for trial in self._attempts}
        outlook = agenda.outlook(staged=agenda.running - self._attempts.keys())
        trials = [*outlook.ready, *outlook.held, *outlook.waits_for]
        if None in begun.values() or any(self._speeds.per_step(kind) is None for kind in map(self._kind, trials)):
            return None
        running = {trial: pace for trial, pace in begun.items() if pace is not None}
        if not trials and not running:
            return None
        return seconds_to_end(agenda.jobs, outlook, running, self._pace_of_waiting, self._slots)

    def _pace_of_waiting(self, trial: str) -> Pace:
        return Pace(
            self._from_steps.get(trial, 0), self._speeds.overhead, self._speeds.per_step(self._kind(trial)) or 0
        )

    def _pace(self, trial: str) -> Pace | None:
        """How far a running trial is, and how it continues."""
        attempt, per_step = self._attempts[trial], self._speeds.per_step(self._kind(trial))
        if per_step is None:
            return None
        now = self._clock()
        if attempt.newest is not None:
            step, reported = attempt.newest
            is_evaluated = step == self._agenda.jobs[trial].last_step  # a stop is reported once it is published
            at_its_end = 0.0 if is_evaluated else self._at_its_end(attempt, per_step)
            return Pace(step, reported - now + at_its_end, per_step)
        since = 0.0 if attempt.cold else now - attempt.begun
        return Pace(attempt.from_step, self._speeds.overhead - since, per_step)

    def _at_its_end(self, attempt: _TimedAttempt, per_step: float) -> float:
        """Seconds in addition to its steps that an attempt has not yet taken: mostly to evaluate its last stop."""
        assert attempt.first is not None
        step, reported = attempt.first
        at_begin = reported - attempt.freed - (step - attempt.from_step) * per_step
        return max(0.0, self._speeds.overhead - max(0.0, at_begin))

    def _kind(self, trial: str) -> TrialKind:
        if trial not in self._kinds:
            job = self._agenda.jobs[trial]
            task = job.trial.task
            if id(task) not in self._tasks:  # trials share tasks, and a digest takes a while
                self._tasks[id(task)] = task_digest(task)
            self._kinds[trial] = kind_of(job, self._tasks[id(task)])
        return self._kinds[trial]
