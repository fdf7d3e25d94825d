"""A small sweep as simulated processes: drivers and workers of the product, with arithmetic in place of training."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from fractions import Fraction
from functools import cache
from types import SimpleNamespace
from typing import Any

from orchestrator.driver.disk_space import Room
from orchestrator.driver.dispatcher import Dispatcher
from orchestrator.driver.division import Assignment, divide
from orchestrator.driver.work import Work
from orchestrator.planning.plan import Plan, PlannedTrial
from orchestrator.sweep.running import ResourcesSpec
from tests.support.jobs import jobs
from tests.support.records import record
from tests.support.simulated_bucket import SimulatedBucket
from tests.support.simulated_promises import STORE, Promises, WatchedBucket, WatchedFiles
from tests.support.simulated_system import Computer
from tests.support.simulated_world import Killed, Process, World
from workers.errors import BadInput, CorruptFile, PrunesweepError
from workers.machine.device import Device
from workers.store import Store
from workers.store.checksummed import from_json, to_json
from workers.store.filesystems.files import Files
from workers.store.layout import RecordKey
from workers.store.lease import PERIOD, Lease
from workers.store.shard import Shard
from workers.training.attempt import Attempt, Bounds, Ending, not_begun
from workers.training.outcomes import lost_worker
from workers.trial import Evaluation, Job, Stop

RETRIES = {"lost_worker": 2, "io": 2}
_TURN_SECONDS = 2.0
_DETAIL: dict[str, Any] = {"layers": [], "curve": []}


class Silence:
    """Stands in for the progress of a run."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Sweep:
    """Drivers and workers of one plan in one store; `completed` counts by part how often all of it was done.

    A plan with `shards` has more chains, which that many drivers divide among them. The store is on a disk or in a
    bucket.
    """

    def __init__(self, computer: Computer, promises: Promises, shards: int, in_bucket: bool) -> None:
        self.world: World = computer.world
        self.plan, self.parts = _plan_in_parts(shards)
        self.completed: Counter[Shard | None] = Counter()
        self.told: list[str] = []
        self.promises = promises
        self._computer = computer
        self._in_bucket = in_bucket

    def open(self, process: Process, create: bool = False) -> Store:
        return Store(STORE, create=create, files=self._files(process))

    def _files(self, process: Process) -> Files:
        if self._in_bucket:
            return WatchedBucket(process, self.promises, SimulatedBucket(self._computer, STORE))
        return WatchedFiles(process, self.promises, self._computer.path(STORE))

    def drive(self, process: Process, part: Assignment | None) -> None:
        """What the process of a driver does, of a part or of the whole plan: as in `orchestrator.driver.session`."""
        try:
            store = self.open(process, create=True)
            store.check_writable()
            with Lease(store) if part is None else Lease(store, shard=part.shard, division=part.division) as lease:
                work = Work(iter([self.plan]), store, ["all"], part)
                dispatcher = Dispatcher(
                    work,
                    store,
                    interrupt=SimpleNamespace(requested=False),
                    progress=Silence(),
                    room=Room(store.files, work.bytes_to_hold, lambda *_: None, clock=self.world.monotonic),
                    lease=lease,
                    retries=RETRIES,
                )
                work.agenda._clock = dispatcher._others._clock = self.world.monotonic
                dispatcher._others._next = 0.0
                self._dispatch(dispatcher, lease)
                dispatcher.consolidation.settle()
                store.records.consolidate()
                if not dispatcher.problem and not work.agenda.failed | work.agenda.blocked:
                    self.completed[work.shard] += 1
        except (PrunesweepError, OSError) as error:
            self.told.append(str(error))

    def _dispatch(self, dispatcher: Dispatcher, lease: Lease) -> None:
        slots = self.world.random.randint(1, 3)
        workers: dict[str, Worker] = {}
        while not dispatcher.finished or workers:
            while len(workers) < slots and (job := dispatcher.next()) is not None:
                workers[job.trial.stage] = Worker(self, job, lease)
            for trial, worker in list(workers.items()):
                worker.stopping = dispatcher.stopping
                for step in worker.take_steps():
                    dispatcher.reached(trial, step)
                if (ending := worker.ending_now()) is not None:
                    del workers[trial]
                    dispatcher.ended(trial, ending)
            self.world.sleep(_TURN_SECONDS)


class Worker:
    """A worker's process, as its driver sees it."""

    def __init__(self, sweep: Sweep, job: Job, lease: Lease) -> None:
        self.stopping = False
        self._sweep, self._job = sweep, job
        self._bounds = Bounds(lease=lease.token, lease_path=lease.path, period=PERIOD)
        self._steps: list[int] = []
        self._step: int | None = None
        self._ending: Ending | None = None
        self._process = sweep.world.begin(self._work)

    def take_steps(self) -> list[int]:
        steps, self._steps = self._steps, []
        return steps

    def ending_now(self) -> Ending | None:
        if self._ending is not None or self._process.alive:
            return self._ending
        return Ending("lost_worker", self._step, lost_worker(self._step))

    def _work(self, process: Process) -> None:
        process.token, process.lease = self._bounds.lease, self._bounds.lease_path
        try:
            store = self._sweep.open(process)
            attempt = Attempt(self._job, store, Device(name="cpu"), self._bounds)
        except (PrunesweepError, OSError) as error:
            self._ending = not_begun(error)
            return
        while (ending := attempt.advance(0)) is None:
            self._step = attempt.step
            self._steps.append(attempt.step)
            if self.stopping:
                attempt.interrupt("the driver stops")
        healthy = ending.outcome not in ("bug", "bad_input")
        self._sweep.promises.check("an attempt fails for a reason", healthy, ending.failure)
        self._ending = ending


def train(world: World) -> Callable[..., Iterator[tuple[int, None, None]]]:
    """What stands in for `workers.training.run.run`: the same calls of the store, in the same order."""

    def run(job: Job, store: Store, device: Device, copies: None) -> Iterator[tuple[int, None, None]]:
        trial, evaluation = job.trial.stage, job.evaluation.key
        records = {step for step in job.records if not store.records.has(RecordKey(trial, step, evaluation))}
        kept = {step for step in job.checkpoints if not store.states.has_checkpoint(Stop(trial, step))}
        stops = records | kept
        if not stops:
            return
        start, step, digest = _begin(job, store, min(stops))
        while True:
            if step in stops:
                if step in kept:
                    store.states.write_checkpoint(Stop(trial, step), _state(trial, step, digest))
                if step in records:
                    row = record(trial=trial, step=step, evaluation=evaluation, state_digest=digest, start_digest=start)
                    store.records.publish(row, _DETAIL)
                if step == max(stops):
                    break
            try:
                yield step, None, None
            except GeneratorExit:
                with suppress(Killed):  # a generator that a dead process leaves behind
                    store.states.write_partial(Stop(trial, step), _state(trial, step, digest))
                raise
            world.sleep(world.random.uniform(1.0, 10.0))
            step, digest = step + 1, _hash(digest, trial, step + 1)
            if world.random.random() < 0.3:
                store.states.write_partial(Stop(trial, step), _state(trial, step, digest))
        store.states.delete_partial(trial)
        yield step, None, None

    return run


def _begin(job: Job, store: Store, limit: int) -> tuple[str, int, str]:
    """The digest of the state that a trial starts from, and the step and digest from which it continues."""
    trial, start = job.trial.stage, ""
    for parent in job.trial.parents:
        try:
            start = _digest(store.states.read_checkpoint(parent), parent)
        except (FileNotFoundError, CorruptFile) as error:
            raise BadInput(f"checkpoint of {parent}: {error}") from error
    for stop, data in store.states.resumable(trial, limit):
        return start, stop.step, _digest(data, stop)  # none is damaged
    return start, 0, _hash(start, trial, 0)


@cache
def _state(trial: str, step: int, digest: str) -> bytes:
    return to_json({"trial": trial, "step": step, "digest": digest})


def _digest(data: bytes, stop: Stop) -> str:
    state = from_json(stop.trial, data)
    assert stop == (state["trial"], state["step"])
    return str(state["digest"])


@cache
def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


# A dense network, a trial that starts from it before it has ended, and one that starts from that
_SMALL: dict[str, Any] = {"dense": ((3, 9),), "early": ((3,), ("dense", 3)), "last": ((2,), ("early", 3))}
_LARGE: dict[str, Any] = _SMALL | {"late": ((4,), ("dense", 9)), "other": ((6,), ("dense", 3))}


def _plan(stops: dict[str, Any]) -> Plan:
    trials = {
        name: PlannedTrial(job.trial, Fraction(1), checkpoint_bytes=100, records=set(job.checkpoints))
        for name, job in jobs(**stops).items()
    }
    return Plan(SimpleNamespace(keep="all", resources=ResourcesSpec()), Evaluation(), [], trials)


@cache
def _plan_in_parts(shards: int) -> tuple[Plan, list[Assignment | None]]:
    """A plan, and its parts for so many drivers; one for the whole of it if they are 0."""
    plan = _plan(_LARGE if shards else _SMALL)
    missing = plan.missing(set(), set())
    owners = divide(missing, max(1, shards), {trial: float(job.last_step) for trial, job in missing.items()})
    return plan, [Assignment(Shard(number, shards), owners) for number in range(1, shards + 1)] or [None]


def at_once(work: Callable[[], None]) -> Future[None]:
    """What stands in for `workers.waiting.begin`."""
    future: Future[None] = Future()
    future.set_result(work())
    return future
