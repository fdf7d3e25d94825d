"""When a sweep ends: the jobs that are left, played through on the slots that there are."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import NamedTuple

from orchestrator.driver.agenda import Outlook
from workers.trial import Job, Stop

_END, _READY = -1, -2  # of a trial; in place of a step


class Pace(NamedTuple):
    """How a job goes: from which step, in how many seconds (negative: since when), at how many seconds per step."""

    step: int
    delay: float
    per_step: float

    def until(self, step: int) -> float:
        """Seconds until a step is reached; 0 if it should have been."""
        return max(0.0, self.delay + max(0, step - self.step) * self.per_step)


def seconds_to_end(
    jobs: Mapping[str, Job], outlook: Outlook, running: Mapping[str, Pace], pace: Callable[[str], Pace], slots: int
) -> float:
    """Seconds until all jobs of an agenda are done that are not blocked.

    Jobs start in the order of the agenda as soon as a slot is free and the stops that they start from are published.
    `running` says how far the jobs are that have begun, and `pace` how the others will go.
    """
    play = _Play(jobs, outlook)
    for trial, its_pace in running.items():
        play.begin(trial, its_pace, 0.0)
    free = max(slots, len(running)) - len(running)
    now = 0.0
    while True:
        while free and (following := play.next()) is not None:
            play.begin(following, pace(following), now)
            free -= 1
        if not play.moments:
            return now
        now, ended = play.advance()
        free += ended


class _Play:
    """The jobs that are left. `moments` is a heap of (seconds, trial, step of a stop, or `_END` or `_READY`)."""

    def __init__(self, jobs: Mapping[str, Job], outlook: Outlook) -> None:
        self.moments: list[tuple[float, str, int]] = [(delay, trial, _READY) for trial, delay in outlook.held.items()]
        heapq.heapify(self.moments)
        self._jobs = jobs
        self._order = outlook.order
        self._children = outlook.children
        self._missing = {trial: len(stops) for trial, stops in outlook.waits_for.items()}
        self._ready = [(outlook.order[trial], trial) for trial in outlook.ready]
        heapq.heapify(self._ready)

    def next(self) -> str | None:
        return heapq.heappop(self._ready)[1] if self._ready else None

    def begin(self, trial: str, pace: Pace, now: float) -> None:
        job = self._jobs[trial]
        for step in job.checkpoints:
            if Stop(trial, step) in self._children:
                heapq.heappush(self.moments, (now + pace.until(step), trial, step))
        heapq.heappush(self.moments, (now + pace.until(job.last_step), trial, _END))

    def advance(self) -> tuple[float, bool]:
        """Go to the next moment. Returns when it is, and whether a trial ends then."""
        now, trial, step = heapq.heappop(self.moments)
        if step == _END:
            return now, True
        if step == _READY:
            heapq.heappush(self._ready, (self._order[trial], trial))
            return now, False
        for child in self._children.get(Stop(trial, step), ()):
            if child in self._missing:
                self._missing[child] -= 1
                if self._missing[child] == 0:
                    heapq.heappush(self._ready, (self._order[child], child))
        return now, False
