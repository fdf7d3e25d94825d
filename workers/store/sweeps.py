"""The sweeps of a store, each resolved and with its cells as planned, and the facts that plans need."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from workers.crashpoints import crash_point
from workers.errors import CorruptFile
from workers.store import layout
from workers.store.checksummed import from_json, from_parquet, to_json, to_parquet
from workers.store.filesystems.files import Files, read_failure


class Sweeps:
    """See `workers.store.store.Store`, of which this is a part. A sweep is known by the name of its folder."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def add(self, name: str, sweep: dict[str, Any], cells: pa.Table, *, grown_from: str | None = None) -> str:
        """Keep a resolved sweep as the newest one; returns its folder. If it equals the newest one, that is kept.

        It replaces the sweep in the folder `grown_from`, whose cells it must all have. It is not retired afterwards.
        """
        for newest in (*self.folders()[-1:], *self.named()[-1:]):
            if self.has(newest, sweep, cells):
                self.bring_back(newest)
                return newest
        folder = grown_from or self._new_folder(name)
        self.bring_back(folder)
        crash_point("sweep.before")
        self._files.write(layout.cells_path(folder), to_parquet(cells))
        crash_point("sweep.cells")
        self._files.write(layout.sweep_path(folder), to_json(sweep))
        return folder

    def folders(self) -> list[str]:
        """The folders of all sweeps, oldest first, retired ones too. A half-written one is left out."""
        return _whole(self._paths())

    def named(self, name: str | None = None, *, retired: bool = False) -> list[str]:
        """The folders of the sweeps of a name (None: of all), oldest first; the name of a folder is one, too.

        A retired sweep is left out unless its folder is named, all sweeps of the name are retired, or `retired` ones
        are wanted, too.
        """
        paths = self._paths()
        folders = [folder for folder in _whole(paths) if name in (None, folder, layout.sweep_name(folder))]
        if retired or name in folders:
            return folders
        current = [folder for folder in folders if layout.retirement_path(folder) not in paths]
        return current if current or name is None else folders

    def is_retired(self, folder: str) -> bool:
        """Whether a sweep is retired: kept with its results, but shown only if it is asked for."""
        return self._files.exists(layout.retirement_path(folder))

    def retire(self, folder: str) -> bool:
        """Retire a sweep. Returns False, and changes nothing, if it is retired already."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return self._files.publish(layout.retirement_path(folder), to_json({"version": 1, "at": at}))

    def bring_back(self, folder: str) -> None:
        """Let a sweep no longer be retired."""
        self._files.delete(layout.retirement_path(folder))

    def rename(self, folder: str, name: str) -> str:
        """Give a sweep another name, and return its new folder, which keeps the number.

        If the process dies on the way, the sweep is there under one of the names or both, and can be renamed again.
        Raises CorruptFile if the sweep cannot be read.
        """
        sweep, cells = self.read(folder), self.read_cells(folder)
        target = layout.sweep_folder(layout.sweep_number(folder) or 0, name)
        if target == folder:
            return folder
        if self.is_retired(folder):
            self.retire(target)
        self._files.write(layout.cells_path(target), to_parquet(cells))
        self._files.write(layout.sweep_path(target), to_json(sweep | {"spec": sweep.get("spec", {}) | {"name": name}}))
        for path_of in (layout.sweep_path, layout.cells_path, layout.retirement_path):
            self._files.delete(path_of(folder))
        return target

    def read(self, folder: str) -> dict[str, Any]:
        """A resolved sweep. Raises CorruptFile."""
        path = layout.sweep_path(folder)
        try:
            return from_json(path, self._files.read(path))
        except OSError as error:
            raise read_failure(path, error) from error

    def read_cells(self, folder: str) -> pa.Table:
        """The cells of a sweep, as they were planned. Raises CorruptFile."""
        path = layout.cells_path(folder)
        try:
            return from_parquet(path, self._files.read(path))
        except OSError as error:
            raise read_failure(path, error) from error

    def has(self, folder: str, sweep: dict[str, Any], cells: pa.Table) -> bool:
        """Whether a folder has this sweep, whatever store its file named; not if it cannot be read."""
        try:
            is_same = _without_store(self.read(folder)) == _without_store(sweep)
            return is_same and self.read_cells(folder).to_pylist() == cells.to_pylist()
        except CorruptFile:
            return False

    def facts(self, key: str) -> dict[str, Any] | None:
        """The facts that were pinned under a key, or None. Raises CorruptFile."""
        path = layout.facts_path(key)
        try:
            return from_json(path, self._files.read(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise read_failure(path, error) from error

    def pin_facts(self, key: str, facts: dict[str, Any]) -> None:
        """Keep what plans need to know of data sets and networks."""
        self._files.write(layout.facts_path(key), to_json(facts))

    def _paths(self) -> Collection[str]:
        """The paths of all files of sweeps: one request to a bucket, however many there are."""
        return self._files.sizes(layout.SWEEPS).keys()

    def _all_folders(self) -> list[str]:
        return _by_number(self._files.names(layout.SWEEPS))

    def _new_folder(self, name: str) -> str:
        """A new folder; the last one if it is half-written and of this name, perhaps by the driver of another shard."""
        folders = self._all_folders()
        if not folders:
            return layout.sweep_folder(1, name)
        newest = folders[-1]
        if layout.sweep_name(newest) == name and not self._files.exists(layout.sweep_path(newest)):
            return newest
        return layout.sweep_folder((layout.sweep_number(newest) or 0) + 1, name)


def _without_store(sweep: dict[str, Any]) -> dict[str, Any]:
    """A sweep without the location in its file, which differs where parts of it ran, or after the store was moved."""
    spec = sweep.get("spec", {})
    return sweep | {"spec": {name: value for name, value in spec.items() if name != "store"}}


def _whole(paths: Collection[str]) -> list[str]:
    """The folders of the sweeps that are among these files, oldest first."""
    folders = {layout.parse_sweep_path(path) for path in paths}
    return _by_number(folder for folder in folders if folder and layout.sweep_path(folder) in paths)


def _by_number(names: Iterable[str]) -> list[str]:
    """Those of these names that folders of sweeps have, oldest first."""
    numbers = {name: layout.sweep_number(name) for name in names}
    folders = (name for name, number in numbers.items() if number is not None)
    return sorted(folders, key=lambda name: (numbers[name], name))
