"""What in a store is not as it should be: every file is read, and everything else is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from orchestrator.upkeep.gc import ABANDONED
from orchestrator.upkeep.retention import Needs, needs
from workers.errors import CorruptFile, NewerFile
from workers.store import lease
from workers.store.checksummed import from_json, from_parquet
from workers.store.files import NotAFile, is_temporary, walk
from workers.store.marker import FOLDERS, MARKER, NESTED
from workers.store.record import SCHEMA
from workers.store.states import parse_state_path
from workers.store.store import Store, parse_record_name

Kind = Literal["corrupt", "half-written", "orphaned", "foreign", "conflicting", "newer", "missing"]


class Finding(NamedTuple):
    """A file that is not as it should be, and why."""

    path: str
    kind: Kind
    reason: str


def findings(store: Store) -> Iterator[Finding]:
    """Everything in a store, but its lease, that is not as it should be; the same path may come twice."""
    if store.marker_problem is not None:
        yield Finding(MARKER, "corrupt" if MARKER in store.files.kinds("") else "missing", store.marker_problem)
    ages = store.files.temporaries()
    entries = dict(walk(store.files, enter=lambda path: path != "quarantine" and _is_folder_of_ours(path)))
    there = {path for path, kind in entries.items() if kind == "file"}
    needed = needs(store)
    for path, kind in entries.items():
        if path in (MARKER, lease.PATH) or (kind == "folder" and _is_folder_of_ours(path)):
            continue
        look = _LOOKS.get(path.partition("/")[0], _foreign)
        if kind != "file":
            found: Finding | None = Finding(path, "foreign", f"a {kind} that is not the store's")
        elif is_temporary(path):
            found = _half_written(path, ages.get(path, 0.0))
        else:
            found = look(store, path, there, needed)
        if found is not None:
            yield found
            yield from _companions(found, there)


def lease_finding(store: Store) -> Finding | None:
    """What is wrong with a store's lease, if it says nothing about who drives the store."""
    try:
        owner = lease.read_owner(store.files)
    except NotAFile as error:
        return Finding(lease.PATH, "foreign", str(error))
    if owner is None or owner.is_known:
        return None
    return Finding(lease.PATH, "corrupt", "who drives the store cannot be read")


def _is_folder_of_ours(path: str) -> bool:
    top, _, name = path.partition("/")
    return top in FOLDERS and (not name or (top in NESTED and "/" not in name and not name.startswith(".")))


def _half_written(path: str, age: float) -> Finding | None:
    if age <= ABANDONED:
        return None  # perhaps somebody is writing it
    return Finding(path, "half-written", "left by a process that ended while it wrote")


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
    details = path.replace("results/", "details/", 1)
    if details not in there and not store.files.exists(details):  # which could have come meanwhile
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
    from workers.training.state import parse_state  # brings in torch

    if (problem := _try(path, lambda: parse_state(store.files.read(path), path, stop))) is not None:
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
    if path.startswith("cache/probe-"):
        return None  # which somebody is writing
    if path != "cache/records.parquet":
        return Finding(path, "foreign", "no file of the cache")
    return _try(path, lambda: from_parquet(path, store.files.read(path)))


def _log(store: Store, path: str, there: set[str], needed: Needs) -> Finding | None:
    number = path.rpartition("/")[2].removesuffix(".log")
    if path.count("/") == 2 and path.endswith(".log") and number.isascii() and number.isdecimal():
        return None
    return Finding(path, "foreign", "not named like a log")


def _foreign(store: Store, path: str, there: set[str], needed: Needs) -> Finding | None:
    return Finding(path, "foreign", "no file of a store")


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
    "logs": _log,
}
