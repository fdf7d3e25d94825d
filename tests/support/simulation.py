"""One simulated sweep by a seed: drivers and workers that are disturbed, and then one driver that is not.

The same seed does exactly the same again. See `benchmarks/simulate.py`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache, partial
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import pyarrow as pa

from orchestrator.driver import consolidation, dispatcher
from orchestrator.driver.division import Assignment
from tests.support import simulated_tables
from tests.support.simulated_promises import Broken, Promises
from tests.support.simulated_saboteur import Saboteur
from tests.support.simulated_sweep import Sweep, at_once, train
from tests.support.simulated_system import Computer
from tests.support.simulated_world import Process, World
from workers.store import layout, lease, lease_owner
from workers.store.filesystems import bucket, file_locks, files, local
from workers.store.record import RESULT_COLUMNS
from workers.store.shard import Shard
from workers.training import attempt

CALM_SECONDS = 3_600.0
"""How long a sweep may take to end once nothing disturbs it any more."""

_DISTURBED_SECONDS = 600.0
_IN_BUCKET = (4, 5)
_SHARDS = (0, 3, 0, 2)  # by the seed; 0: the whole sweep in one part


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a seed went: what is wrong (None if nothing is), and what was done and checked."""

    seed: int
    problem: str | None
    faults: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    seconds: float = 0.0


def simulate(seed: int) -> Outcome:
    """Run a seed: in one of two, drivers of two or three shards share a larger sweep; in one of four, a bucket."""
    shards = _SHARDS[seed % len(_SHARDS)]
    undisturbed = expected(shards > 0)
    simulation = _Simulation(seed, shards, in_bucket=seed % 8 in _IN_BUCKET)
    world, promises, problem = simulation.world, simulation.promises, None
    with _replaced(simulation.computer):
        try:
            simulation.disturb()
            simulation.calm()
            promises.check(
                "the table is that of an undisturbed sweep", simulation.results().equals(undisturbed), "its rows differ"
            )
        except Broken as error:
            problem = str(error)
        except Exception as error:
            problem = f"at {world.now:.3f} s: {type(error).__name__}: {error}"
        world.end()
    return Outcome(seed, problem, simulation.saboteur.counts, promises.counts, world.calls, world.now)


@cache
def expected(with_shards: bool, /) -> pa.Table:
    """The results of a sweep that nothing disturbs, in one part."""
    simulation = _Simulation(0, int(with_shards), in_bucket=False)
    with _replaced(simulation.computer):
        simulation.calm()
        results = simulation.results()
        simulation.world.end()
    return results


class _Simulation:
    def __init__(self, seed: int, shards: int, in_bucket: bool) -> None:
        self.world = World(Random(seed))
        self.promises, self.saboteur = Promises(self.world), Saboteur(self.world)
        links = self.world.random.random() < 0.7
        self.computer = Computer(self.world, self.promises.disk, self.saboteur, links)
        self.sweep = Sweep(self.computer, self.promises, shards, in_bucket)
        self._forgets = not in_bucket
        self._parts = self.sweep.parts
        self._drivers: list[tuple[Process, Assignment | None]] = []  # those that may be alive

    def disturb(self) -> None:
        """Drivers begin now and then, one or two at once, until nothing more disturbs them.

        With shards, each drives any of them, and now and then one drives the whole sweep.
        """
        random, due = self.world.random, 0.0
        while self.saboteur.left and self.world.now < _DISTURBED_SECONDS and self.sweep.completed.total() < 3:
            alive = len(self._driven())
            if alive == 0:  # somebody sees that
                due = min(due, self.world.now + random.uniform(0, 5))
            if self.world.now >= due and alive < 1 + len(self._parts):
                for _ in range(random.randint(1, 2)):
                    self._begin_driver(self._any_part())
                due = self.world.now + random.expovariate(1 / 60)
            if not self._turn():
                self.world.now = max(self.world.now, due)

    def calm(self) -> None:
        """One driver of each part after the other begins, until all is done and all processes have ended."""
        self.saboteur.cease()
        for process in self.world.processes:
            process.frozen_until = min(process.frozen_until, self.world.now + self.world.random.uniform(0, 300))
        before, end = Counter(self.sweep.completed), self.world.now + CALM_SECONDS
        while missing := [part for part in self._parts if not self._has_completed(part, before)]:
            driven = self._driven()
            for part in missing:
                if part not in driven:  # somebody sees that
                    self._begin_driver(part, self.world.random.uniform(0, 5))
            self._turn()
            self.promises.check("a sweep ends", self.world.now < end, self.sweep.told[-3:])
        while self._turn():
            self.promises.check("a sweep ends", self.world.now < end, "a process lives on")

    def _driven(self) -> list[Assignment | None]:
        """The parts whose drivers are alive."""
        self._drivers = [(driver, part) for driver, part in self._drivers if driver.alive]
        return [part for _, part in self._drivers]

    def _has_completed(self, part: Assignment | None, before: Counter[Shard | None]) -> bool:
        shard = None if part is None else part.shard
        return self.sweep.completed[shard] > before[shard]

    def _any_part(self) -> Assignment | None:
        if len(self._parts) == 1:
            return self._parts[0]
        return None if self.world.random.random() < 0.1 else self.world.random.choice(self._parts)

    def results(self) -> pa.Table:
        """The result columns of every record, as a reader finds them."""
        tables: list[pa.Table] = []
        self.world.begin(lambda process: tables.append(self._read(process)))
        while self._turn():
            continue
        [table] = tables
        return table

    def _read(self, process: Process) -> pa.Table:
        records = self.sweep.open(process).records
        self.promises.check("no trial gives two results", not records.conflicts(), records.conflicts())
        return records.read_all().table.select(RESULT_COLUMNS)

    def _begin_driver(self, part: Assignment | None, seconds: float = 0.0) -> None:
        self._drivers.append((self.world.begin(partial(self.sweep.drive, part=part), seconds), part))

    def _turn(self) -> bool:
        has_turned = self.world.turn()
        self.computer.free_locks()
        if self.saboteur.power_is_lost:
            self.saboteur.power_is_lost = False
            while self.world.turn():  # all processes end
                continue
            if self._forgets:
                self.promises.disk.lose_power(self.world.random)
            self.promises.power_was_lost()
        return has_turned


_owner = lru_cache(maxsize=1_000)(lease_owner._owner)  # each lease is read many times


@contextmanager
def _replaced(computer: Computer) -> Iterator[None]:
    """Have the product's modules use a simulated computer."""
    world = computer.world
    secrets = SimpleNamespace(token_hex=lambda size: f"{world.random.getrandbits(8 * size):0{2 * size}x}")
    wall = SimpleNamespace(
        now=lambda zone: datetime.fromtimestamp(computer.time.time(), zone), fromisoformat=datetime.fromisoformat
    )
    disk_usage = SimpleNamespace(disk_usage=lambda folder: SimpleNamespace(free=10**12))
    replacements: dict[ModuleType, dict[str, Any]] = {
        local: {"os": computer.os, "open": computer.open_file, "time": computer.time, "shutil": disk_usage},
        file_locks: {"os": computer.os, "fcntl": computer.fcntl, "time": computer.time},
        bucket: {"within": lambda seconds, request: request()},
        files: {"secrets": secrets},
        layout: {"secrets": secrets},
        lease: {"time": computer.time, "threading": computer.threading, "say": lambda text: None},
        lease_owner: {
            "_boot": lambda: f"{world.process.host}-{world.process.boot}",
            "_process_start": lambda pid: "1" if world.processes[pid - 1].alive else None,
            "_is_hidden": lambda pid: False,
            "_user": lambda: "user",
            "_owner": _owner,
            "os": computer.os,
            "socket": SimpleNamespace(gethostname=lambda: world.process.host),
            "secrets": secrets,
            "datetime": wall,
        },
        attempt: {
            "time": computer.time,
            "trial_id": lambda trial: trial.stage,
            "AttemptLog": _NoLog,
            "Printed": _NoLog,
            "printed_path": lambda *_: None,
            "LeaseWatch": partial(lease.LeaseWatch, clock=world.monotonic),
        },
        dispatcher: {"random": world.random, "trial_id": lambda trial: trial.stage},
        consolidation: {"begin": at_once},
        **simulated_tables.replacements(),
    }
    training = {"workers.training.run": SimpleNamespace(run=train(world))}
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(sys.modules, training))
        for module, names in replacements.items():
            for name, replacement in names.items():
                stack.enter_context(mock.patch.object(module, name, replacement, create=name == "open"))
        yield


class _NoLog:
    """Stands in for an attempt's log, and for what captures what its code prints."""

    before = path = None
    is_written = False

    def __init__(self, *_: object, **__: object) -> None: ...

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_, **__: nullcontext("")
