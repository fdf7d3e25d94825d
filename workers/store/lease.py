"""The lease of a store: one driver at a time holds and renews it, and its workers stop once it no longer does.

Nobody compares the clocks of two machines: a lease is old if an observer has not seen its counter move for some
time of the observer's own monotonic clock.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

from workers.crashpoints import crash_point
from workers.errors import SET_ASIDE, StoreError
from workers.store.filesystems.files import Files, NotAFile
from workers.store.filesystems.opening import unwritable
from workers.store.layout import LEASE
from workers.store.lease_owner import Owner, read_lease, read_owner
from workers.store.store import Store
from workers.text import duration, printable

PERIOD = 15.0
"""Seconds between two renewals."""

MISSED_PERIODS = 3
"""After so many periods without a renewal workers stop; a period later another driver may take over."""


class Lease:
    """The right to drive a store, held inside a `with` block and renewed from a thread.

    Raises StoreError while another driver holds and renews it. The lease of a process of this machine that has ended
    is replaced at once, any other after `MISSED_PERIODS` + 1 periods without a renewal. Taking, renewing and releasing
    it change only what was read before, so of several drivers that try at once exactly one succeeds. Each renewal tells
    others what the driver `says` of its run.
    """

    def __init__(self, store: Store, period: float = PERIOD) -> None:
        self.period = period
        self.says = ""
        self.successor: Owner | None = None
        self._store = store
        self._files = store.files
        self._owner = Owner.this_process()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    @property
    def token(self) -> str:
        """By which workers recognize their driver."""
        return self._owner.token

    @property
    def problem(self) -> str | None:
        """Why this driver must stop; None if it may continue."""
        return None if self.successor is None else f"{self._in_use_by(self.successor)}, which took it over"

    def __enter__(self) -> Lease:
        try:
            self._acquire()
        except NotAFile as error:
            raise StoreError(
                f"store `{self._store.location}`: its `{LEASE}` {error}",
                hint=SET_ASIDE,
            ) from error
        except OSError as error:
            raise unwritable(self._store.location, error) from error
        self._thread.start()
        crash_point("lease.taken")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        crash_point("lease.releasing")
        self._released.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # it expires
            release(self._files, self.token)

    def _acquire(self) -> None:
        since, first = time.monotonic(), None
        while not self._files.publish(LEASE, self._owner.to_bytes()):
            try:
                owner, version = read_lease(self._files)
            except FileNotFoundError:  # released meanwhile
                continue
            if owner is None or owner.is_gone or time.monotonic() - since > (MISSED_PERIODS + 1) * self.period:
                if self._files.replace(LEASE, self._owner.to_bytes(), version):
                    return
                continue  # another driver was faster, or the owner renewed it
            if first is None:
                first = owner
            if owner.is_local or (owner.token, owner.counter) != (first.token, first.counter):
                raise self._refusal(owner)
            if first is owner:
                waiting = duration((MISSED_PERIODS + 1) * self.period)
                print(f"{self._in_use_by(owner)}; waiting up to {waiting} to see if it is alive", file=sys.stderr)
            time.sleep(self.period / 10)

    def _renew(self) -> None:
        while not self._released.wait(self.period):
            try:
                while not self._renewed():
                    if self.successor is not None:
                        return
            except OSError:
                continue  # the next renewal may succeed; else the lease expires

    def _renewed(self) -> bool:
        """Renew the lease, also one that somebody deleted. Returns False if it has changed since it was read."""
        renewal = replace(self._owner, counter=self._owner.counter + 1, says=self.says)
        try:
            owner, version = read_lease(self._files)
        except FileNotFoundError:
            written = self._files.publish(LEASE, renewal.to_bytes())
        else:
            if owner is not None and owner.token != self.token:
                self.successor = owner
                return False
            written = self._files.replace(LEASE, renewal.to_bytes(), version)
        if written:
            self._owner = renewal
        return written

    def _in_use_by(self, owner: Owner) -> str:
        if not owner.is_known:
            return f"store `{self._store.location}` has a damaged `{LEASE}`, which does not say who drives it"
        return (
            f"store `{self._store.location}` is in use by another driver: host {printable(owner.host)}, "
            f"process {owner.pid}, user {printable(owner.user)}, since {printable(owner.begun)} "
            f"({duration(owner.age)} ago)"
        )

    def _refusal(self, owner: Owner) -> StoreError:
        stop = f"stop it on {printable(owner.host)} with `kill {owner.pid}` (it saves its work)"
        if not owner.is_known:
            stop = f"set `{LEASE}` aside with `prunesweep verify --repair`"
        return StoreError(self._in_use_by(owner), hint=f"wait until it is done, {stop}, or use another store")


def release(files: Files, token: str) -> None:
    """Give up the lease with this token, if it is still that one. Raises OSError."""
    owner, version = read_lease(files)
    if owner is not None and owner.token == token:
        files.remove(LEASE, version)


class LeaseWatch:
    """A worker's view of its driver's lease. Cheap to ask: it reads the lease at most three times a period."""

    def __init__(
        self, files: Files, token: str, period: float = PERIOD, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._files = files
        self._token = token
        self._period = period
        self._clock = clock
        self._counter = -1
        self._moved = self._observed = clock()
        self._taken = False

    @property
    def orphaned(self) -> bool:
        """Whether another driver holds the lease, or nobody has renewed it for `MISSED_PERIODS`."""
        now = self._clock()
        if not self._taken and now - self._observed >= self._period / 3:
            self._observed = now
            self._observe(now)
        return self._taken or now - self._moved > MISSED_PERIODS * self._period

    def _observe(self, now: float) -> None:
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
