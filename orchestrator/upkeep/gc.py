"""What `prunesweep gc` gives up: states that no sweep needs any more. Records are never given up."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from orchestrator.driver.lease import Lease
from orchestrator.upkeep.retention import needs
from workers.errors import StoreError
from workers.store.files import walk
from workers.store.states import state_path
from workers.store.store import Store
from workers.text import plural, size

ABANDONED = 600.0
"""Half-written files younger than this (seconds) may belong to somebody who is writing them.

Whoever has the lease is alone but for workers of a driver that is gone, and those stop within a minute.
"""

_KINDS = {
    "checkpoints": "checkpoint that its sweeps (`keep: results_only`) no longer need",
    "progress": "state on the way of a finished trial",
    "temporaries": "half-written file older than ten minutes",
    "quarantine": "file in quarantine",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Garbage:
    """Files that can go, by kind: path to bytes. `deleted` says whether they are gone."""

    store: str
    files: dict[str, dict[str, int]]
    deleted: bool

    @property
    def bytes(self) -> int:
        return sum(sum(sizes.values()) for sizes in self.files.values())

    def to_json(self) -> dict[str, Any]:
        return {"store": self.store, "deleted": self.deleted, "bytes": self.bytes, "files": self.files}

    def __str__(self) -> str:
        rows = [(kind, sizes) for kind, sizes in self.files.items() if sizes]
        if not rows:
            return f"Store {self.store}: nothing to give up"
        verb = "Gave up" if self.deleted else "Would give up"
        lines = [f"{verb} {size(self.bytes)} of store {self.store}:"]
        lines += [f"  {plural(len(sizes), _KINDS[kind])}: {size(sum(sizes.values()))}" for kind, sizes in rows]
        return "\n".join(lines)


def collect(store: Store, *, dry_run: bool = False, quarantine: bool = False) -> Garbage:
    """Delete what no sweep needs, or with `dry_run` only say what that is; the quarantine only if told to.

    Raises StoreError where a sweep cannot be read, since what it needs is then unknown, and while a driver is at work.
    """
    if dry_run:
        return Garbage(store=store.location, files=_garbage(store, quarantine), deleted=False)
    with Lease(store):
        return give_up(store, quarantine=quarantine)


def give_up(store: Store, *, quarantine: bool = False) -> Garbage:
    """Delete what no sweep needs, for a driver that has the store's lease."""
    files = _garbage(store, quarantine)
    for path in itertools.chain(*files.values()):
        store.files.delete(path)
    return Garbage(store=store.location, files=files, deleted=True)


def _garbage(store: Store, quarantine: bool) -> dict[str, dict[str, int]]:
    needed = needs(store)
    if needed.unreadable:
        path, reason = next(iter(needed.unreadable.items()))
        raise StoreError(
            f"what `{path}` needs is unknown: {reason}",
            hint="`prunesweep verify --repair` sets aside what is damaged; then run its sweep file once more",
        )
    return {
        "checkpoints": {
            state_path("checkpoints", stop): count
            for stop, count in store.checkpoint_sizes().items()
            if stop.trial in needed.trials and stop not in needed.stops
        },
        "progress": {
            state_path("progress", stop): count
            for stop, count in store.progress_sizes().items()
            if stop.trial in needed.trials - needed.unfinished
        },
        "temporaries": {
            path: 0
            for path, age in store.files.temporaries().items()
            if age > ABANDONED and not path.startswith("quarantine/")
        },
        "quarantine": _quarantine(store) if quarantine else {},
    }


def _quarantine(store: Store) -> dict[str, int]:
    """Everything in the quarantine but its folders, with its size (links and the like: 0)."""
    sizes = store.files.sizes("quarantine")
    return {path: sizes.get(path, 0) for path, kind in walk(store.files, "quarantine") if kind != "folder"}
