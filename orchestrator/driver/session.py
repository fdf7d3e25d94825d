"""One invocation of `run`, `resume` or `prune`: find what is missing, do it, say how it went."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.driver import preflight
from orchestrator.driver.agenda import Agenda
from orchestrator.driver.disk_space import Room
from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.lease import Lease
from orchestrator.driver.progress import Progress
from orchestrator.planning import changes, facts
from orchestrator.planning.facts import Facts
from orchestrator.planning.plan import Plan
from workers.crashpoints import crash_point
from workers.errors import FAILURES, InputError, Outcome, StoreError
from workers.registry import closest
from workers.store.failures import Failure
from workers.store.files import absolute
from workers.store.store import Store
from workers.text import parse_duration
from workers.trial import Job

Grow = Callable[[], Plan | None]
"""The plan that follows on one that is done, of which it has everything; None if there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How to run: on a local Ray (the default), on the cluster at `address`, or `in_process` without Ray.

    `retry` says which failed trials run again: outcome classes, `all`, or none (InputError for another word).
    `stop_after` is in seconds.
    `cpus` and `gpus` are those of this machine that a local Ray may use (None: all).
    """

    in_process: bool = False
    address: str | None = None
    cpus: int | None = None
    gpus: int | None = None
    max_concurrent: int | None = None
    wait_for_resources: bool = False
    stop_after: float | None = None
    checkpoint_seconds: float = 60.0
    retry: tuple[str, ...] = ()
    quiet: bool = False

    def __post_init__(self) -> None:
        for word in self.retry:
            if word not in ("all", *FAILURES):
                raise InputError(f"`{word}` is not an outcome of a failed trial", hint=closest(word, FAILURES))
        of_ray = {
            "cpus": self.cpus,
            "gpus": self.gpus,
            "max-concurrent": self.max_concurrent,
            "wait-for-resources": self.wait_for_resources or None,
        }
        for flag, value in of_ray.items():
            if self.in_process and value is not None:
                raise InputError(f"`--{flag}` is for Ray, and `--in-process` runs without it", hint="drop one of them")


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """How a run went. `failed` and `blocked` count trials, `outcomes` the failed ones by class.

    `unreadable` names records that are damaged (path: reason), whose cells are not done.
    """

    cells_done: int
    cells: int
    failed: int = 0
    blocked: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    signal: int | None = None
    out_of_time: bool = False
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> str:
        """The failed trials by class, for people: `2 diverged, 1 io`."""
        return ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))

    @property
    def exit_code(self) -> int:
        """0 done, 3 finished with failures, 130 or 143 interrupted (also at the end of the time given)."""
        if self.signal is not None:
            return 128 + self.signal
        if self.out_of_time and self.cells_done < self.cells and not self.failed:
            return 130
        return 0 if self.cells_done == self.cells else 3


@contextmanager
def driving(plan: Plan, known: Facts, location: str, *, accept_changes: bool) -> Iterator[tuple[Store, Lease]]:
    """The store at a location, made if there is none, with its lease and what is known of a plan in it.

    Raises StoreError where another driver has it, InputError for what has changed behind the store's back, unless that
    is accepted.
    """
    store = Store(absolute(location), create=True)
    store.check_writable()
    with Lease(store) as lease:
        if not accept_changes:
            changes.check_unchanged(plan, store)
        facts.pin(known, store)
        crash_point("session.pinned")
        yield store, lease


class _Work:
    """A plan that may grow, and the agenda of what is left of it."""

    def __init__(self, plan: Plan, grow: Grow, store: Store, retry: tuple[str, ...]) -> None:
        self.plan = plan
        self.needs: dict[str, int] = {}
        self._grow = grow
        self._store = store
        self._retry = retry
        self.agenda = Agenda({}, set())
        self._add(plan)
        self.grow()

    def grow(self) -> bool:
        """Go over to the plans that follow, until there is something to do; whether there was any."""
        before = self.plan
        while self.agenda.exhausted and not self.agenda.failed and (following := self._grow()) is not None:
            self._add(following)
        return self.plan is not before

    def _add(self, plan: Plan) -> None:
        store = self._store
        checkpoints = set(store.checkpoint_sizes())
        jobs = plan.missing(store.record_keys(), checkpoints)
        failures = {name: failure for name, failure in store.failures().items() if name in jobs}
        for name in [name for name, failure in failures.items() if _again(failure, self._retry)]:
            crash_point("session.forgetting")
            store.forget_failure(name)
            del failures[name]
        crash_point("session.planned")
        self.plan = plan
        self.needs |= {name: _bytes_to_hold(plan, name, job) for name, job in jobs.items()}
        self.agenda.extend(jobs, checkpoints, failures)


def run_plan(
    plan: Plan,
    store: Store,
    lease: Lease,
    options: RunOptions,
    grow: Grow = lambda: None,
    loaded: Collection[str] = (),
) -> Summary:
    """Do what is missing of a plan, and whenever all of it is done, of the one that it grows to.

    Data are looked at before anything starts, but for those of fingerprints that were `loaded` just now.
    Raises InputError before any work starts, StoreError where it cannot go on.
    """
    work = _Work(plan, grow, store, options.retry)
    interrupt = Interrupt(options.stop_after)
    if not work.agenda.exhausted:
        with interrupt:
            problem = _drive(work, store, lease, interrupt, options, loaded)
        if problem:
            raise StoreError(problem, hint="all that is done is kept; go on with `prunesweep resume`")
        crash_point("session.driven")
        store.consolidate()
        crash_point("session.consolidated")
        if plan.spec.keep == "results_only" and not interrupt.requested:
            _give_up_states(store, options)
    plan, agenda = work.plan, work.agenda
    done, unreadable = store.sound_records()
    key = plan.evaluation.key
    return Summary(
        cells=len(plan.cells),
        cells_done=sum((cell.stop.trial, cell.stop.step, key) in done for cell in plan.cells),
        failed=len(agenda.failed),
        blocked=len(agenda.blocked),
        outcomes=dict(Counter(_outcome(store, trial) for trial in agenda.failed)),
        signal=interrupt.signal,
        out_of_time=interrupt.out_of_time,
        unreadable=unreadable,
    )


def _outcome(store: Store, trial: str) -> Outcome:
    failure = store.failure(trial)
    return "bug" if failure is None else failure.outcome


def _give_up_states(store: Store, options: RunOptions) -> None:
    """Delete the states that no sweep of the store needs any more, and say so."""
    from orchestrator.upkeep.gc import give_up

    try:
        garbage = give_up(store)
    except StoreError as error:  # what was asked for is done
        print(f"warning: kept all states: {error}", file=sys.stderr)
        return
    if garbage.bytes and not options.quiet:
        print(garbage, file=sys.stderr)


def _again(failure: Failure, retry: tuple[str, ...]) -> bool:
    """Whether a failed trial runs again. One that failed for its input does: that may have been mended since."""
    return "all" in retry or failure.outcome in ("bad_input", *retry)


def _drive(
    work: _Work, store: Store, lease: Lease, interrupt: Interrupt, options: RunOptions, loaded: Collection[str]
) -> str | None:
    """Run what the agenda has; returns why the sweep cannot go on, if it cannot."""
    from orchestrator.driver.dispatcher import Dispatcher
    from workers.training.attempt import Bounds
    from workers.training.device import Device

    plan, agenda = work.plan, work.agenda
    timeout = plan.spec.limits.trial_timeout
    bounds = Bounds(lease=lease.token, period=lease.period, timeout=parse_duration(timeout) if timeout else None)

    def dispatcher(progress: Progress) -> Dispatcher:
        return Dispatcher(
            agenda,
            store,
            interrupt=interrupt,
            progress=progress,
            room=Room(store.files, work.needs, progress.warn),
            lease=lease,
            retries=dict(plan.spec.failures.retries),
            all_done=lambda: progress.show_plan(work.plan) if work.grow() else None,
        )

    unseen = preflight.unseen_data(agenda.jobs.values(), loaded)
    resources = plan.spec.resources
    device = Device(
        name="cuda" if resources.gpus else "cpu",
        checkpoint_seconds=options.checkpoint_seconds,
    )
    if options.in_process:
        from orchestrator.driver import in_process

        if problem := preflight.gpu_problem(resources.gpus) or preflight.data_problem(unseen, os.getcwd()):
            raise InputError(problem)
        with Progress(plan, store, agenda, slots=1, quiet=options.quiet) as progress:
            dispatching = dispatcher(progress)
            in_process.drive(dispatching, store, device, bounds)
        return dispatching.problem
    from orchestrator.driver import ray_tune
    from orchestrator.driver.cluster import Cluster, connected

    cluster = Cluster(
        address=options.address,
        cpus=resources.cpus,
        gpus=float(resources.gpus),
        local_cpus=options.cpus,
        local_gpus=options.gpus,
        max_concurrent=options.max_concurrent,
        wait_for_resources=options.wait_for_resources,
    )
    with connected(cluster, interrupt) as slots:
        if not slots:
            return None
        preflight.check_shared(store)
        preflight.check_importable(preflight.own_functions(plan), os.getcwd())
        preflight.check_data(unseen, os.getcwd())
        with Progress(plan, store, agenda, slots=slots, quiet=options.quiet) as progress:
            dispatching = dispatcher(progress)
            ray_tune.drive(dispatching, store, device, bounds, cluster, slots)
    return dispatching.problem


def _bytes_to_hold(plan: Plan, name: str, job: Job) -> int:
    """Bytes of the states that a job keeps, and of the two on the way and the one being written."""
    return (len(job.checkpoints) + 3) * plan.trials[name].checkpoint_bytes
