"""Which trial may start now, and what happens after one has ended: the same for every way to execute trials."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

from orchestrator.driver.consolidation import Consolidation
from orchestrator.driver.disk_space import Room
from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.other_shards import OtherShards
from orchestrator.driver.progress.progress import Progress
from orchestrator.driver.situation import resume_command
from orchestrator.driver.work import Work
from workers.crashpoints import crash_point
from workers.errors import PrunesweepError, StoreError
from workers.store import Store
from workers.store.failures import Failure
from workers.store.layout import RecordKey
from workers.store.lease import Lease
from workers.store.logs import latest
from workers.training.attempt import NOTHING, Ending, Report
from workers.trial import Job, trial_id

_FIRST_DELAY = 2.0
_LONGEST_DELAY = 300.0


class Dispatcher:
    """Hands out jobs, and tries failed ones again as often as `retries` allows (by outcome).

    The failure of a trial that is not tried again is written to the store, and its descendants are blocked. Once all
    jobs are done, the work is extended. The first failure with an outcome in `fail_fast` stops the sweep. If trials
    share memory and one `can_be_alone`, a trial that ran out of memory is tried again alone.
    `first_delay` is the time in seconds before the first retry of a trial.
    """

    def __init__(
        self,
        work: Work,
        store: Store,
        *,
        interrupt: Interrupt,
        progress: Progress,
        room: Room,
        lease: Lease,
        retries: Mapping[str, int],
        fail_fast: Collection[str] = (),
        can_be_alone: bool = False,
        first_delay: float = _FIRST_DELAY,
    ) -> None:
        self.agenda = work.agenda
        self.interrupt = interrupt
        self.progress = progress
        self.stalled: PrunesweepError | None = None
        self.consolidation = Consolidation(store.records)
        self._work = work
        self._store = store
        self._room = room
        self._lease = lease
        self._retries = retries
        self._fail_fast = fail_fast
        self._has_failed_fast = False
        self._can_be_alone = can_be_alone
        self._first_delay = first_delay
        self._counts: dict[str, Counter[str]] = {}
        self._with_failures = store.failures.trials_with_failed_attempts()
        self._others = OtherShards(work, store, progress.say)

    @property
    def remedy(self) -> str:
        """What to do about a problem with which the sweep cannot continue."""
        return f"finished work is saved; continue with `{resume_command(self._store.location, self._work.shard)}`"

    @property
    def problem(self) -> PrunesweepError | None:
        """Why the sweep cannot continue, if it cannot."""
        reason = self._lease.problem or self._room.problem
        return StoreError(reason, hint=self.remedy) if reason else self.stalled

    @property
    def stopping(self) -> bool:
        """Whether no more jobs are handed out, and running trials must save their state and end."""
        return self.interrupt.requested or self._has_failed_fast or self.problem is not None

    @property
    def finished(self) -> bool:
        """Whether there is nothing to hand out, now or later."""
        return self.stopping or self.agenda.exhausted

    def next(self) -> Job | None:
        """A job that may start now, or None."""
        if self.stopping or self._room.paused:
            return None
        self._others.poll()
        running = set(self.agenda.running)
        job = self.agenda.next()
        if job is None:
            return None
        crash_point("dispatcher.next")
        trial = trial_id(job.trial)
        if not self._room.fits(trial, running):
            self.agenda.give_back(trial)
            return None
        self.agenda.jobs[trial] = replace(job, is_new=False)  # for the next attempt
        return job

    def begun(self, trial: str) -> None:
        """An attempt at a trial has begun in its process."""
        self.progress.begun(trial)

    def reached(self, trial: str, step: int, report: Report = NOTHING) -> None:
        """A trial has published its stops up to a step."""
        crash_point("dispatcher.reached")
        self.agenda.reach(trial, step)
        self.consolidation.hear(report.published)
        self.progress.reached(trial, step, report)

    def ended(self, trial: str, ending: Ending) -> None:
        """An attempt at a trial has ended."""
        crash_point("dispatcher.ended")
        if ending.outcome == "done":
            self.reached(trial, self.agenda.jobs[trial].last_step)
            self.agenda.finish(trial)
            if trial in self._with_failures:
                self._store.failures.delete(trial)
            job = self.agenda.jobs[trial]
            self.consolidation.add(RecordKey(trial, step, job.evaluation.key) for step in job.records)
            self.progress.finished(trial)
            self._room.written()
            if self.agenda.exhausted and not self.stopping:
                self._extend()
        elif ending.outcome == "interrupted":
            self.progress.interrupted(trial)
            self.agenda.give_back(trial)
        elif ending.outcome in ("disk_full", "store_failed"):
            assert ending.failure is not None
            self.progress.interrupted(trial)
            self.agenda.give_back(trial)
            pause = self._room.full if ending.outcome == "disk_full" else self._room.failed
            pause(f"on host {ending.failure.host}, {ending.failure.reason}")  # it may be that of one machine
        else:
            assert ending.failure is not None
            self._failed(trial, ending.failure)

    def _extend(self) -> None:
        try:
            if self._work.extend():
                self.progress.show_plan(self._work.plan)
        except StoreError as error:  # Tune would treat it as a failure of the trial
            self.stalled = error
        except OSError as error:
            self.stalled = StoreError(str(error), hint=self.remedy)

    def must_be_alone(self, trial: str) -> bool:
        """Whether a trial ran out of memory before, next to others."""
        return self._can_be_alone and trial in self._with_failures and self._counts_of(trial)["out_of_memory"] > 0

    def _counts_of(self, trial: str) -> Counter[str]:
        """The failed attempts of a trial by outcome."""
        if trial not in self._counts:
            self._counts[trial] = Counter(self._store.failures.failed_attempts(trial))
        return self._counts[trial]

    def _retries_after(self, outcome: str) -> int:
        if outcome == "out_of_memory" and self._can_be_alone:
            return 1
        return self._retries.get(outcome, 0)

    def _failed(self, trial: str, failure: Failure) -> None:
        counts = self._counts_of(trial)
        count = counts[failure.outcome] = counts[failure.outcome] + 1
        with contextlib.suppress(OSError):  # for example a full disk: then only this driver knows the count
            self._store.failures.write_failed_attempts(trial, counts)
            self._with_failures.add(trial)
        failure = replace(failure, attempts=dict(counts))
        if count <= self._retries_after(failure.outcome):
            delay = min(self._first_delay * 2 ** (count - 1), _LONGEST_DELAY) * random.uniform(0.75, 1.25)
            self.agenda.give_back(trial, delay)
            self.progress.retried(trial, failure, delay)
            return
        crash_point("dispatcher.failed")
        try:
            failure = replace(failure, log=failure.log or latest(self._store.files, trial))
            self._store.failures.write(trial, failure)
        except OSError as error:  # the next run tries the trial again
            self.progress.interrupted(trial)
            self.agenda.give_back(trial)
            self._room.full(str(error))
            return
        crash_point("dispatcher.noted")
        self.agenda.fail(trial)
        self.progress.failed(trial, failure)
        if not self._fail_fast_at(failure):
            return
        self._has_failed_fast = True
        self.progress.say(f"Stopping: a trial failed with `{failure.outcome}` (--fail-fast); running trials are saved")

    def _fail_fast_at(self, failure: Failure) -> bool:
        return not self._has_failed_fast and not {"all", failure.outcome}.isdisjoint(self._fail_fast)
