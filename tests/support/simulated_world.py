"""Machines, processes and threads that take turns by a seed, on a clock that nobody waits for.

Each simulated thread is a greenlet, so that the product's code runs unchanged, and takes its turn without help of the
system. The world decides who is next: at every system call the running thread may lose its turn, its process or its
machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from greenlet import getcurrent, greenlet

CALL_SECONDS = 0.001
LONG_AGO = float("-inf")


class Killed(BaseException):
    """Ends the threads of a process that is dead."""


@dataclass(eq=False)
class Process:
    """A process of a machine (`host`); `disturbed` is when it was last stopped, slowed down or given an error.

    A driver and its workers have the `token` of its lease, which lies at the path `lease`.
    """

    host: str
    boot: int
    pid: int
    begun: float
    alive: bool = True
    frozen_until: float = 0.0
    disturbed: float = LONG_AGO
    token: str | None = None
    lease: str | None = None
    descriptors: dict[int, object] = field(default_factory=dict)


@dataclass(eq=False)
class Thread:
    """A thread of a process, asleep until `wakes` or until `awaits` holds."""

    process: Process
    wakes: float
    awaits: Callable[[], bool] | None = None
    done: bool = False
    error: BaseException | None = None
    stack: greenlet = field(init=False)

    def ready_at(self) -> float:
        frozen_until = self.process.frozen_until
        if self.wakes <= frozen_until or (self.awaits is not None and self.awaits()):
            return frozen_until
        return self.wakes


class World:
    """See above. `now` is the time in seconds; the wall clock is `wall` seconds ahead of it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = 0.0
        self.wall = 1.7e9
        self.calls = 0
        self.patience = random.choice((0.02, 0.1, 0.5))  # how likely a thread loses its turn at a system call
        self.processes: list[Process] = []
        self._alive: list[Process] = []  # when `take_dead` was called last
        self.running: Thread | None = None
        self._boots = dict.fromkeys(("one", "two")[: random.randint(1, 2)], 0)
        self._threads: list[Thread] = []
        self._scheduler = getcurrent()

    @property
    def process(self) -> Process:
        assert self.running is not None
        return self.running.process

    def monotonic(self) -> float:
        return self.now

    def begin(self, main: Callable[[Process], None], seconds: float = 0.0) -> Process:
        """Start a process on one of the hosts, in so many seconds."""
        host = self.random.choice(list(self._boots))
        process = Process(host, self._boots[host], pid=len(self.processes) + 1, begun=self.now + seconds)
        self.processes.append(process)
        self._alive.append(process)
        self.thread(process, lambda: self._main(process, main))
        return process

    def _main(self, process: Process, main: Callable[[Process], None]) -> None:
        try:
            main(process)
        finally:
            process.alive = False  # with its other threads

    def thread(self, process: Process, function: Callable[[], None]) -> Thread:
        """Start a thread in a process."""
        thread = Thread(process, wakes=max(self.now, process.begun))
        thread.stack = greenlet(partial(self._live, thread, function), self._scheduler)
        self._threads.append(thread)
        return thread

    def _live(self, thread: Thread, function: Callable[[], None]) -> None:
        try:
            if thread.process.alive:
                function()
        except Killed:
            pass
        except BaseException as error:
            thread.error = error
        thread.done = True

    def call(self) -> None:
        """A system call of the running thread begins, perhaps after others had their turns."""
        self.check()
        self.now += CALL_SECONDS
        self.calls += 1
        if self.random.random() < self.patience:
            self.sleep(0.0)
        self.check()

    def check(self) -> None:
        """Raise Killed in a process that is dead."""
        assert self.running is not None
        if not self.running.process.alive:
            raise Killed

    def sleep(self, seconds: float) -> None:
        self.wait(None, seconds)

    def wait(self, until: Callable[[], bool] | None, seconds: float) -> None:
        """Let others run, until a condition holds or some time has passed."""
        self.check()
        thread = self.running
        assert thread is not None
        thread.wakes, thread.awaits = self.now + seconds, until
        self._scheduler.switch()
        self.check()

    def kill(self, process: Process) -> None:
        process.alive = False

    def kill_all(self) -> None:
        """All machines lose power."""
        for process in self.processes:
            process.alive = False
        self._boots = {host: boot + 1 for host, boot in self._boots.items()}

    def take_dead(self) -> list[Process]:
        """The processes that have died since the last call."""
        dead = [process for process in self._alive if not process.alive]
        if dead:
            self._alive = [process for process in self._alive if process.alive]
        return dead

    def turn(self) -> bool:
        """Let one thread run until it waits or loses its turn; returns whether there is any."""
        for thread in [thread for thread in self._threads if not thread.process.alive]:
            self._resume(thread)  # it ends
        if not self._threads:
            return False
        times = [thread.ready_at() for thread in self._threads]
        self.now = now = max(self.now, min(times))
        self._resume(self.random.choice([thread for thread, at in zip(self._threads, times, strict=True) if at <= now]))
        return True

    def _resume(self, thread: Thread) -> None:
        self.running = thread
        thread.stack.switch()
        self.running = None
        if not thread.done:
            return
        self._threads.remove(thread)
        if thread.error is not None:
            self.kill(thread.process)
            raise thread.error

    def end(self) -> None:
        """Kill everything."""
        self.kill_all()
        while self._threads:
            self._resume(self._threads[0])
