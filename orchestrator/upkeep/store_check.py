"""What is wrong in a store: reads every file, and names what is damaged, incomplete or not part of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import pyarrow as pa

from orchestrator.upkeep.gc import ABANDONED
from orchestrator.upkeep.retention import Needs, needs_of
from workers.errors import CorruptFile, NewerFile
from workers.store import Store, layout
from workers.store.checksummed import from_json, from_parquet
from workers.store.filesystems.files import NotAFile, is_temporary, walk
from workers.store.lease_owner import lease_paths, read_owner
from workers.store.record import SCHEMA
from workers.store.record_parsing import has_details_apart, parse_detail, parse_whole_record

Kind = Literal["corrupt", "half-written", "orphaned", "foreign", "conflicting", "newer", "unreadable", "missing"]

LEFT_IN_PLACE = ("newer", "unreadable", "missing")
"""The kinds of which a repair moves nothing: an unreadable file may be sound."""


class StoreProblem(NamedTuple):
    """What is wrong with one file of a store."""

    path: str
    kind: Kind
    reason: str


def store_problems(store: Store) -> Iterator[StoreProblem]:
    """Everything that is wrong in a store except its leases; the same path may come twice."""
    if store.marker_problem is not None:
        marker_kind: Kind = "corrupt" if layout.MARKER in store.files.kinds("") else "missing"
        yield StoreProblem(layout.MARKER, marker_kind, store.marker_problem)
    ages = store.files.temporaries()
    entries = dict(walk(store.files, enter=lambda path: path != layout.QUARANTINE and layout.is_folder(path)))
    paths = frozenset(path for path, kind in entries.items() if kind == "file")
    files = _StoreFiles(store, paths, needs_of(store, retired=True))
    for path, kind in entries.items():
        if path in (layout.MARKER, layout.LEASE) or layout.parse_lease_path(path) is not None:
            continue
        if kind == "folder" and layout.is_folder(path):
            continue
        if kind != "file":
            problem: StoreProblem | None = StoreProblem(path, "foreign", f"not part of a store: {kind}")
        elif is_temporary(path):
            problem = _half_written(path, ages.get(path, 0.0))
        else:
            problem = files.problem(path)
        if problem is not None:
            yield problem
            yield from files.companions(problem)


def lease_problems(store: Store) -> list[StoreProblem]:
    """What is wrong with the leases of a store that do not say who drives it, or a shard of it."""
    problems = (_lease_problem(store, path) for path in lease_paths(store.files))
    return [problem for problem in problems if problem is not None]


def _lease_problem(store: Store, path: str) -> StoreProblem | None:
    try:
        owner = read_owner(store.files, path)
    except NotAFile as error:
        return StoreProblem(path, "foreign", str(error))
    if owner is None or owner.is_known:
        return None
    return StoreProblem(path, "corrupt", "does not say who drives the store")


def _half_written(path: str, age: float) -> StoreProblem | None:
    if age <= ABANDONED:
        return None  # somebody may be writing it
    return StoreProblem(path, "half-written", "left behind by a process that ended while writing it")


@dataclass(frozen=True, slots=True)
class _StoreFiles:
    """The files of a store by path, and what its sweeps need of them."""

    store: Store
    paths: frozenset[str]
    needs: Needs

    def problem(self, path: str) -> StoreProblem | None:
        """What is wrong with a file."""
        check = _CHECKS.get(layout.folder_of(path))
        return check(self, path) if check else StoreProblem(path, "foreign", "not part of a store")

    def companions(self, problem: StoreProblem) -> Iterator[StoreProblem]:
        """The file that must be made again with a damaged one: a record's details, a sweep's cells, or the reverse."""
        companion = None if problem.kind in LEFT_IN_PLACE else layout.companion(problem.path)
        if companion in self.paths:
            yield StoreProblem(companion, "orphaned", f"belongs to `{problem.path}`")

    def record(self, path: str) -> StoreProblem | None:
        key = layout.parse_record_path(path)
        if key is None:
            return StoreProblem(path, "foreign", "not a valid record name")
        rows: list[pa.Table] = []
        problem = self._read_problem(path, lambda data: rows.append(parse_whole_record(path, data)))
        if problem is not None or not any(map(has_details_apart, rows)):
            return problem
        details = layout.detail_path(key)
        if details not in self.paths and not self.store.files.exists(details):  # it may have been written meanwhile
            return StoreProblem(path, "half-written", "its layers and learning curve (in details/) are missing")
        return None

    def detail(self, path: str) -> StoreProblem | None:
        key = layout.parse_record_path(path)
        if key is None:
            return StoreProblem(path, "foreign", "not a valid record name")
        if layout.record_path(key) not in self.paths:
            return StoreProblem(path, "orphaned", "its record is missing")
        return self._read_problem(path, lambda data: parse_detail(path, data))

    def conflict(self, path: str) -> StoreProblem | None:
        problem = self._read_problem(path, lambda data: from_parquet(path, data, SCHEMA))
        return problem or StoreProblem(path, "conflicting", "differs from the record that was published first")

    def state(self, path: str) -> StoreProblem | None:
        stop = layout.parse_state_path(path)
        if stop is None:
            return StoreProblem(path, "foreign", "not a valid state name")
        from workers.training.states.state import parse_state  # brings in torch

        if (problem := self._read_problem(path, lambda data: parse_state(data, path, stop))) is not None:
            return problem
        if self.needs.unreadable:
            return None  # a sweep that cannot be read may need it
        if stop.trial not in self.needs.trials:
            return StoreProblem(path, "orphaned", "no sweep of this store has its trial")
        if layout.folder_of(path) == layout.PARTIAL_STATES and stop.trial not in self.needs.unfinished:
            return StoreProblem(path, "orphaned", "its trial is finished")
        return None

    def sweep(self, path: str) -> StoreProblem | None:
        if (retired := layout.parse_retirement_path(path)) is not None:
            if layout.sweep_path(retired) not in self.paths:
                return StoreProblem(path, "orphaned", "its sweep.json is missing")
            return self._read_problem(path, lambda data: from_json(path, data))
        folder = layout.parse_sweep_path(path)
        if folder is None:
            return StoreProblem(path, "foreign", "not part of a sweep")
        if layout.sweep_path(folder) not in self.paths:
            return StoreProblem(path, "half-written", "its sweep.json is missing")
        parse: Callable[[str, bytes], object] = from_json if path == layout.sweep_path(folder) else from_parquet
        return self._read_problem(path, lambda data: parse(path, data))

    def json(self, path: str) -> StoreProblem | None:
        if layout.parse_data_path(path) is None:
            return StoreProblem(path, "foreign", "not a valid name in this folder")
        return self._read_problem(path, lambda data: from_json(path, data))

    def cache(self, path: str) -> StoreProblem | None:
        if layout.is_probe(path):
            return None  # a running process is writing it
        if not layout.is_record_cache(path):
            return StoreProblem(path, "foreign", "not part of the cache")
        return self._read_problem(path, lambda data: from_parquet(path, data))

    def log(self, path: str) -> StoreProblem | None:
        if layout.parse_log_path(path) is not None:
            return None
        return StoreProblem(path, "foreign", "not a valid log name")

    def _read_problem(self, path: str, parse: Callable[[bytes], object]) -> StoreProblem | None:
        """What is wrong with a file, as reading and parsing it tells."""
        try:
            data = self.store.files.read(path)
        except FileNotFoundError:
            return None  # deleted meanwhile
        except OSError as error:
            return StoreProblem(path, "unreadable", str(error))
        try:
            parse(data)
        except NewerFile as error:
            return StoreProblem(path, "newer", error.message.removeprefix(f"{path}: "))
        except CorruptFile as error:
            return StoreProblem(path, "corrupt", error.message.removeprefix(f"{path}: "))
        return None


_CHECKS: dict[str, Callable[[_StoreFiles, str], StoreProblem | None]] = {
    layout.RESULTS: _StoreFiles.record,
    layout.DETAILS: _StoreFiles.detail,
    layout.CONFLICTS: _StoreFiles.conflict,
    layout.CHECKPOINTS: _StoreFiles.state,
    layout.PARTIAL_STATES: _StoreFiles.state,
    layout.SWEEPS: _StoreFiles.sweep,
    layout.FACTS: _StoreFiles.json,
    layout.FAILURES: _StoreFiles.json,
    layout.FAILED_ATTEMPTS: _StoreFiles.json,
    layout.OLD_FAILED_ATTEMPTS: _StoreFiles.json,
    layout.CACHE: _StoreFiles.cache,
    layout.LOGS: _StoreFiles.log,
}
