"""Opening a store. What can be asked of one is in its four parts: records, states, failures and sweeps."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial

from workers.errors import CorruptFile, MissingStore
from workers.paths import expanded
from workers.store import layout, marker
from workers.store.failures import Failures
from workers.store.filesystems.files import Files
from workers.store.filesystems.opening import open_files, unwritable
from workers.store.records import Records
from workers.store.states import States
from workers.store.sweeps import Sweeps


class Store:
    """A folder or bucket that holds everything sweeps have produced.

    Opening one raises StoreError if a newer version made it, or if one of its folders is a link. With `create`, a
    missing folder becomes a store, and so does one that has nothing in it but empty folders of a store; any other is
    refused. A store with readable records or sweeps but without a sound marker opens only if it may be `unmarked`;
    `marker_problem` then says why.
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        *,
        create: bool = False,
        unmarked: bool = False,
        files: Files | None = None,
    ) -> None:
        self.location = expanded(location)
        self.files = files if files is not None else open_files(self.location)
        self.records = Records(self.files)
        self.states = States(self.files)
        self.failures = Failures(self.files)
        self.sweeps = Sweeps(self.files)
        self.marker_problem = marker.check(
            self.files, self.location, self._has_anything_readable, create=create, unmarked=unmarked
        )

    def check_writable(self) -> None:
        """Raise StoreError unless a file can be written here."""
        probe = layout.probe_path()
        try:
            self.files.write(probe, b"")
            self.files.delete(probe)
        except OSError as error:
            raise unwritable(self.location, error) from error

    def _has_anything_readable(self) -> bool:
        records = [f"{layout.RESULTS}/{name}" for name in self.files.names(layout.RESULTS)]
        reads: list[Callable[[], object]] = [partial(self.sweeps.read, folder) for folder in self.sweeps.folders()]
        reads += [partial(self.records.read, path) for path in records]
        for read in reads:
            with contextlib.suppress(CorruptFile, FileNotFoundError):
                read()
                return True
        return False


def existing_store(location: str | os.PathLike[str] | None) -> Store | None:
    """The store at a location; None without a location, or if nothing is there. Raises StoreError for anything else."""
    if location is None:
        return None
    try:
        return Store(location)
    except MissingStore:
        if open_files(location).names(""):
            raise
        return None


def store_to_write(location: str | os.PathLike[str]) -> Store | None:
    """The store at a location, or None if nothing is there. Raises StoreError if it cannot be written to."""
    store = existing_store(location)
    if store is not None:
        store.check_writable()
    return store
