"""How far a sweep is: from names and sizes in the store, so that it answers at once. No pandas, no torch, no ray."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from orchestrator.planning.cells import Kept, in_words, read_kept
from orchestrator.search.settings import SearchSettings
from workers.errors import SET_ASIDE, InputError
from workers.store.failures import Failure
from workers.store.lease import PATH, read_owner
from workers.store.store import RecordKey, Store
from workers.text import plural, printable, size


class FailedTrial(NamedTuple):
    """A failure, how many cells of the sweep it holds up, and one of these in words."""

    failure: Failure
    cells_held_up: int
    cell: str

    def to_json(self) -> dict[str, Any]:
        return self.failure.to_json() | {"cells_held_up": self.cells_held_up, "cell": self.cell}


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepStatus:
    """Counts of cells. `failures` has the failed trials by id;
    `search` is what was asked of `prunesweep prune`, if that made the sweep, and `stopped_by` why that has ended.
    """

    sweep: str
    cells: int
    done: int
    failed: int
    blocked: int
    failures: dict[str, FailedTrial]
    search: SearchSettings | None = None
    stopped_by: str | None = None

    @property
    def missing(self) -> int:
        """Cells that are neither done, nor failed, nor blocked by a failure."""
        return self.cells - self.done - self.failed - self.blocked


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The sweeps of a store, oldest first, what else is in it, and who drives it. Text is str(); JSON `to_json()`."""

    store: str
    sweeps: list[SweepStatus]
    records: int
    checkpoints: int
    checkpoint_bytes: int
    conflicts: list[str]
    bytes: int
    unreadable: dict[str, str]
    driver: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        sweeps = [
            {
                name: getattr(sweep, name)
                for name in ("sweep", "cells", "done", "failed", "blocked", "missing", "stopped_by")
            }
            | {
                "failures": {trial: failed.to_json() for trial, failed in sweep.failures.items()},
                "search": sweep.search.to_json() if sweep.search else None,
            }
            for sweep in self.sweeps
        ]
        rest = ("store", "records", "checkpoints", "checkpoint_bytes", "conflicts", "bytes", "unreadable", "driver")
        return {name: getattr(self, name) for name in rest} | {"sweeps": sweeps}

    def __str__(self) -> str:
        lines = [
            f"Store {self.store}: {plural(self.records, 'record')}, "
            f"{plural(self.checkpoints, 'checkpoint')} ({size(self.checkpoint_bytes)}), {size(self.bytes)} in all"
        ]
        if self.driver:
            named = {name: printable(str(value)) for name, value in self.driver.items()}
            lines.append("Driven by process {pid} on {host} (user {user}) since {begun}".format(**named))
        for sweep in self.sweeps:
            counts = [f"{sweep.done:,} of {plural(sweep.cells, 'cell')} done"]
            for word in ("failed", "blocked", "missing"):
                if count := getattr(sweep, word):
                    counts.append(f"{count:,} {word}")
            lines.append(f"\n{sweep.sweep}: {', '.join(counts)}")
            if sweep.search:
                lines.append(f"  {'finished' if sweep.stopped_by else 'unfinished'} search: {sweep.search}")
            for trial, (failure, cells_held_up, cell) in sweep.failures.items():
                step = "" if failure.step is None else f" at step {failure.step:,}"
                attempts = failure.attempts.items()
                times = ", ".join(f"{count} times {outcome}" for outcome, count in attempts if count > 1)
                after = f" ({times})" if times else ""
                lines.append(f"  ✘ {trial}  {failure.outcome}{step}{after}: {failure.first_line}")
                lines.append(f"    {cell} and {plural(cells_held_up - 1, 'other cell')}")
                if failure.log:
                    lines.append(f"    prunesweep logs {self.store} {trial}")
            if sweep.failures:
                lines.append("  hint: `prunesweep resume --retry-failed` runs them again")
            elif sweep.search and not sweep.stopped_by:
                lines.append("  hint: `prunesweep resume` goes on with the search")
            elif sweep.missing:
                lines.append("  hint: `prunesweep resume` does what is missing")
        if self.conflicts:
            lines.append(
                f"\n{plural(len(self.conflicts), 'record')} in conflicts/ differ from what was published before them"
            )
        return "\n".join(lines)


def read_status(store: Store, sweep: str | None = None) -> Status:
    """The status of all sweeps of a store, or of those named `sweep`."""
    folders = [name for name in store.sweeps() if sweep in (None, name, name.partition("-")[2])]
    if sweep is not None and not folders:
        raise InputError(f"store `{store.location}` has no sweep `{sweep}`", hint=f"it has {', '.join(store.sweeps())}")
    found, unreadable = read_kept(store, folders)
    records, unsound = store.sound_records()
    failures, sizes = store.failures(), store.checkpoint_sizes()
    driver, unreadable_lease = _driver(store)
    return Status(
        store=store.location,
        sweeps=[_sweep_status(folder, kept, records, failures) for folder, kept in found.items()],
        records=len(records),
        checkpoints=len(sizes),
        checkpoint_bytes=sum(sizes.values()),
        conflicts=store.conflicts(),
        bytes=sum(store.files.sizes("").values()),
        unreadable=unreadable | unsound | unreadable_lease,
        driver=driver,
    )


def _driver(store: Store) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Who holds the lease, unless it is known to have ended; and why that cannot be said, if so (path: reason)."""
    try:
        owner = read_owner(store.files)
    except OSError as error:
        return None, {PATH: f"{PATH}: {error}; {SET_ASIDE}"}
    if owner is None or owner.is_gone:
        return None, {}
    if not owner.is_known:
        return None, {PATH: f"{PATH}: is damaged; who drives the store cannot be read; {SET_ASIDE}"}
    return {name: getattr(owner, name) for name in ("host", "pid", "user", "begun")}, {}


def _sweep_status(folder: str, kept: Kept, records: set[RecordKey], failures: dict[str, Failure]) -> SweepStatus:
    of_words = ["technique", "compression", "budget", "schedule", "round", "replicate"]
    columns = ["trial", "step", "evaluation", "lineage", *of_words]
    done = failed = blocked = 0
    held_up: Counter[str] = Counter()
    example: dict[str, str] = {}
    cells = kept.cells.select(columns).to_pylist()
    for cell in cells:
        if RecordKey(cell["trial"], cell["step"], cell["evaluation"]) in records:
            done += 1
            continue
        culprit = next((trial for trial in (*cell["lineage"], cell["trial"]) if trial in failures), None)
        if culprit is None:
            continue
        held_up[culprit] += 1
        example.setdefault(culprit, in_words(cell))
        if culprit == cell["trial"]:
            failed += 1
        else:
            blocked += 1
    return SweepStatus(
        sweep=folder,
        cells=len(cells),
        done=done,
        failed=failed,
        blocked=blocked,
        failures={trial: FailedTrial(failures[trial], count, example[trial]) for trial, count in held_up.items()},
        search=SearchSettings.of(kept.sweep),
        stopped_by=kept.sweep.get("search", {}).get("stopped_by"),
    )
