"""What to run next: the jobs that are left, each handed out once all the states it begins with are published."""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Set

from workers.trial import Job, Stop


class Agenda:
    """The state of a run. Holds only plain data, so it can be pickled.

    `jobs` has parents before children; a parent stop that no job makes must be among `published`. Jobs of trials
    in `failed` and their descendants are blocked from the start. Ready jobs come out longest chain first, so that
    iterative chains do not finish last; ties in the order of the plan.
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
        self._clock = clock
        self._held: list[tuple[float, str]] = []
        self._ready: list[tuple[tuple[int, int], str]] = []
        self.extend(jobs, published, failed)

    def extend(self, jobs: Mapping[str, Job], published: Set[Stop], failed: Collection[str] = ()) -> None:
        """More jobs, under the same conditions."""
        chains = _chain_lengths(jobs)
        for index, (name, job) in enumerate(jobs.items(), start=len(self.jobs)):
            self.jobs[name] = job
            self._order[name] = (-chains[name], index)
            missing = {stop for stop in job.trial.parents if stop not in published}
            self._waits_for[name] = missing
            for stop in missing:
                self._children[stop].append(name)
            if not missing:
                self._make_ready(name)
        for name in failed:
            if name in jobs:
                self.fail(name)

    def next(self) -> Job | None:
        """The next ready job, now running; None if none is ready."""
        while self._held and self._held[0][0] <= self._clock():
            self._make_ready(heapq.heappop(self._held)[1])
        while self._ready:
            _, name = heapq.heappop(self._ready)
            if name not in self.failed:
                self.running.add(name)
                return self.jobs[name]
        return None

    def reach(self, name: str, step: int) -> None:
        """A job's trial has published its stops up to `step`."""
        for wanted in self.jobs[name].checkpoints:
            if wanted <= step:
                self._publish(Stop(name, wanted))

    def finish(self, name: str) -> None:
        """A job is done: all its stops are published."""
        self.running.discard(name)
        self.done.add(name)
        self.reach(name, self.jobs[name].last_step)

    def fail(self, name: str) -> None:
        """A job ended without all its stops; those that begin with a missing one are blocked."""
        self.running.discard(name)
        self.failed.add(name)
        orphans = [name]
        while orphans:
            parent = orphans.pop()
            for step in self.jobs[parent].checkpoints:
                for child in self._children.get(Stop(parent, step), ()):
                    if child not in self.blocked and child not in self.failed:
                        self.blocked.add(child)
                        orphans.append(child)

    def give_back(self, name: str, delay: float = 0.0) -> None:
        """A running job was interrupted and is ready again, after a delay in seconds."""
        self.running.discard(name)
        heapq.heappush(self._held, (self._clock() + delay, name))

    @property
    def exhausted(self) -> bool:
        """Whether nothing is running and nothing will become ready."""
        return not self.running and not self._held and not any(name not in self.failed for _, name in self._ready)

    @property
    def waiting(self) -> int:
        """How many jobs have not begun and are not blocked."""
        return len(self.jobs) - len(self.running | self.done | self.failed | self.blocked)

    def _make_ready(self, name: str) -> None:
        heapq.heappush(self._ready, (self._order[name], name))

    def _publish(self, stop: Stop) -> None:
        for child in self._children.pop(stop, ()):
            self._waits_for[child].discard(stop)
            if not self._waits_for[child] and child not in self.blocked:
                self._make_ready(child)


def _chain_lengths(jobs: Mapping[str, Job]) -> dict[str, int]:
    """Steps from the beginning of each job to the end of the longest chain that it begins."""
    longest: dict[str, int] = defaultdict(int)
    for name, job in reversed(list(jobs.items())):
        length = job.last_step + longest[name]
        longest[name] = length
        for stop in job.trial.parents:
            longest[stop.trial] = max(longest[stop.trial], length)
    return {name: longest[name] for name in jobs}
