"""The lease of a store: one driver at a time holds and renews it, and its workers stop once it no longer does.

Drivers of shards hold a lease each. They exclude a driver of the whole store, and those that divide it otherwise:
whoever takes a lease does so first and then waits until no lease that it excludes is renewed any longer, so that of two
that start together at least one sees the other. A lease says whether its driver is still at that: of two that see each
other then, the one with the larger token makes way.

Nobody compares the clocks of two machines: a lease is old if an observer has not seen its counter move for some
time of the observer's own monotonic clock.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

from workers.crashpoints import crash_point
from workers.errors import SET_ASIDE, StoreError
from workers.machine.terminal import say
from workers.store.filesystems.files import Files, NotAFile, Version
from workers.store.filesystems.opening import unwritable
from workers.store.layout import LEASE, lease_path
from workers.store.lease_owner import Owner, in_use_by, lease_paths, live_owners, read_lease, read_owner, remedy
from workers.store.shard import Shard
from workers.store.store import Store
from workers.text import duration

PERIOD = 15.0
"""Seconds between two renewals."""

MISSED_PERIODS = 3
"""After so many periods without a renewal workers stop; a period later another driver may take over."""

EXPIRY = (MISSED_PERIODS + 1) * PERIOD  # seconds without a renewal after which another driver may take over


class Lease:
    """The right to drive a store, or a shard of it, held inside a `with` block and renewed from a thread.

    Raises StoreError while another driver holds and renews it, or one that it excludes. The lease of a process of this
    machine that has ended is replaced at once, any other after `MISSED_PERIODS` + 1 periods without a renewal. Taking,
    renewing and releasing it change only what was read before, so of several drivers that try at once exactly one
    succeeds. Each renewal tells others what the driver `says` of its run.

    Drivers of different shards run together if they have the same `division`.
    """

    def __init__(self, store: Store, period: float = PERIOD, *, shard: Shard | None = None, division: str = "") -> None:
        self.period = period
        self.path = lease_path(shard)
        self.says = ""
        self.successor: Owner | None = None
        self._store = store
        self._files = store.files
        self._owner = replace(Owner.this_process(division), entering=True)
        self._successor_path = self.path
        self._entering = True
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    @property
    def token(self) -> str:
        """By which workers recognize their driver."""
        return self._owner.token

    @property
    def problem(self) -> str | None:
        """Why this driver must stop; None if it may continue."""
        if self.successor is None:
            return None
        return f"{in_use_by(self.successor, self._store.location, self._successor_path)}, which took it over"

    def __enter__(self) -> Lease:
        try:
            self._acquire()
            self._thread.start()
            self._enter()
        except NotAFile as error:
            raise _not_a_lease(self._store, self.path, error) from error
        except OSError as error:
            raise unwritable(self._store.location, error) from error
        crash_point("lease.taken")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        crash_point("lease.releasing")
        self._let_go()

    def _let_go(self) -> None:
        self._released.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # it expires
            _release(self._files, self.path, self.token)

    def _acquire(self) -> None:
        patience = _OtherLease(self._store, self.path, self.period)
        while not self._files.publish(self.path, self._owner.to_bytes()):
            version = patience.outlast()
            if version is not None and self._files.replace(self.path, self._owner.to_bytes(), version):
                return  # otherwise another driver was faster, the owner renewed it, or it was released

    def _enter(self) -> None:
        """Drive from now on, once this is certain to be the only driver of those that it excludes."""
        try:
            self._outlast_excluded()
            self._entering = False
            self._renew_now()
        except BaseException:
            self._let_go()
            raise

    def _outlast_excluded(self) -> None:
        """Wait until nobody renews a lease that this one excludes, and remove those leases.

        This one is renewed meanwhile: whoever waits for it could take it over otherwise.
        """
        for excluded in self._excluded():  # all are watched from now on
            while (version := excluded.outlast()) is not None and not self._files.remove(excluded.path, version):
                pass  # its owner renewed it

    def _excluded(self) -> list[_OtherLease]:
        """The leases that this one excludes, all watched from the same moment on, so that they expire together."""
        owners = {path: self._read_owner(path) for path in lease_paths(self._files)}
        excluded = {path: owner for path, owner in owners.items() if self._excludes(path, owner)}
        since = time.monotonic()
        return [
            _OtherLease(self._store, path, self.period, owner, since, rival=self.token)
            for path, owner in excluded.items()
        ]

    def _read_owner(self, path: str) -> Owner | None:
        try:
            return read_owner(self._files, path)
        except NotAFile as error:
            raise _not_a_lease(self._store, path, error) from error

    def _excludes(self, path: str, owner: Owner | None) -> bool:
        """Whether this driver must not run together with the owner of the lease at a path."""
        return owner is not None and owner.excludes(path, self.path, self._owner.division)

    def _renew(self) -> None:
        while self.successor is None and not self._released.wait(self.period):
            with contextlib.suppress(OSError):  # the next renewal may succeed; else the lease expires
                self._renew_now()

    def _renew_now(self) -> None:
        """Renew the lease, unless another driver has taken it. Raises OSError."""
        while not self._renewed() and self.successor is None:
            pass  # the other thread renewed it

    def _renewed(self) -> bool:
        """Renew the lease, also one that somebody deleted. Returns False if it has changed since it was read."""
        owner, version = None, None
        with contextlib.suppress(FileNotFoundError):
            owner, version = read_lease(self._files, self.path)
        if owner is None:
            self._note_rival()
        elif owner.token != self.token:
            self.successor = owner
        if self.successor is not None:
            return False
        renewal = replace(self._owner, counter=self._owner.counter + 1, says=self.says, entering=self._entering)
        if version is None:
            written = self._files.publish(self.path, renewal.to_bytes())
        else:
            written = self._files.replace(self.path, renewal.to_bytes(), version)
        if written:
            self._owner = renewal
        return written

    def _note_rival(self) -> None:
        """Find out whether a driver whose lease excludes this one has removed it."""
        for path, owner in live_owners(self._files).items():
            if self._excludes(path, owner):
                self.successor, self._successor_path = owner, path


class _OtherLease:
    """The lease of another driver, at a path; `first` was its owner at the time `since`, if that is known.

    `rival` is the token of a driver that enters: an owner that is entering, too, makes way for a smaller one.
    """

    def __init__(
        self,
        store: Store,
        path: str,
        period: float,
        first: Owner | None = None,
        since: float = 0.0,
        rival: str = "",
    ) -> None:
        self._store = store
        self.path = path
        self._pause = period / 10
        self._longest = (MISSED_PERIODS + 1) * period
        self._first = first
        self._since = since
        self._rival = rival
        self._has_said = False

    def outlast(self) -> Version | None:
        """The version of the lease, which may now be replaced; None if it is missing. Raises StoreError if it moves."""
        while True:
            try:
                owner, version = read_lease(self._store.files, self.path)
            except FileNotFoundError:
                return None
            if owner is None or owner.is_gone:
                return version
            makes_way = owner.entering and "" < self._rival < owner.token
            if self._first is None or (makes_way and self._has_moved(owner)):
                self._first, self._since = owner, time.monotonic()
            if not makes_way and (owner.is_local or self._has_moved(owner)):
                raise StoreError(self._words(owner), hint=remedy(owner, self.path))
            waited = time.monotonic() - self._since
            if waited > self._longest:
                return version
            if not makes_way or waited > self._pause:
                self._say_once(owner)
            time.sleep(self._pause)

    def _has_moved(self, owner: Owner) -> bool:
        return self._first is not None and (owner.token, owner.counter) != (self._first.token, self._first.counter)

    def _say_once(self, owner: Owner) -> None:
        if not self._has_said:
            self._has_said = True
            waiting = f"waiting up to {duration(self._longest)} to see if it is alive"
            say(f"{self._words(owner)}; {waiting}")

    def _words(self, owner: Owner) -> str:
        return in_use_by(owner, self._store.location, self.path)


def _not_a_lease(store: Store, path: str, error: NotAFile) -> StoreError:
    return StoreError(f"store `{store.location}`: its `{path}` {error}", hint=SET_ASIDE)


def release(files: Files, token: str) -> None:
    """Give up the lease with this token, wherever it is. Raises OSError."""
    for path in lease_paths(files):
        with contextlib.suppress(FileNotFoundError):
            _release(files, path, token)


def _release(files: Files, path: str, token: str) -> None:
    """Give up the lease at a path if it still has this token. Raises OSError."""
    owner, version = read_lease(files, path)
    if owner is not None and owner.token == token:
        files.remove(path, version)


class LeaseWatch:
    """A worker's view of its driver's lease. Cheap to ask: it reads the lease at most three times a period."""

    def __init__(
        self,
        files: Files,
        token: str,
        period: float = PERIOD,
        clock: Callable[[], float] = time.monotonic,
        path: str = LEASE,
    ) -> None:
        self._files = files
        self._path = path
        self._token = token
        self._period = period
        self._clock = clock
        self._counter, self._division = -1, ""
        self._moved = self._observed = clock()
        self._taken = False

    @property
    def orphaned(self) -> bool:
        """Whether another driver holds the lease or has removed it, or nobody renewed it for `MISSED_PERIODS`."""
        now = self._clock()
        if not self._taken and now - self._observed >= self._period / 3:
            self._observed = now
            self._observe(now)
        return self._taken or now - self._moved > MISSED_PERIODS * self._period

    def _observe(self, now: float) -> None:
        try:
            owner = read_owner(self._files, self._path)
            rivals = live_owners(self._files) if owner is None else {}
        except OSError:
            return
        if owner is None:  # a driver that excludes that of this worker may have removed it
            self._taken = any(rival.excludes(path, self._path, self._division) for path, rival in rivals.items())
        elif owner.token != self._token:
            self._taken = True
        elif owner.counter != self._counter:
            self._counter, self._moved, self._division = owner.counter, now, owner.division
