"""`prunesweep status`: how far sweeps are, from names and sizes in the store, so that it answers at once.

Imports no pandas, no torch and no Ray.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from orchestrator.driver.disk_space import MARGIN
from orchestrator.driver.situation import resume_command
from orchestrator.planning.cells import hidden_sweeps, missing_sweep, read_kept
from orchestrator.planning.prunable_share import kept_shares
from orchestrator.upkeep.sweep_status import SweepStatus, sweep_status
from workers import html
from workers.errors import CorruptFile
from workers.store import Store, logs
from workers.store.filesystems.files import read_failure
from workers.store.layout import parse_lease_path, parse_log_path
from workers.store.lease import EXPIRY
from workers.store.lease_owner import Owner, lease_paths, read_owner
from workers.text import duration, plural, printable, size


class TrialProgress(NamedTuple):
    """A trial that runs now: a cell that waits for it, in words, and how far it is (empty if not known yet)."""

    cell: str
    progress: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The sweeps of a store, oldest first, what else is in it, and who drives it. Text is str(); JSON `to_json()`.

    `retired` are the folders of sweeps that were left out. There are several `drivers` if each has a shard; on a full
    disk they cannot say that they pause. `renewals` tell by shard the token and the counter of its lease; a driver is
    `silent` if these were watched and did not change until the lease expired (None: not watched yet). `dead_shards` are
    those whose driver was a process of this machine and has died. `free_bytes` is the space that is left, where that is
    known.
    """

    store: str
    sweeps: list[SweepStatus]
    retired: list[str]
    records: int
    checkpoints: int
    checkpoint_bytes: int
    conflicts: list[str]
    bytes: int
    free_bytes: int | None
    unreadable: dict[str, str]
    drivers: list[dict[str, Any]]
    renewals: dict[str | None, tuple[str, int]]
    dead_shards: list[str]
    running: dict[str, TrialProgress]

    @property
    def is_driven(self) -> bool:
        """Whether a driver is at work, as far as is known."""
        return not all(driver["silent"] for driver in self.drivers)

    @property
    def driver(self) -> dict[str, Any] | None:
        """The first of the drivers, if there is one."""
        return self.drivers[0] if self.drivers else None

    def to_json(self) -> dict[str, Any]:
        counts = ("records", "checkpoints", "checkpoint_bytes", "bytes", "free_bytes")
        rest = ("store", "retired", *counts, "conflicts", "unreadable", "driver", "drivers", "dead_shards")
        return {name: getattr(self, name) for name in rest} | {
            "sweeps": [sweep.to_json() for sweep in self.sweeps],
            "running": {trial: running._asdict() for trial, running in self.running.items()},
        }

    def _repr_html_(self) -> str:
        """The counts as a table, and the rest of the text where it says more than them."""
        header = ("sweep", "cells", "done", "missing", "failed", "blocked")
        rows = [
            (sweep.sweep, sweep.cells, sweep.done, sweep.missing, sweep.failed, sweep.blocked) for sweep in self.sweeps
        ]
        title, *lines = str(self).split("\n")
        blocks = [html.table(title, header, rows)]
        if self.drivers or self.conflicts or any(sweep.failures for sweep in self.sweeps):
            blocks.append(html.preformatted(line for line in lines if line))
        return "\n".join(blocks)

    def _running_lines(self) -> list[str]:
        trials = [
            printable(f"  {trial}  {running.cell}: {running.progress or 'starting'}")
            for trial, running in self.running.items()
        ]
        return [f"{plural(len(trials), 'trial')} running", *trials]

    def __str__(self) -> str:
        lines = [
            f"Store {self.store}: {plural(self.records, 'record')}, "
            f"{plural(self.checkpoints, 'checkpoint')} ({size(self.checkpoint_bytes)}), {size(self.bytes)} in all"
        ]
        if self.free_bytes is not None and self.free_bytes < MARGIN:
            free = size(self.free_bytes)
            lines.append(f"Low disk space: {free} are free, and no trial starts with less than {size(MARGIN)}")
        for driver in self.drivers:
            owner = {name: printable(str(value)) for name, value in driver.items()}
            who = "Shard {shard} in use" if driver["shard"] else "In use"
            lines.append(f"{who} by process {{pid}} on {{host}} (user {{user}}) since {{begun}}".format(**owner))
            lines += [f"  {owner['says']}"] if owner["says"] else []
            if driver["silent"]:
                again = resume_command(self.store, driver["shard"])
                lines.append(f"  no sign of life for {duration(EXPIRY)}: if it has died, `{again}` continues it")
        if self.drivers:
            for shard in self.dead_shards:
                lines.append(f"Shard {shard} has died: `{resume_command(self.store, shard)}` continues it")
            lines += self._running_lines()
        for sweep in self.sweeps:
            lines += ["", *sweep.lines(self.store, driven=self.is_driven)]
        if self.retired:
            lines += ["", f"Not shown: {hidden_sweeps(len(self.retired), self.store)}"]
        if self.conflicts:
            verb = "differs" if len(self.conflicts) == 1 else "differ"
            records = plural(len(self.conflicts), "record")
            lines += ["", f"{records} in conflicts/ {verb} from what was published first"]
        return "\n".join(lines)


def _running(
    store: Store, sweeps: Iterable[SweepStatus], drivers: Iterable[dict[str, Any]], files: Iterable[str]
) -> dict[str, TrialProgress]:
    """The trials of these sweeps that the drivers are running, as far as their logs tell."""
    begun = {driver["shard"]: driver["begun"] for driver in drivers}
    logged = {log[0] for log in map(parse_log_path, files) if log is not None}
    pending = {trial: what for sweep in sweeps for trial, what in sweep.pending.items() if trial in logged}
    progress = {trial: logs.running(store.files, trial, begun) for trial in pending}
    return {trial: TrialProgress(pending[trial], text) for trial, text in progress.items() if text is not None}


def read_status(store: Store, sweep: str | None = None, *, retired: bool = False) -> Status:
    """The status of all sweeps of a store, or of those named `sweep`; of retired ones only if they are asked for."""
    folders = store.sweeps.named(sweep, retired=retired)
    if sweep is not None and not folders:
        raise missing_sweep(store, sweep)
    sweeps, unreadable = read_kept(store, folders)
    files = store.files.sizes("")  # one listing of a bucket for all that follows
    records, unsound = store.records.sound(files)
    failures, sizes = store.failures.read_all(), store.states.checkpoint_sizes(files)
    leases = _read_leases(store)
    statuses = [
        replace(
            sweep_status(folder, kept, records, failures),
            retired=store.sweeps.is_retired(folder),
            prunable=kept_shares(kept.sweep, store),
        )
        for folder, kept in sweeps.items()
    ]
    return Status(
        store=store.location,
        sweeps=statuses,
        retired=[folder for folder in store.sweeps.named(sweep, retired=True) if folder not in folders],
        records=len(records),
        checkpoints=len(sizes),
        checkpoint_bytes=sum(sizes.values()),
        conflicts=store.records.conflicts(),
        bytes=sum(files.values()),
        free_bytes=store.files.free_bytes(),
        unreadable=unreadable | unsound | leases.unreadable,
        drivers=leases.drivers,
        renewals=leases.renewals,
        dead_shards=leases.dead_shards,
        running=_running(store, statuses, leases.drivers, files) if leases.drivers else {},
    )


class _Leases(NamedTuple):
    """Who holds the leases, and which do not tell (path: reason): the fields of a Status."""

    drivers: list[dict[str, Any]]
    renewals: dict[str | None, tuple[str, int]]
    dead_shards: list[str]
    unreadable: dict[str, str]


def _read_leases(store: Store) -> _Leases:
    leases = _Leases([], {}, [], {})
    for path in lease_paths(store.files):
        try:
            owner = read_owner(store.files, path)
        except OSError as error:
            leases.unreadable[path] = read_failure(path, error).line
            continue
        parsed = parse_lease_path(path)
        shard = str(parsed) if parsed else None
        if owner is None:
            continue
        if owner.is_gone:
            leases.dead_shards.extend([shard] if shard else [])
        elif owner.is_known:
            leases.drivers.append(_driver(owner, shard))
            leases.renewals[shard] = (owner.token, owner.counter)
        else:
            leases.unreadable[path] = CorruptFile(path, "is damaged and does not say who drives the store").line
    return leases


def _driver(owner: Owner, shard: str | None) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in ("host", "pid", "user", "begun", "says")} | {
        "shard": shard,
        "silent": False if owner.is_local else None,  # a process that has ended is not named at all
    }
