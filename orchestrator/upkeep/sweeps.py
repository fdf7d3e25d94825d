"""`prunesweep sweeps`, `retire` and `rename`: the sweeps of a store, which of them are shown, and their names.

A retired sweep keeps its records, but status, tables, figures and exports leave it out, and `gc` deletes its states.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pydantic_core import PydanticCustomError

from orchestrator.planning.cells import Kept, missing_sweep, read_kept
from orchestrator.sweep.fields import check_name
from orchestrator.upkeep.sweep_status import sweep_status
from workers import html
from workers.errors import InputError
from workers.store import Store
from workers.store.layout import RecordKey, sweep_name
from workers.store.lease import Lease
from workers.store.record_parsing import record_keys
from workers.text import plural

Location = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedSweep:
    """A sweep of a store: its folder and name, counts of its cells, and when its newest result was made (UTC)."""

    sweep: str
    name: str
    cells: int
    done: int
    failed: int
    blocked: int
    newest_result: datetime | None
    retired: bool

    def to_json(self) -> dict[str, Any]:
        when = self.newest_result.isoformat(timespec="seconds") if self.newest_result else None
        return asdict(self) | {"newest_result": when}

    def columns(self) -> tuple[str, ...]:
        """The sweep as a line of a table."""
        when = f"{self.newest_result:%Y-%m-%d %H:%M}" if self.newest_result else "–"
        counts = [f"{count:,}" for count in (self.cells, self.done, self.failed, self.blocked)]
        return (self.sweep, *counts, when, "retired" if self.retired else "")


_HEADER = ("sweep", "cells", "done", "failed", "blocked", "newest result (UTC)", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepList:
    """The sweeps of a store, oldest first, and what could not be read (path: reason)."""

    store: str
    sweeps: list[ListedSweep]
    unreadable: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return {
            "store": self.store,
            "sweeps": [sweep.to_json() for sweep in self.sweeps],
            "unreadable": self.unreadable,
        }

    def _repr_html_(self) -> str:
        return html.table(f"Store {self.store}", _HEADER, [sweep.columns() for sweep in self.sweeps])

    def __str__(self) -> str:
        head = f"Store {self.store}: {plural(len(self.sweeps), 'sweep')}"
        if not self.sweeps:
            return head
        lines = [_HEADER, *(sweep.columns() for sweep in self.sweeps)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join([head, *(_line(columns, widths) for columns in lines)])


def _line(columns: tuple[str, ...], widths: list[int]) -> str:
    """A line of the list: counts to the right, the rest to the left."""
    name, *counts, when, note = columns
    numbers = [count.rjust(width) for count, width in zip(counts, widths[1:5], strict=True)]
    return "  ".join(["", name.ljust(widths[0]), *numbers, when.ljust(widths[5]), note]).rstrip()


def list_sweeps(store: Location) -> SweepList:
    """All sweeps of a store, oldest first, retired ones too, with how far they are."""
    opened = Store(store)
    kept, unreadable = read_kept(opened, opened.sweeps.folders())
    records, unreadable_records = opened.records.read_all()
    made = dict(zip(record_keys(records), records.column("finished_at").to_pylist(), strict=True))
    failures = opened.failures.read_all()
    listed = []
    for folder, sweep in kept.items():
        status = sweep_status(folder, sweep, set(made), failures)
        listed.append(
            ListedSweep(
                sweep=folder,
                name=sweep_name(folder),
                cells=status.cells,
                done=status.done,
                failed=status.failed,
                blocked=status.blocked,
                newest_result=_newest(sweep, made),
                retired=opened.sweeps.is_retired(folder),
            )
        )
    return SweepList(store=opened.location, sweeps=listed, unreadable=unreadable | unreadable_records)


def _newest(sweep: Kept, made: dict[RecordKey, datetime | None]) -> datetime | None:
    times = [made.get(key) for key in record_keys(sweep.cells)]
    return max((time for time in times if time is not None), default=None)


def retire(store: Location, sweep: str, *, undo: bool = False) -> str:
    """Retire a sweep, or with `undo` bring it back; returns its folder.

    store: the folder or bucket with the sweep.
    sweep: its name, or its folder such as `0001-big` if several have the name.

    A retired sweep is left out of status, tables, figures and exports unless it is named, and `gc` then deletes its
    states, never its records. Running it again brings it back, too. Raises InputError unless exactly one sweep is
    meant, and StoreError while a driver is at work.
    """
    opened = Store(store)
    folder = _only(opened, sweep, retired=undo)
    with Lease(opened):
        if undo:
            opened.sweeps.bring_back(folder)
        else:
            opened.sweeps.retire(folder)
    return folder


def rename(store: Location, sweep: str, name: str) -> str:
    """Give a sweep another name; returns its new folder. Its number and results stay, and no trial id changes.

    store, sweep: as in `retire`.
    name: the new name. Change `name:` in the sweep file, too, or running it again adds a sweep of the old name.

    Raises InputError unless exactly one sweep is meant and the name is valid, and StoreError while a driver is at work.
    """
    _check_name(name)
    opened = Store(store)
    folder = _only(opened, sweep, retired=None)
    with Lease(opened):
        return opened.sweeps.rename(folder, name)


def _only(store: Store, sweep: str, *, retired: bool | None) -> str:
    """The folder of the sweep that is meant: of several with the name, the only one that is retired, or is not."""
    folders = store.sweeps.named(sweep, retired=True)
    if not folders:
        raise missing_sweep(store, sweep)
    if len(folders) > 1 and retired is not None:
        folders = [folder for folder in folders if store.sweeps.is_retired(folder) == retired] or folders
    if len(folders) > 1:
        raise InputError(
            f"store `{store.location}` has {len(folders)} sweeps `{sweep}`", hint=f"name one: {', '.join(folders)}"
        )
    return folders[0]


def _check_name(name: str) -> None:
    try:
        check_name(name)
    except PydanticCustomError as error:
        refusal = error.context or {}
        raise InputError(f"the new name {refusal['message']}: {name}", hint=refusal["hint"]) from None
