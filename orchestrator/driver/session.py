"""A session: this process alone drives a store, for one `run`, `resume` or `prune`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from orchestrator.driver.division import Assignment
from orchestrator.driver.execution import Execution
from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.options import RunOptions
from orchestrator.driver.situation import resume_command, tell
from orchestrator.driver.summary import Summary, ended, summarize
from orchestrator.driver.work import Work
from orchestrator.planning import changes
from orchestrator.planning.facts import Facts, pin
from orchestrator.planning.plan import Plan
from orchestrator.tracking.audience import audience
from orchestrator.tracking.events import Listener
from workers.crashpoints import crash_point
from workers.errors import InputError, PrunesweepError, StoreError
from workers.store import Store
from workers.store.filesystems.opening import absolute
from workers.store.lease import Lease
from workers.store.shard import Shard
from workers.waiting import NoAnswer

_driving = threading.Lock()


@dataclass(frozen=True, slots=True)
class Session:
    """A store, its lease, the facts that the sweep was planned with, and the part of it to run (None: all)."""

    store: Store
    lease: Lease
    facts: Facts
    part: Assignment | None = None

    def run(self, plans: Iterator[Plan], options: RunOptions) -> Summary:
        """Do what is missing of a plan, then of the next one, as long as there is one.

        There is at least one plan, and each contains the one before. A plan is asked for once the records of the one
        before are in the store.
        Raises InputError before any work starts, StoreError where it cannot continue.
        """
        work = Work(plans, self.store, options.retry, self.part)
        with audience(notify=options.notify, on_end=options.on_end, track=options.track) as listeners:
            tell(sweep=work.plan.spec.name, notify=options.notify or "", on_end=options.on_end or "")
            begun = time.monotonic()
            try:
                summary, problem = self._drive(work, options, listeners), None
            except (PrunesweepError, OSError) as error:
                summary, problem = _as_far_as_known(work, self.store), error
            seconds = time.monotonic() - begun
            for listener in listeners:
                listener.hear(ended(work.plan.spec.name, self.store.location, summary, problem, seconds))
        tell(sweep="", notify="", on_end="")  # otherwise the supervisor tells of the end
        if problem is not None:
            raise problem
        return summary

    def _drive(self, work: Work, options: RunOptions, listeners: Sequence[Listener]) -> Summary:
        interrupt = Interrupt(options.stop_after)
        try:
            if not work.agenda.exhausted:
                self._execute(work, interrupt, options, listeners)
            return summarize(work, self.store, interrupt)
        except NoAnswer as error:
            if interrupt.signal is None:
                raise
            raise _interrupted(self.store.location, work.shard, interrupt.signal) from error

    def _execute(self, work: Work, interrupt: Interrupt, options: RunOptions, listeners: Sequence[Listener]) -> None:
        with interrupt:
            problem = Execution(
                work=work,
                store=self.store,
                lease=self.lease,
                interrupt=interrupt,
                options=options,
                facts=self.facts,
                listeners=listeners,
            ).run()
        if problem is not None:
            raise problem
        crash_point("session.driven")
        self.store.records.consolidate()
        crash_point("session.consolidated")


def _interrupted(location: str, shard: Shard | None, number: int) -> StoreError:
    """The error of a run that a signal has ended while its store did not answer."""
    error = StoreError(
        f"interrupted, and store `{location}` does not answer",
        hint=f"finished work is saved; continue with `{resume_command(location, shard)}`",
    )
    error.exit_code = 128 + number
    return error


def _as_far_as_known(work: Work, store: Store) -> Summary:
    """How a run went that a problem has ended: perhaps its store cannot even be read."""
    try:
        return summarize(work, store, Interrupt())
    except (PrunesweepError, OSError):
        return Summary(cells_done=0, cells=len(work.plan.cells))


@contextmanager
def driving(
    sweep: dict[str, Any], facts: Facts, location: str, *, accept_changes: bool, part: Assignment | None = None
) -> Iterator[Session]:
    """A session with the store at `location`, created if necessary, in which the facts of a resolved sweep are pinned.

    With a `part`, others can drive the other parts at the same time.
    Raises StoreError if another driver has the store, and InputError if data, user code or numerics of the sweep have
    changed since the store's results were made, unless `accept_changes`.
    """
    store = Store(absolute(location), create=True)
    store.check_writable()
    with _alone(), _told_lease(store, part) as lease:
        if not accept_changes:
            changes.check_unchanged(sweep, store)
        pin(facts, store)
        crash_point("session.pinned")
        yield Session(store, lease, facts, part)


@contextmanager
def _told_lease(store: Store, part: Assignment | None) -> Iterator[Lease]:
    """The lease of a store, or of a shard of it. The supervisor releases it if this process dies in the block."""
    try:
        with Lease(store) if part is None else Lease(store, shard=part.shard, division=part.division) as lease:
            tell(store=store.location, lease=lease.token, shard=str(part.shard) if part else "")
            yield lease
    finally:
        tell(lease="")


@contextmanager
def _alone() -> Iterator[None]:
    """Raise InputError if another thread drives a store: threads, determinism, Ray and generators are the process's."""
    if not _driving.acquire(blocking=False):
        raise InputError(
            "another sweep is running in this process", hint="wait until it is done, or start this one in a new process"
        )
    try:
        yield
    finally:
        _driving.release()
