"""Who disturbs simulated processes, at their system calls and by the seed."""

from __future__ import annotations

from collections import Counter

from tests.support.simulated_world import Process, World

FAULTS = ("kill", "power loss", "error before", "error after", "full disk", "freeze", "slow call", "clock jump")
_LONGEST_FREEZE = 86_400.0


class Saboteur:
    """Chooses faults by the seed: some kinds of them, more or less often, until `left` is 0."""

    def __init__(self, world: World) -> None:
        random = world.random
        self.counts: Counter[str] = Counter()
        self.left = random.choice((1, 4, 12))
        self.power_is_lost = False
        self._world = world
        self._rate = 1 / random.choice((15, 60, 200))
        self._kinds = random.sample(FAULTS, random.randint(1, len(FAULTS)))
        self._full_until = 0.0

    def strike(self, writes: bool) -> str | None:
        """Do harm at a system call, or not. Returns the fault that the call itself has."""
        world = self._world
        if writes and world.now < self._full_until:
            self._disturb(world.process, world.now)
            return "full disk"
        if self.left == 0 or world.random.random() > self._rate:
            return None
        self.left -= 1
        kind = world.random.choice(self._kinds)
        self.counts[kind] += 1
        return self._do(kind)

    def cease(self) -> None:
        """Do no more harm."""
        self.left, self._full_until = 0, 0.0

    def _do(self, kind: str) -> str | None:
        world, process = self._world, self._world.process
        if kind == "clock jump":
            world.wall += world.random.uniform(-1e8, 1e8)
            return None
        if kind == "kill":
            world.kill(process)
        elif kind == "power loss":
            self.power_is_lost = True
            world.kill_all()
        elif kind == "full disk":
            self._full_until = world.now + world.random.uniform(0, 60)
        world.check()
        seconds = {"freeze": _LONGEST_FREEZE, "slow call": 60.0}.get(kind, 0.0) ** world.random.random()
        self._disturb(process, world.now + seconds)
        if kind == "freeze":
            process.frozen_until = world.now + seconds
            world.sleep(0.0)
        elif kind == "slow call":
            world.sleep(seconds)
        return kind

    def _disturb(self, process: Process, until: float) -> None:
        """Note who cannot keep to its times: a process, and all that may wait for a lock of it."""
        keeps_others_waiting = any(node.locked_by is not None for node in process.descriptors.values())
        for disturbed in self._world.processes if keeps_others_waiting else [process]:
            disturbed.disturbed = max(disturbed.disturbed, until)
