"""What a page is made from: the rows of a store or of the published study, and what only a store has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from orchestrator.results.load import is_published, rows_of
from workers.store import Store
from workers.store.failures import Failure

Location = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class PageSource:
    """Rows as `frame.join` gives them, and for a store the store itself, its sweeps and its failures by trial."""

    name: str
    rows: pa.Table
    unreadable: Mapping[str, str]
    store: Store | None
    sweeps: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, Failure]
    conflicts: int

    @property
    def published(self) -> bool:
        return self.store is None


def open_source(
    location: Location, sweep: str | None = None, *, retired: bool = False, metric: str | None = None
) -> PageSource:
    """Read a store, or the published study. Raises what `load.rows_of` raises."""
    if is_published(location):
        return _source(os.fspath(location), None, rows_of(location, sweep, metric=metric))
    store = Store(location)
    return _source(os.fspath(location), store, rows_of(store, sweep, retired=retired, metric=metric))


def _source(name: str, store: Store | None, joined: Any) -> PageSource:
    folders = dict.fromkeys(joined.rows.column("sweep").to_pylist())
    return PageSource(
        name=name,
        rows=joined.rows,
        unreadable=joined.unreadable,
        store=store,
        sweeps={} if store is None else {folder: store.sweeps.read(folder) for folder in sorted(folders)},
        failures={} if store is None else store.failures.read_all(),
        conflicts=0 if store is None else len(store.records.conflicts()),
    )
