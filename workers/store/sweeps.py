"""The sweeps of a store, each resolved and with its cells as planned, and the facts that plans need."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from workers.crashpoints import crash_point
from workers.errors import CorruptFile
from workers.store import layout
from workers.store.checksummed import from_json, from_parquet, to_json, to_parquet
from workers.store.files import Files


class Sweeps:
    """See `workers.store.store.Store`, of which this is a part. A sweep is known by the name of its folder."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def add(self, name: str, sweep: dict[str, Any], cells: pa.Table, *, grown_from: str | None = None) -> str:
        """Keep a resolved sweep as the newest one; returns its folder. If it equals the newest one, nothing changes.

        It replaces the sweep in the folder `grown_from`, whose cells it must all have.
        """
        folders = self._all_folders()
        if folders and self._has(folders[-1], sweep, cells):
            return folders[-1]
        number = (layout.sweep_number(folders[-1]) or 0) + 1 if folders else 1
        folder = grown_from or layout.sweep_folder(number, name)
        crash_point("sweep.before")
        self._files.write(layout.cells_path(folder), to_parquet(cells))
        crash_point("sweep.cells")
        self._files.write(layout.sweep_path(folder), to_json(sweep))
        return folder

    def folders(self) -> list[str]:
        """The folders of all sweeps, oldest first. A half-written one is left out."""
        return [folder for folder in self._all_folders() if self._files.exists(layout.sweep_path(folder))]

    def named(self, name: str | None) -> list[str]:
        """The folders of the sweeps of a name (None: of all), oldest first; the name of a folder is one, too."""
        return [folder for folder in self.folders() if name in (None, folder, layout.sweep_name(folder))]

    def read(self, folder: str) -> dict[str, Any]:
        """A resolved sweep. Raises CorruptFile."""
        path = layout.sweep_path(folder)
        try:
            return from_json(path, self._files.read(path))
        except OSError as error:
            raise CorruptFile(path, str(error)) from error

    def read_cells(self, folder: str) -> pa.Table:
        """The cells of a sweep, as they were planned. Raises CorruptFile."""
        path = layout.cells_path(folder)
        try:
            return from_parquet(path, self._files.read(path))
        except OSError as error:
            raise CorruptFile(path, str(error)) from error

    def facts(self, key: str) -> dict[str, Any] | None:
        """The facts that were pinned under a key, or None. Raises CorruptFile."""
        path = layout.facts_path(key)
        try:
            return from_json(path, self._files.read(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CorruptFile(path, str(error)) from error

    def pin_facts(self, key: str, facts: dict[str, Any]) -> None:
        """Keep what plans need to know of data sets and networks."""
        self._files.write(layout.facts_path(key), to_json(facts))

    def _all_folders(self) -> list[str]:
        numbers = {name: layout.sweep_number(name) for name in self._files.names(layout.SWEEPS)}
        return sorted(
            (name for name, number in numbers.items() if number is not None), key=lambda name: (numbers[name], name)
        )

    def _has(self, folder: str, sweep: dict[str, Any], cells: pa.Table) -> bool:
        try:
            return self.read(folder) == sweep and self.read_cells(folder).to_pylist() == cells.to_pylist()
        except CorruptFile:
            return False
