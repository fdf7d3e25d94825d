"""One driver per store: taking, renewing and giving back its lease."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from types import TracebackType

from workers.crashpoints import crash_point
from workers.errors import SET_ASIDE, StoreError
from workers.store import Store
from workers.store.files import NotAFile
from workers.store.layout import LEASE
from workers.store.lease import MISSED_PERIODS, PERIOD, Owner, read_owner
from workers.text import duration, printable


class Lease:
    """The right to drive a store, held inside a `with` block and renewed from a thread.

    A living owner's lease is refused (StoreError). That of a process of this machine that has ended is replaced at
    once, any other after `MISSED_PERIODS` + 1 periods in which it was not renewed.
    """

    def __init__(self, store: Store, period: float = PERIOD) -> None:
        self.period = period
        self.successor: Owner | None = None
        self._store = store
        self._files = store.files
        self._owner = Owner.this_process()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    @property
    def token(self) -> str:
        """What workers know their driver by."""
        return self._owner.token

    @property
    def problem(self) -> str | None:
        """Why this driver has to stop, if it has."""
        return None if self.successor is None else f"{self._in_use_by(self.successor)}, which has taken it over"

    def __enter__(self) -> Lease:
        try:
            self._acquire()
        except NotAFile as error:
            raise StoreError(
                f"store `{self._store.location}`: its `{LEASE}` {error}, so that nobody can drive it",
                hint=SET_ASIDE,
            ) from error
        except OSError as error:
            raise StoreError(f"store `{self._store.location}`: cannot write: {error}") from error
        self._thread.start()
        crash_point("lease.taken")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        crash_point("lease.releasing")
        self._released.set()
        self._thread.join()
        try:
            owner = read_owner(self._files)
            if owner is not None and owner.token == self.token:
                self._files.delete(LEASE)
        except OSError:
            pass  # it expires

    def _acquire(self) -> None:
        since, first = time.monotonic(), None
        while not self._files.publish(LEASE, self._owner.to_bytes()):
            owner = read_owner(self._files)
            if owner is None:  # given back meanwhile
                continue
            if first is None:
                first = owner
            if owner.is_gone or time.monotonic() - since > (MISSED_PERIODS + 1) * self.period:
                self._replace()
                return
            if owner.is_local or (owner.token, owner.counter) != (first.token, first.counter):
                raise self._refusal(owner)
            if first is owner:
                waiting = duration((MISSED_PERIODS + 1) * self.period)
                print(f"{self._in_use_by(owner)}; waiting up to {waiting} to see if it is alive", file=sys.stderr)
            time.sleep(self.period / 10)

    def _replace(self) -> None:
        """Take over. Of several that do so at once the last one wins, and the others see that."""
        self._files.write(LEASE, self._owner.to_bytes())
        time.sleep(self.period / 30)
        owner = read_owner(self._files)
        if owner is not None and owner.token != self.token:
            raise self._refusal(owner)

    def _renew(self) -> None:
        while not self._released.wait(self.period):
            try:
                owner = read_owner(self._files)
                if owner is not None and owner.token != self.token:
                    self.successor = owner
                    return
                self._owner = replace(self._owner, counter=self._owner.counter + 1)
                self._files.write(LEASE, self._owner.to_bytes())
            except OSError:
                continue  # the next renewal may succeed; else the lease expires

    def _in_use_by(self, owner: Owner) -> str:
        if not owner.is_known:
            return f"store `{self._store.location}` has a damaged `{LEASE}`: who drives it cannot be read"
        return (
            f"store `{self._store.location}` is in use by another driver: host {printable(owner.host)}, "
            f"process {owner.pid}, user {printable(owner.user)}, since {printable(owner.begun)} "
            f"({duration(owner.age)} ago)"
        )

    def _refusal(self, owner: Owner) -> StoreError:
        stop = f"stop it on {printable(owner.host)} with `kill {owner.pid}` (it saves what it is doing)"
        if not owner.is_known:
            stop = f"set `{LEASE}` aside with `prunesweep verify --repair`"
        return StoreError(
            f"{self._in_use_by(owner)}", hint=f"wait until it is done, or {stop}; another store can be used at any time"
        )
