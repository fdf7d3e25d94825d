"""The work of a run: plans that grow, and the agenda of what is missing of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from orchestrator.driver.agenda import Agenda
from orchestrator.driver.division import Assignment
from orchestrator.planning.plan import Plan, first_steps
from workers.crashpoints import crash_point
from workers.store import Store
from workers.store.failures import Failure
from workers.store.layout import LOGS
from workers.store.shard import Shard
from workers.trial import Job


class Work:
    """The newest of several `plans`, and the agenda of its jobs.

    There is at least one plan, and each contains the one before. The next plan is pulled once all of the current one
    is in the store. `retry` says which failed trials run again: see `RunOptions`. With a `part`, the plan has
    only its cells, and the agenda only its jobs. `bytes_to_hold` and `from_steps` say by trial what a job needs room
    for, and from which step it continues.
    """

    plan: Plan

    def __init__(
        self, plans: Iterator[Plan], store: Store, retry: Collection[str] = (), part: Assignment | None = None
    ) -> None:
        self.agenda = Agenda({}, set())
        self.part = part
        self.retry = retry
        self.bytes_to_hold: dict[str, int] = {}
        self.from_steps: dict[str, int] = {}
        self._plans = plans
        self._store = store
        self.extend()

    @property
    def shard(self) -> Shard | None:
        """The shard whose trials are done; None for the whole plans."""
        return None if self.part is None else self.part.shard

    def extend(self) -> bool:
        """Pull plans until one has something left to do; returns whether any was pulled."""
        extended = False
        while self.agenda.exhausted and not self.agenda.failed and (plan := next(self._plans, None)) is not None:
            self._add(plan)
            extended = True
        return extended

    def _add(self, plan: Plan) -> None:
        checkpoints = set(self._store.states.checkpoint_sizes())
        jobs = plan.missing(self._store.records.all_keys(), checkpoints)
        if (part := self.part) is not None:
            plan = plan.with_cells_of(part.owns)
            jobs = {trial: job for trial, job in jobs.items() if part.owns(trial)}
        failures = self._failures(jobs)
        crash_point("session.planned")
        self.plan = plan
        self.bytes_to_hold |= {trial: _bytes_to_hold(plan, trial, job) for trial, job in jobs.items()}
        states = checkpoints | set(self._store.states.partial_sizes())
        self.from_steps |= first_steps(jobs, states)
        touched = {stop.trial for stop in states} | set(self._store.files.names(LOGS))
        jobs = {trial: job if trial in touched else replace(job, is_new=True) for trial, job in jobs.items()}
        self.agenda.extend(jobs, checkpoints, failures)

    def _failures(self, jobs: Collection[str]) -> list[str]:
        """The trials among `jobs` that failed before and do not run again; the failures of the others are deleted."""
        failed = []
        for trial, failure in self._store.failures.read_all().items():
            if trial in jobs and runs_again(failure, self.retry):
                crash_point("session.forgetting")
                self._store.failures.delete(trial)
            elif trial in jobs:
                failed.append(trial)
        return failed


def runs_again(failure: Failure, retry: Collection[str]) -> bool:
    """Whether a failed trial runs again. One with bad input always does: the input may have been repaired."""
    return "all" in retry or failure.outcome in ("bad_input", *retry)


def _bytes_to_hold(plan: Plan, trial: str, job: Job) -> int:
    """Bytes of the states that a job keeps, of its two newest partial states and of the one being written."""
    return (len(job.checkpoints) + 3) * plan.trials[trial].checkpoint_bytes
