"""What to run next: the jobs that are left, each handed out once all the states it starts from are published."""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from typing import NamedTuple

from workers.trial import Job, Stop


class Outlook(NamedTuple):
    """What an agenda has left. Its parts belong to the agenda: read them at once, and do not change them.

    `ready` are the trials that may start, `held` the seconds until those may that were given back with a delay,
    `waits_for` the missing stops of the others, `children` the trials that wait for a stop. Trials start by the
    smallest `order`.
    """

    ready: list[str]
    held: dict[str, float]
    waits_for: dict[str, set[Stop]]
    children: Mapping[Stop, list[str]]
    order: Mapping[str, tuple[int, int]]


class Agenda:
    """The jobs of a run by trial id, and how far they are. Holds only plain data, so it can be pickled.

    `jobs` has parents before children. A parent stop that is not among `published` and that no job publishes is
    `awaited`: another driver trains it. Jobs of trials in `failed` and their descendants are blocked from the start.
    Ready jobs come out longest chain first, so that iterative chains do not finish last, and otherwise in the order of
    the plan.
    """

    def __init__(
        self,
        jobs: Mapping[str, Job],
        published: Set[Stop],
        failed: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.jobs: dict[str, Job] = {}
        self.running: set[str] = set()
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.blocked: set[str] = set()
        self._children: dict[Stop, list[str]] = defaultdict(list)
        self._waits_for: dict[str, set[Stop]] = {}
        self._order: dict[str, tuple[int, int]] = {}
        self._elsewhere: set[Stop] = set()
        self._clock = clock
        self._held: list[tuple[float, str]] = []
        self._ready: list[tuple[tuple[int, int], str]] = []
        self.extend(jobs, published, failed)

    def extend(self, jobs: Mapping[str, Job], published: Set[Stop], failed: Collection[str] = ()) -> None:
        """Add more jobs, under the same conditions."""
        chains = _chain_lengths(jobs)
        for index, (trial, job) in enumerate(jobs.items(), start=len(self.jobs)):
            self.jobs[trial] = job
            self._order[trial] = (-chains[trial], index)
            missing = {stop for stop in job.trial.parents if stop not in published}
            self._waits_for[trial] = missing
            self._elsewhere |= {stop for stop in missing if stop.trial not in self.jobs}
            for stop in missing:
                self._children[stop].append(trial)
            if not missing:
                self._make_ready(trial)
        for trial in failed:
            if trial in jobs:
                self.fail(trial)

    def next(self) -> Job | None:
        """The next ready job, now running; None if none is ready."""
        self._release_held()
        while self._ready:
            _, trial = heapq.heappop(self._ready)
            if trial not in self.failed:
                self.running.add(trial)
                return self.jobs[trial]
        return None

    def ready(self) -> Iterator[str]:
        """The trials that may start now, in no order but for the next one."""
        self._release_held()
        return (trial for _, trial in self._ready if trial not in self.failed)

    def reach(self, trial: str, step: int) -> None:
        """A trial has published its stops up to `step`."""
        for checkpoint in self.jobs[trial].checkpoints:
            if checkpoint <= step:
                self.publish(Stop(trial, checkpoint))

    def publish(self, stop: Stop) -> None:
        """A stop is published; the trials that waited only for it are ready."""
        self._elsewhere.discard(stop)
        for child in self._children.pop(stop, ()):
            self._waits_for[child].discard(stop)
            if not self._waits_for[child] and child not in self.blocked:
                self._make_ready(child)

    def finish(self, trial: str) -> None:
        """A trial is done: all stops of its job are published."""
        self.running.discard(trial)
        self.done.add(trial)
        self.reach(trial, self.jobs[trial].last_step)

    def fail(self, trial: str) -> None:
        """A trial ended without all its stops; the trials that start from a missing one are blocked."""
        self.running.discard(trial)
        self.failed.add(trial)
        self._block([Stop(trial, step) for step in self.jobs[trial].checkpoints])

    def lose(self, trial: str) -> None:
        """A trial of another driver has failed; the trials that wait for one of its stops are blocked."""
        self._block([stop for stop in self._elsewhere if stop.trial == trial])

    def _block(self, lost: list[Stop]) -> None:
        while lost:
            for child in self._children.get(lost.pop(), ()):
                if child not in self.blocked and child not in self.failed:
                    self.blocked.add(child)
                    lost += [Stop(child, step) for step in self.jobs[child].checkpoints]

    def give_back(self, trial: str, delay: float = 0.0) -> None:
        """A running trial was interrupted and is ready again after a delay in seconds."""
        self.running.discard(trial)
        heapq.heappush(self._held, (self._clock() + delay, trial))

    @property
    def awaited(self) -> set[Stop]:
        """The stops of other drivers' trials that jobs wait for."""
        gone = self.failed | self.blocked if self._elsewhere else set()
        return {stop for stop in self._elsewhere if any(child not in gone for child in self._children[stop])}

    @property
    def exhausted(self) -> bool:
        """Whether nothing is running and nothing will become ready."""
        if self.running or self._held or any(trial not in self.failed for _, trial in self._ready):
            return False
        return not self.awaited

    @property
    def waiting(self) -> int:
        """How many trials have not started and are not blocked."""
        return len(self.jobs) - len(self.running | self.done | self.failed | self.blocked)

    @property
    def next_retry(self) -> float | None:
        """Seconds until the next trial is ready that was given back with a delay; None if no delay runs."""
        self._release_held()
        return self._held[0][0] - self._clock() if self._held else None

    def outlook(self, staged: Collection[str] = ()) -> Outlook:
        """What is left apart from the running trials; `staged` ones among those count as ready."""
        self._release_held()
        gone, now = self.failed | self.blocked | self.running | self.done, self._clock()
        return Outlook(
            ready=[trial for _, trial in self._ready if trial not in gone] + list(staged),
            held={trial: moment - now for moment, trial in self._held if trial not in gone},
            waits_for={trial: stops for trial, stops in self._waits_for.items() if stops and trial not in gone},
            children=self._children,
            order=self._order,
        )

    def _release_held(self) -> None:
        while self._held and self._held[0][0] <= self._clock():
            self._make_ready(heapq.heappop(self._held)[1])

    def _make_ready(self, trial: str) -> None:
        heapq.heappush(self._ready, (self._order[trial], trial))


def _chain_lengths(jobs: Mapping[str, Job]) -> dict[str, int]:
    """Steps from the start of each trial to the end of the longest chain that starts with it."""
    longest: dict[str, int] = defaultdict(int)
    for trial, job in reversed(list(jobs.items())):
        length = job.last_step + longest[trial]
        longest[trial] = length
        for stop in job.trial.parents:
            longest[stop.trial] = max(longest[stop.trial], length)
    return {trial: longest[trial] for trial in jobs}
