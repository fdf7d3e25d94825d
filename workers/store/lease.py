"""Who drives a store: one driver at a time holds its lease and renews it; its workers stop when it no longer does.

Nobody compares the clocks of two machines: a lease is old if an observer has not seen its counter move for some
time of the observer's own monotonic clock.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from workers.store.files import Files
from workers.store.layout import LEASE

PERIOD = 15.0
"""Seconds between two renewals."""

MISSED_PERIODS = 3
"""Workers stop after so many periods without a renewal, a period before another driver may take over."""


def _boot() -> str:
    """What process ids of this machine refer to: its boot and this process id namespace; empty if unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _process_start(pid: int) -> str | None:
    """When a process of this machine began, in clock ticks since boot; None if there is none (any more)."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else rest[18]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """The driver that holds a lease. `begun` (UTC) is for people only."""

    host: str
    boot: str
    pid: int
    process_start: str | None
    user: str
    token: str
    begun: str
    counter: int

    @classmethod
    def this_process(cls) -> Owner:
        """This process, with a token of its own."""
        return cls(
            host=socket.gethostname(),
            boot=_boot(),
            pid=os.getpid(),
            process_start=_process_start(os.getpid()),
            user=_user(),
            token=secrets.token_hex(16),
            begun=datetime.now(UTC).isoformat(timespec="seconds"),
            counter=0,
        )

    @property
    def is_known(self) -> bool:
        """Whether it could be read who it is."""
        return self.pid > 0

    @property
    def is_local(self) -> bool:
        """Whether this machine can tell if the owner is still there."""
        return bool(self.boot) and (self.host, self.boot) == (socket.gethostname(), _boot())

    @property
    def is_gone(self) -> bool:
        """Whether the owner was a process of this machine that has ended."""
        return self.is_local and _process_start(self.pid) != self.process_start

    @property
    def age(self) -> float:
        """Seconds since the lease was taken, by this machine's clock: to be shown, never to be judged by."""
        try:
            return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(self.begun)).total_seconds())
        except (TypeError, ValueError):
            return 0.0

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()


def read_owner(files: Files) -> Owner | None:
    """The owner of the lease; None if nobody holds it. One whose content is damaged has an unknown owner.

    Raises NotAFile where something else is in its place, OSError where it cannot be read.
    """
    try:
        data = files.read(LEASE)
    except FileNotFoundError:
        return None
    try:
        owner = Owner(**json.loads(data))
        texts = (owner.host, owner.boot, owner.user, owner.token, owner.begun)
        numbers = (owner.pid, owner.counter)
        sound = all(isinstance(text, str) for text in texts) and all(type(number) is int for number in numbers)
        if sound and owner.is_known:
            return owner
    except (ValueError, TypeError, RecursionError):
        pass
    return Owner(
        host="unknown",
        boot="",
        pid=0,
        process_start=None,
        user="unknown",
        token=hashlib.sha256(data).hexdigest(),
        begun="unknown",
        counter=0,
    )


class LeaseWatch:
    """What a worker sees of its driver's lease. Cheap to ask: it looks at most every third of a period."""

    def __init__(
        self, files: Files, token: str, period: float = PERIOD, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._files = files
        self._token = token
        self._period = period
        self._clock = clock
        self._counter = -1
        self._moved = self._looked = clock()
        self._taken = False

    @property
    def orphaned(self) -> bool:
        """Whether another driver holds the lease, or nobody has renewed it for `MISSED_PERIODS`."""
        now = self._clock()
        if not self._taken and now - self._looked >= self._period / 3:
            self._looked = now
            self._look(now)
        return self._taken or now - self._moved > MISSED_PERIODS * self._period

    def _look(self, now: float) -> None:
        try:
            owner = read_owner(self._files)
        except OSError:
            return
        if owner is None:
            return
        if owner.token != self._token:
            self._taken = True
        elif owner.counter != self._counter:
            self._counter, self._moved = owner.counter, now
