"""`prunesweep verify`: read every file of a store, recompute its checksum, and name what is not as it should be."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from orchestrator.driver.lease import Lease
from orchestrator.gc import DAY
from orchestrator.sweep.needs import Needs, needs
from orchestrator.text import plural, size
from workers.encoding import from_json, from_parquet
from workers.errors import CorruptFile, NewerFile
from workers.record import SCHEMA
from workers.states import parse_state_path
from workers.store import Store, parse_record_name

Kind = Literal["corrupt", "half-written", "orphaned", "foreign", "conflicting", "newer"]

_NOT_OURS_TO_CHECK = ("store.json", "lease.json", "logs/", "quarantine/")


class Finding(NamedTuple):
    """A file that is not as it should be, and why."""

    path: str
    kind: Kind
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What was found in how many files; `repaired` says whether it was moved to the quarantine."""

    store: str
    files: int
    bytes: int
    findings: list[Finding]
    repaired: bool

    def to_json(self) -> dict[str, Any]:
        findings = [finding._asdict() for finding in self.findings]
        rest = ("store", "files", "bytes", "repaired")
        return {name: getattr(self, name) for name in rest} | {"findings": findings}

    def __str__(self) -> str:
        head = f"Store {self.store}: {plural(self.files, 'file')} read ({size(self.bytes)})"
        if not self.findings:
            return f"{head}, all as they should be"
        counts = Counter(finding.kind for finding in self.findings)
        lines = [f"{head}, {', '.join(f'{count:,} {kind}' for kind, count in counts.items())}"]
        lines += [f"  ✘ {finding.kind}  {finding.path}: {finding.reason}" for finding in self.findings]
        if self.repaired:
            lines.append("moved to quarantine/ (all but what a newer version wrote); the next run makes it anew")
        else:
            lines.append(
                "hint: `prunesweep verify --repair` moves it to quarantine/, so that the next run makes it anew"
            )
        return "\n".join(lines)


def verify(store: Store, *, repair: bool = False) -> Verification:
    """Look at every file of a store; with `repair`, move what is found to `quarantine/`. Deletes nothing.

    Raises StoreError while a driver is at work where something is to be moved, OSError where the store cannot be read.
    """
    with Lease(store) if repair else nullcontext():
        sizes = store.files.sizes("")
        found = {finding.path: finding for finding in _findings(store, list(sizes))}
        findings = sorted(found.values())
        if repair:
            for finding in findings:
                if finding.kind != "newer":
                    store.files.move(finding.path, _place(store, finding.path))
    return Verification(
        store=store.location, files=len(sizes), bytes=sum(sizes.values()), findings=findings, repaired=repair
    )


def _place(store: Store, path: str) -> str:
    """Where in the quarantine a file goes: under its own path, with a number if that is taken."""
    place = f"quarantine/{path}"
    for number in itertools.count(2):
        if not store.files.exists(place):
            break
        place = f"quarantine/{path}.{number}"
    return place


def _findings(store: Store, paths: list[str]) -> Iterator[Finding]:
    needed = needs(store)
    there = set(paths)
    for path in paths:
        if path.startswith(_NOT_OURS_TO_CHECK):
            continue
        look = _LOOKS.get(path.partition("/")[0])
        found = look(store, path, there, needed) if look else Finding(path, "foreign", "no file of a store")
        if found is not None:
            yield found
            yield from _companions(found, there)
    for path, age in store.files.temporaries().items():
        if age > DAY and not path.startswith("quarantine/"):
            yield Finding(path, "half-written", "left by a process that ended while it wrote")


def _companions(found: Finding, there: set[str]) -> Iterator[Finding]:
    """What goes with a damaged file: a record and its details are made anew together, a sweep and its cells too."""
    folder, _, rest = found.path.partition("/")
    if found.kind == "newer" or (parse_record_name(rest) is None and folder != "sweeps"):
        return
    if folder in ("results", "details"):
        other = f"{'details' if folder == 'results' else 'results'}/{rest}"
    else:
        head, _, name = found.path.rpartition("/")
        other = f"{head}/{'cells.parquet' if name == 'sweep.json' else 'sweep.json'}"
    if other in there:
        yield Finding(other, "orphaned", f"goes with `{found.path}`")


def _record(store: Store, path: str, there: set[str], needed: Needs) -> Finding | None:
    if parse_record_name(path.partition("/")[2]) is None:
        return Finding(path, "foreign", "not named like a record")
    if (problem := _try(path, lambda: store.read_record(path))) is not None:
        return problem
    if path.replace("results/", "details/", 1) not in there:
        return Finding(path, "half-written", "its layers and learning curve (in details/) are gone")
    return None


def _detail(store: Store, path: str, there: set[str], needed: Needs) -> Finding | None:
    key = parse_record_name(path.partition("/")[2])
    if key is None:
        return Finding(path, "foreign", "not named like a record")
    if path.replace("details/", "results/", 1) not in there:
        return Finding(path, "orphaned", "its record is not there")
    return _try(path, lambda: store.detail(key))


def _conflict(store: Store, path: str, there: set[str], needed: Needs) -> Finding | None:
    problem = _try(path, lambda: from_parquet(path, store.files.read(path), SCHEMA))
    return problem or Finding(path, "conflicting", "differs from the record that was published before it")


def _checkpoint(store: Store, path: str, there: set[str], needed: Needs) -> Finding | None:
    stop = parse_state_path(path)
    if stop is None:
        return Finding(path, "foreign", "not named like a state")
    from workers.checkpoint import parse  # brings in torch

    if (problem := _try(path, lambda: parse(store.files.read(path), path, stop))) is not None:
        return problem
    if needed.unreadable:
        return None  # whose it is cannot be said
    if stop.trial not in needed.trials:
        return Finding(path, "orphaned", "no sweep of this store has its trial")
    if path.startswith("progress/") and stop.trial not in needed.unfinished:
        return Finding(path, "orphaned", "its trial is finished")
    return None


def _sweep(store: Store, path: str, there: set[str], needed: Needs) -> Finding | None:
    folder, _, name = path.partition("/")[2].partition("/")
    if name not in ("sweep.json", "cells.parquet") or not folder.partition("-")[0].isdecimal():
        return Finding(path, "foreign", "no file of a sweep")
    if f"sweeps/{folder}/sweep.json" not in there:
        return Finding(path, "half-written", "its sweep.json is not there")
    return _try(path, lambda: store.read_sweep(folder) if name == "sweep.json" else store.read_cells(folder))


def _json(store: Store, path: str, there: set[str], needed: Needs) -> Finding | None:
    if not path.endswith(".json"):
        return Finding(path, "foreign", "not named like a file of this folder")
    return _try(path, lambda: from_json(path, store.files.read(path)))


def _cache(store: Store, path: str, there: set[str], needed: Needs) -> Finding | None:
    if path != "cache/records.parquet":
        return None  # a probe that somebody is writing
    return _try(path, lambda: from_parquet(path, store.files.read(path)))


def _try(path: str, read: Callable[[], object]) -> Finding | None:
    try:
        read()
    except FileNotFoundError:
        return None  # gone meanwhile
    except NewerFile as error:
        return Finding(path, "newer", str(error).removeprefix(f"{path}: "))
    except CorruptFile as error:
        return Finding(path, "corrupt", str(error).removeprefix(f"{path}: "))
    except OSError as error:
        return Finding(path, "corrupt", str(error))
    return None


_LOOKS: dict[str, Callable[[Store, str, set[str], Needs], Finding | None]] = {
    "results": _record,
    "details": _detail,
    "conflicts": _conflict,
    "checkpoints": _checkpoint,
    "progress": _checkpoint,
    "sweeps": _sweep,
    "facts": _json,
    "failures": _json,
    "losses": _json,
    "cache": _cache,
}
