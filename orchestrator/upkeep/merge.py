"""`prunesweep merge`: put what several stores hold into one, as if one driver had done all of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from workers.errors import CorruptFile, InputError, StoreError
from workers.paths import expanded
from workers.store import Store, layout
from workers.store.filesystems.opening import absolute
from workers.store.lease import Lease
from workers.store.lease_owner import live_owners
from workers.text import plural, printable

Location = str | os.PathLike[str]

_AS_THEY_ARE: dict[str, Callable[[str], object]] = {
    layout.CHECKPOINTS: layout.parse_state_path,
    layout.PARTIAL_STATES: layout.parse_state_path,
    layout.FACTS: layout.parse_data_path,
    layout.FAILURES: layout.parse_data_path,
    layout.FAILED_ATTEMPTS: layout.parse_data_path,
    layout.OLD_FAILED_ATTEMPTS: layout.parse_data_path,
}
"""Folders whose files mean the same in every store, so that one of a name is enough; with what parses their paths."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """What merging did: counts of records, states, logs and sweeps that are new in `store`, and of equal records.

    `conflicts` are the files of records that differ in their result from the one that was there first, `unreadable`
    the files that were left out (path: reason).
    """

    store: str
    records: int
    duplicates: int
    states: int
    logs: int
    sweeps: int
    conflicts: list[str]
    unreadable: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        counts = (
            plural(self.sweeps, "sweep"),
            plural(self.records, "record"),
            plural(self.states, "state"),
            plural(self.logs, "log"),
        )
        equal = f"; {plural(self.duplicates, 'equal record')} found" if self.duplicates else ""
        lines = [f"Added to store {self.store}: {', '.join(counts)}{equal}"]
        if self.conflicts:
            what = plural(len(self.conflicts), "record")
            lines.append(f"  {what} with another result, kept in `{layout.CONFLICTS}/`: {', '.join(self.conflicts)}")
        return "\n".join(lines)


def merge(stores: Location | Iterable[Location], into: Location) -> Merged:
    """Put everything that some stores hold into one store, which may be new or have results already.

    stores: the stores to read; they do not change.
    into: the store to write.

    Merging again changes nothing. Of equal records the first one stays; records that differ in their result columns go
    to `conflicts/`. A sweep that is there with the same cells is not added twice. Quarantined files stay behind. Raises
    InputError without a store or if one is merged into itself, and StoreError while a driver is at work on any of them.
    """
    locations = [expanded(store) for store in ([stores] if isinstance(stores, str | os.PathLike) else stores)]
    if not locations:
        raise InputError("merge needs the stores to read", hint="run `prunesweep merge STORE STORE --into STORE`")
    for location in locations:
        if absolute(location) == absolute(expanded(into)):
            raise InputError(f"store cannot be merged into itself: {location}", hint="name another store with `--into`")
    sources = [Store(location) for location in locations]
    for source in sources:
        _check_idle(source)
    target = Store(into, create=True)
    counts: Counter[str] = Counter()
    unreadable: dict[str, str] = {}
    with Lease(target):
        before = set(target.records.conflicts())
        for source in sources:
            _merge(source, target, counts, unreadable)
        target.records.consolidate()
        conflicts = sorted(set(target.records.conflicts()) - before)
    return Merged(
        store=target.location,
        records=counts["published"],
        duplicates=counts["duplicate"],
        states=counts[layout.CHECKPOINTS] + counts[layout.PARTIAL_STATES],
        logs=counts[layout.LOGS],
        sweeps=counts[layout.SWEEPS],
        conflicts=conflicts,
        unreadable=unreadable,
    )


def _check_idle(store: Store) -> None:
    if owners := live_owners(store.files):
        path, owner = next(iter(owners.items()))
        shard = layout.parse_lease_path(path)
        raise StoreError(
            f"store `{store.location}` is in use by a driver{f' of shard {shard}' if shard else ''}: "
            f"host {printable(owner.host)}, process {owner.pid}",
            hint="wait until it is done, then merge",
        )


def _merge(source: Store, target: Store, counts: Counter[str], unreadable: dict[str, str]) -> None:
    for path, copy in _copies(source, target):
        try:
            kind = copy()
        except (CorruptFile, FileNotFoundError) as error:
            unreadable[f"{source.location}: {path}"] = str(error)
            continue
        if kind is not None:
            counts[kind] += 1


def _copies(source: Store, target: Store) -> Iterator[tuple[str, Callable[[], str | None]]]:
    """What to copy; each call returns what was new, if anything was.

    States come before records, and sweeps last: what a killed merge leaves is a store that can be merged into again.
    """
    for folder, parse in _AS_THEY_ARE.items():
        for path in source.files.sizes(folder):
            if parse(path) is not None:
                yield path, partial(_file_copied, source, target, path)
    for key in sorted(source.records.all_keys()):
        yield layout.record_path(key), partial(target.records.copy, key, source.records)
    for path in source.files.sizes(layout.LOGS):
        if (log := layout.parse_log_path(path)) is not None:
            yield path, partial(_log_copied, source, target, path, log[0])
    for folder in source.sweeps.folders():
        yield layout.sweep_path(folder), partial(_sweep_copied, source, target, folder)


def _file_copied(source: Store, target: Store, path: str) -> str | None:
    published = not target.files.exists(path) and target.files.publish(path, source.files.read(path))
    return layout.folder_of(path) if published else None


def _log_copied(source: Store, target: Store, path: str, trial: str) -> str | None:
    """Copy a log as that of the next attempt at its trial, unless the same log is there."""
    data = source.files.read(path)
    names = target.files.names(layout.log_folder(trial))
    paths = [f"{layout.log_folder(trial)}/{name}" for name in names]
    if any(target.files.read(present) == data for present in paths):
        return None
    numbers = [log[1] for log in map(layout.parse_log_path, paths) if log is not None]
    target.files.write(layout.log_path(trial, max(numbers, default=0) + 1), data)
    return layout.LOGS


def _sweep_copied(source: Store, target: Store, folder: str) -> str | None:
    sweep, cells = source.sweeps.read(folder), source.sweeps.read_cells(folder)
    if any(target.sweeps.has(present, sweep, cells) for present in target.sweeps.folders()):
        return None
    added = target.sweeps.add(layout.sweep_name(folder), sweep, cells)
    if source.sweeps.is_retired(folder):
        target.sweeps.retire(added)
    return layout.SWEEPS
