"""What is in a store, for comparing; and stores that spare a sweep the inspection of data and networks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import prunesweep as ps
from workers.store import Store
from workers.store.record import RESULT_COLUMNS


def opened(store: Store | str | os.PathLike[str]) -> Store:
    return store if isinstance(store, Store) else Store(store)


def results(store: Store | str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The result columns of all records; none may be unreadable."""
    records = opened(store).records.read_all()
    assert records.unreadable == {}
    return records.table.select(list(RESULT_COLUMNS)).to_pylist()


def contents(store: Store | str | os.PathLike[str], folder: str = "results") -> dict[str, bytes]:
    """The files in a folder of a store, by path."""
    files = opened(store).files
    return {path: files.read(path) for path in files.sizes(folder)}


def attempts(store: Path) -> dict[str, int]:
    """When each stop was recorded: a stop that is trained again would not change it, so by file time."""
    return {path.name: path.stat().st_mtime_ns for path in (store / "results").glob("[!.]*")}


def undisturbed_run(spec: ps.SweepSpec) -> Any:
    """A fixture for a module: the store of a run of a sweep to which nothing happens."""

    @pytest.fixture(scope="module", name="undisturbed")
    def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
        store = tmp_path_factory.mktemp("undisturbed") / "store"
        assert ps.run(spec, store, options=ps.RunOptions(in_process=True, quiet=True)).exit_code == 0
        return store

    return run


def with_facts(store: Path, other: Path) -> Path:
    """A new store that need not inspect data and networks again (three seconds of importing torch)."""
    Store(store, create=True)
    shutil.copytree(other / "facts", store / "facts")
    return store
