"""Waits for what the drivers of other shards train: dense networks that trials of this shard start from."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from orchestrator.driver.work import Work, runs_again
from workers.store import Store
from workers.store.failures import Failure
from workers.store.layout import checkpoint_path, lease_path
from workers.store.lease_owner import live_owners
from workers.text import plural
from workers.trial import Stop

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds after the first look at the store, and at most; each pause is half as long again as the one before."""


class OtherShards:
    """What the work of a shard waits for. `say` tells people what that is, and who is to train it.

    A failure from before this run does not count if its trial runs again: see `RunOptions.retry`.
    """

    def __init__(
        self, work: Work, store: Store, say: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._work = work
        self._store = store
        self._say = say
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._next = clock()
        self._said: list[str] = []
        self._before = self._failures_before() if work.part is not None else {}

    def poll(self) -> None:
        """Read from the store, every now and then, which of the awaited stops are there, and which trials failed.

        A store that cannot be read is read again later.
        """
        if self._work.part is None or self._clock() < self._next or not (awaited := self._work.agenda.awaited):
            return
        with contextlib.suppress(OSError):
            self._look(awaited)
        self._next = self._clock() + self._pause
        self._pause = min(1.5 * self._pause, LONGEST_PAUSE)

    def _look(self, awaited: set[Stop]) -> None:
        agenda = self._work.agenda
        for stop in sorted(awaited):
            if self._store.files.exists(checkpoint_path(stop)):
                agenda.publish(stop)
        for trial in sorted({stop.trial for stop in agenda.awaited}):
            failure = self._store.failures.read(trial)
            if failure is not None and failure != self._before.get(trial):
                self._lose(trial, failure)
        if agenda.awaited != awaited:
            self._pause = FIRST_PAUSE
        self._say_awaited()

    def _failures_before(self) -> dict[str, Failure]:
        failures = self._store.failures.read_all()
        return {trial: failure for trial, failure in failures.items() if runs_again(failure, self._work.retry)}

    def _lose(self, trial: str, failure: Failure) -> None:
        agenda, part = self._work.agenda, self._work.part
        assert part is not None
        before = len(agenda.blocked)
        agenda.lose(trial)
        blocked = plural(len(agenda.blocked) - before, "trial")
        what = f"trial {trial} of shard {part.owner(trial)} has failed ({failure.outcome})"
        self._say(f"{what[0].upper()}{what[1:]}; {blocked} of this shard cannot start without it")

    def _say_awaited(self) -> None:
        lines = self._lines()
        for line in lines:
            if line not in self._said:
                self._say(line)
        self._said = lines

    def _lines(self) -> list[str]:
        """What is waited for: one line for each shard that is to train it."""
        part = self._work.part
        assert part is not None
        trials = sorted({stop.trial for stop in self._work.agenda.awaited})
        at_work = live_owners(self._store.files)
        lines = []
        for shard in sorted({part.owner(trial) for trial in trials}):
            theirs = [trial for trial in trials if part.owner(trial) == shard]
            line = f"Waiting for {plural(len(theirs), 'dense network')} of shard {shard} ({', '.join(theirs)})"
            lines.append(line if lease_path(shard) in at_work else f"{line}, which is not at work: start it, too")
        return lines
