"""The name of every file and folder of a store: the only module that builds and parses them.

Paths are relative to the store, with `/`. The package's docstring draws a store.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from workers.store.shard import Shard
from workers.trial import Stop

MARKER = "store.json"
LEASE = "lease.json"

RESULTS = "results"
DETAILS = "details"
CONFLICTS = "conflicts"
CHECKPOINTS = "checkpoints"
PARTIAL_STATES = "progress"
FAILURES = "failures"
FAILED_ATTEMPTS = "attempts"
OLD_FAILED_ATTEMPTS = "losses"  # where early versions wrote them; only read
SWEEPS = "sweeps"
FACTS = "facts"
LOGS = "logs"
CACHE = "cache"
QUARANTINE = "quarantine"
LEASES = "leases"

NESTED = (CHECKPOINTS, PARTIAL_STATES, SWEEPS, LOGS)
"""The folders with a folder for each trial or sweep."""

_DATA_FOLDERS = (FAILURES, FAILED_ATTEMPTS, OLD_FAILED_ATTEMPTS, FACTS)

FOLDERS = (*NESTED, *_DATA_FOLDERS, RESULTS, DETAILS, CONFLICTS, CACHE, QUARANTINE, LEASES)

RECORD_CACHE = f"{CACHE}/records.parquet"
_RECORD_CACHE_PART = f"{CACHE}/records-"

_TABLE = ".parquet"
_STATE = ".safetensors"
_DATA = ".json"
_LOG = ".log"
_PROBE = f"{CACHE}/probe-"
_SWEEP_FILES = ("sweep.json", "cells.parquet")
_RETIREMENT = "retired.json"


class RecordKey(NamedTuple):
    """What names a record: a trial, one of its steps, and the key of the evaluation there."""

    trial: str
    step: int
    evaluation: str


def lease_path(shard: Shard | None) -> str:
    """The lease of the driver of a shard, or of a whole store."""
    return LEASE if shard is None else f"{LEASES}/{shard.number:04d}-of-{shard.count:04d}{_DATA}"


def parse_lease_path(path: str) -> Shard | None:
    """The shard whose lease a path in `leases/` names; None for any other path."""
    folder, _, name = path.partition("/")
    number, _, count = name.removesuffix(_DATA).partition("-of-")
    if folder != LEASES or (first := _number(number)) is None or (second := _number(count)) is None:
        return None
    shard = Shard(first, second)
    return shard if lease_path(shard) == path else None


def folder_of(path: str) -> str:
    """The folder at the top of a store that a path begins with."""
    return path.partition("/")[0]


def is_folder(path: str) -> bool:
    """Whether a store has a folder of this path."""
    top, _, name = path.partition("/")
    return top in FOLDERS and (not name or (top in NESTED and "/" not in name and not name.startswith(".")))


def record_file(key: RecordKey) -> str:
    """The file name of a record, and of details apart from it."""
    return f"{key.trial}-{key.step:08d}-{key.evaluation}{_TABLE}"


def record_path(key: RecordKey) -> str:
    return f"{RESULTS}/{record_file(key)}"


def detail_path(key: RecordKey) -> str:
    return f"{DETAILS}/{record_file(key)}"


def conflict_path(key: RecordKey, checksum: str) -> str:
    return f"{CONFLICTS}/{record_file(key).removesuffix(_TABLE)}-{checksum[:8]}{_TABLE}"


def parse_record_path(path: str) -> RecordKey | None:
    """The record that a path in `results/` or `details/` names; None for any other path."""
    folder, _, name = path.partition("/")
    parts = name.removesuffix(_TABLE).split("-")
    if folder not in (RESULTS, DETAILS) or "/" in name or len(parts) != 3 or (step := _number(parts[1])) is None:
        return None
    key = RecordKey(parts[0], step, parts[2])
    return key if record_file(key) == name else None


def checkpoint_path(stop: Stop) -> str:
    return _state_path(CHECKPOINTS, stop)


def partial_state_path(stop: Stop) -> str:
    return _state_path(PARTIAL_STATES, stop)


def parse_state_path(path: str) -> Stop | None:
    """The stop whose state a path in `checkpoints/` or `progress/` names; None for any other path."""
    folder, _, rest = path.partition("/")
    trial, _, name = rest.partition("/")
    step = _number(name.removesuffix(_STATE))
    if folder not in (CHECKPOINTS, PARTIAL_STATES) or step is None:
        return None
    stop = Stop(trial, step)
    return stop if _state_path(folder, stop) == path else None


def failure_path(trial: str) -> str:
    return f"{FAILURES}/{trial}{_DATA}"


def failed_attempts_path(trial: str) -> str:
    return f"{FAILED_ATTEMPTS}/{trial}{_DATA}"


def old_failed_attempts_path(trial: str) -> str:
    return f"{OLD_FAILED_ATTEMPTS}/{trial}{_DATA}"


def facts_path(key: str) -> str:
    return f"{FACTS}/{key}{_DATA}"


def parse_data_path(path: str) -> str | None:
    """The trial or key that a path in `failures/`, `attempts/` or `facts/` names; None for any other path."""
    folder, _, name = path.partition("/")
    if folder not in _DATA_FOLDERS or "/" in name or not name.endswith(_DATA):
        return None
    return name.removesuffix(_DATA)


def sweep_folder(number: int, name: str) -> str:
    """The name of a sweep's folder in `sweeps/`."""
    return f"{number:04d}-{name}"


def sweep_number(folder: str) -> int | None:
    """The number that the name of a sweep's folder begins with; None for any other folder."""
    return _number(folder.partition("-")[0]) if folder.isascii() else None


def sweep_name(folder: str) -> str:
    """The name of the sweep of a folder."""
    return folder.partition("-")[2]


def sweep_folder_path(folder: str) -> str:
    return f"{SWEEPS}/{folder}"


def sweep_path(folder: str) -> str:
    return f"{SWEEPS}/{folder}/{_SWEEP_FILES[0]}"


def cells_path(folder: str) -> str:
    return f"{SWEEPS}/{folder}/{_SWEEP_FILES[1]}"


def retirement_path(folder: str) -> str:
    """The file that says that the sweep of a folder is retired."""
    return f"{SWEEPS}/{folder}/{_RETIREMENT}"


def parse_retirement_path(path: str) -> str | None:
    """The folder of the sweep that a path says is retired; None for any other path."""
    folder = path.partition("/")[2].partition("/")[0]
    return folder if path == retirement_path(folder) and sweep_number(folder) is not None else None


def parse_sweep_path(path: str) -> str | None:
    """The folder of the sweep that a path in `sweeps/` belongs to; None for any other path."""
    folder = path.partition("/")[2].partition("/")[0]
    of_sweep = path in (sweep_path(folder), cells_path(folder)) and sweep_number(folder) is not None
    return folder if of_sweep else None


def log_folder(trial: str) -> str:
    return f"{LOGS}/{trial}"


def log_path(trial: str, attempt: int) -> str:
    return f"{LOGS}/{trial}/{attempt:04d}{_LOG}"


def parse_log_path(path: str) -> tuple[str, int] | None:
    """The trial and the number of the attempt that a path in `logs/` names; None for any other path."""
    _, _, rest = path.partition("/")
    trial, _, name = rest.partition("/")
    attempt = _number(name.removesuffix(_LOG))
    if attempt is None or log_path(trial, attempt) != path:
        return None
    return trial, attempt


def record_cache_part() -> str:
    """A new path for some consolidated records."""
    return f"{_RECORD_CACHE_PART}{secrets.token_hex(8)}{_TABLE}"


def is_record_cache(path: str) -> bool:
    """Whether a path names consolidated records, all of them or a part."""
    return path == RECORD_CACHE or (path.startswith(_RECORD_CACHE_PART) and path.endswith(_TABLE))


def probe_path() -> str:
    """A new path for a file that is written only to see whether that works."""
    return f"{_PROBE}{secrets.token_hex(8)}"


def is_probe(path: str) -> bool:
    return path.startswith(_PROBE)


def quarantine_path(path: str, number: int) -> str:
    """Where to set a file aside: under its own path; from the second one of that path on, in a numbered folder."""
    return f"{QUARANTINE}/{path}" if number == 1 else f"{QUARANTINE}/{number}/{path}"


def companion(path: str) -> str | None:
    """The file that is only of use together with this one: a record and its details, a sweep and its cells."""
    if (key := parse_record_path(path)) is not None:
        return detail_path(key) if folder_of(path) == RESULTS else record_path(key)
    if (folder := parse_sweep_path(path)) is not None:
        return cells_path(folder) if path == sweep_path(folder) else sweep_path(folder)
    return None


def _state_path(folder: str, stop: Stop) -> str:
    return f"{folder}/{stop.trial}/{stop.step:08d}{_STATE}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None
