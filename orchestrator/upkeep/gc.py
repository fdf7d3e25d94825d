"""`prunesweep gc`: delete states that no sweep needs any longer. Records are never deleted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from orchestrator.upkeep.retention import needs_of
from workers.errors import StoreError
from workers.store import Store, layout
from workers.store.filesystems.files import walk
from workers.store.lease import Lease
from workers.text import plural, size

ABANDONED = 600.0
"""Half-written files younger than this (seconds) may belong to a process that is writing them.

Whoever has the lease is alone, except for workers of a driver that is gone, and those stop within a minute.
"""

_KINDS = {
    "checkpoints": ("checkpoint", "that no sweep needs any longer (`keep: results_only`, or retired)"),
    "progress": ("partial state", "of finished trials"),
    "temporaries": ("half-written file", "older than ten minutes"),
    "quarantine": ("file", "in quarantine"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Garbage:
    """Files that no sweep needs, by kind: path to bytes. `deleted` says whether they are gone."""

    store: str
    files: dict[str, dict[str, int]]
    deleted: bool

    @property
    def bytes(self) -> int:
        return sum(sum(sizes.values()) for sizes in self.files.values())

    def to_json(self) -> dict[str, Any]:
        return {"store": self.store, "deleted": self.deleted, "bytes": self.bytes, "files": self.files}

    def __str__(self) -> str:
        kinds = [(*_KINDS[kind], sizes) for kind, sizes in self.files.items() if sizes]
        if not kinds:
            return f"Store {self.store}: nothing to delete"
        verb = "Deleted" if self.deleted else "Would delete"
        lines = [f"{verb} {size(self.bytes)} of store {self.store}:"]
        lines += [f"  {plural(len(sizes), noun)} {which}: {size(sum(sizes.values()))}" for noun, which, sizes in kinds]
        return "\n".join(lines)


def collect(store: Store, *, dry_run: bool = False, quarantine: bool = False) -> Garbage:
    """Delete what no sweep needs, or with `dry_run` only say what that is; the quarantine only if told to.

    Raises StoreError if a sweep cannot be read, since its needs are then unknown, and while a driver is at work.
    """
    if dry_run:
        return Garbage(store=store.location, files=_garbage(store, quarantine), deleted=False)
    with Lease(store):
        return delete_unneeded(store, quarantine=quarantine)


def delete_unneeded(store: Store, *, quarantine: bool = False) -> Garbage:
    """Delete what no sweep needs, for a driver that has the store's lease."""
    files = _garbage(store, quarantine)
    for path in itertools.chain(*files.values()):
        store.files.delete(path)
    return Garbage(store=store.location, files=files, deleted=True)


def _garbage(store: Store, quarantine: bool) -> dict[str, dict[str, int]]:
    needs = needs_of(store)
    if needs.unreadable:
        path, reason = next(iter(needs.unreadable.items()))
        raise StoreError(
            f"the states that `{path}` needs are unknown: {reason}",
            hint="`prunesweep verify --repair` sets aside what is damaged; then run its sweep file again",
        )
    return {
        "checkpoints": {
            layout.checkpoint_path(stop): count
            for stop, count in store.states.checkpoint_sizes().items()
            if stop.trial in needs.trials and stop not in needs.stops
        },
        "progress": {
            layout.partial_state_path(stop): count
            for stop, count in store.states.partial_sizes().items()
            if stop.trial in needs.trials - needs.unfinished
        },
        "temporaries": {
            path: 0
            for path, age in store.files.temporaries().items()
            if age > ABANDONED and layout.folder_of(path) != layout.QUARANTINE
        },
        "quarantine": _quarantine(store) if quarantine else {},
    }


def _quarantine(store: Store) -> dict[str, int]:
    """Everything in the quarantine except folders, with its size (links and the like: 0)."""
    sizes = store.files.sizes(layout.QUARANTINE)
    return {path: sizes.get(path, 0) for path, kind in walk(store.files, layout.QUARANTINE) if kind != "folder"}
