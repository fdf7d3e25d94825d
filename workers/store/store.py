"""Where results lie: records, checkpoints, failures, sweeps and facts, on any filesystem.

    store.json, lease.json                     the layout's version; who drives the store just now
    results/<trial>-<step>-<evaluation>.parquet  one record, published once, never changed
    details/<the same name>                    its per-layer numbers and learning curve, written before it
    conflicts/                                 records that differ from one published before them
    checkpoints/<trial>/<step>.safetensors     states at stops
    progress/<trial>/<step>.safetensors        states on the way, while a trial runs: the newest two
    losses/<trial>.json                        how often attempts at it have failed
    failures/<trial>.json                      how a trial ended that gave no result
    sweeps/<number>-<name>/                    each resolved sweep: sweep.json and cells.parquet
    facts/<key>.json                           what a plan knows of data sets and networks
    cache/records.parquet                      all records in one file; can be deleted at any time
    logs/<trial>/<number>.log                  what each attempt at a trial logged
    quarantine/                                what `verify --repair` set aside

A stop is done if and only if its record (or its checkpoint) is there; there is no other bookkeeping.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from workers.crashpoints import crash_point
from workers.errors import SET_ASIDE, CorruptFile, MissingStore, NewerFile, StoreError
from workers.store import marker
from workers.store.checksummed import from_json, from_parquet, to_json, to_parquet
from workers.store.failures import Failure
from workers.store.files import Files
from workers.store.opening import open_files
from workers.store.record import (
    DETAIL_SCHEMA,
    SCHEMA,
    SCHEMA_VERSION,
    record_name,
    same_result,
    table_of,
)
from workers.store.states import States

_CACHE = "cache/records.parquet"
_PARQUET_END = b"PAR1"

log = logging.getLogger(__name__)

Publication = Literal["published", "duplicate", "conflict"]


class RecordKey(NamedTuple):
    """What names a record."""

    trial: str
    step: int
    evaluation: str


class Records(NamedTuple):
    """All readable records, in the order of their names, and what could not be read (path: reason)."""

    table: pa.Table
    unreadable: dict[str, str]


class Store(States):
    """A folder or bucket that holds everything sweeps have produced.

    Opening reads the layout's version and refuses one that this version does not know (StoreError), and folders that
    are links. With `create`, an empty or missing folder becomes a store; a folder with other things in it is refused.
    What has readable records or sweeps, but no sound marker, opens only `unmarked`; `marker_problem` then says why.
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        *,
        create: bool = False,
        unmarked: bool = False,
        files: Files | None = None,
    ) -> None:
        self.location = os.fspath(location)
        self.files = files if files is not None else open_files(location)
        self.marker_problem = marker.check(
            self.files, self.location, self._has_anything_readable, create=create, unmarked=unmarked
        )

    def _has_anything_readable(self) -> bool:
        reads: list[Callable[[], object]] = [partial(self.read_sweep, folder) for folder in self.sweeps()]
        reads += [partial(self.read_record, f"results/{name}") for name in self.files.names("results")]
        for read in reads:
            with contextlib.suppress(CorruptFile, FileNotFoundError):
                read()
                return True
        return False

    def check_writable(self) -> None:
        """Raise StoreError unless a file can be written here."""
        probe = f"cache/probe-{secrets.token_hex(8)}"
        try:
            self.files.write(probe, b"")
            self.files.delete(probe)
        except OSError as error:
            raise StoreError(f"store `{self.location}`: cannot write: {error}") from error

    # Records ------------------------------------------------------------------------------------------------

    def publish(self, record: dict[str, Any], detail: dict[str, Any]) -> Publication:
        """Publish a record and what lies beside it; an equal one published before makes this a no-op.

        A record that differs in its result columns from the one already there is kept in `conflicts/`.
        """
        name = record_name(record["trial"], record["step"], record["evaluation"])
        path = f"results/{name}.parquet"
        table = table_of([record | {"schema_version": SCHEMA_VERSION}])
        data = to_parquet(table)
        crash_point("record.before")
        if not self.files.exists(path):
            self.files.write(f"details/{name}.parquet", to_parquet(_detail_table(detail)))
            crash_point("record.details")
            if self.files.publish(path, data):
                crash_point("record.after")
                return "published"
        [there] = self.read_record(path).to_pylist()
        [here] = table.to_pylist()
        if same_result(there, here):
            return "duplicate"
        conflict = f"conflicts/{name}-{hashlib.sha256(data).hexdigest()[:8]}.parquet"
        self.files.write(conflict, data)
        log.warning(
            "trial %s gave another result than before at step %s: see %s", record["trial"], record["step"], conflict
        )
        return "conflict"

    def record_keys(self) -> set[RecordKey]:
        """The keys of all published records, from names alone."""
        files = (name for name, kind in self.files.kinds("results").items() if kind == "file")
        return {key for name in files if (key := parse_record_name(name)) is not None}

    def sound_records(self) -> tuple[set[RecordKey], dict[str, str]]:
        """The keys of all records that seem whole, and the others (path: reason), without reading what is in them.

        A record that is in the consolidated file must still have the size that it had then; another one must end as a
        Parquet file does. `verify` reads every byte.
        """
        cached = self._cached()
        known = dict(zip(cached.column("file").to_pylist(), cached.column("size").to_pylist(), strict=True))
        keys, unsound = set(), self._no_files()
        for path, size in self.files.sizes("results").items():
            key = parse_record_name(name := path.removeprefix("results/"))
            if key is None:
                continue
            then = known.get(name)  # none in a cache that an earlier version wrote
            if then == size or (then is None and self._ends_well(path)):
                keys.add(key)
            else:
                unsound[path] = f"{path}: is not the record that was written; {SET_ASIDE}"
        return keys, unsound

    def _no_files(self) -> dict[str, str]:
        """What is named like a record and is a folder, a link or the like (path: reason)."""
        return {
            f"results/{name}": f"results/{name}: is a {kind}, not a file; {SET_ASIDE}"
            for name, kind in self.files.kinds("results").items()
            if kind != "file" and parse_record_name(name) is not None
        }

    def _ends_well(self, path: str) -> bool:
        try:
            return self.files.tail(path, len(_PARQUET_END)) == _PARQUET_END
        except OSError:
            return False

    def has_record(self, key: RecordKey) -> bool:
        return self.files.exists(f"results/{record_name(*key)}.parquet")

    def accuracy(self, key: RecordKey) -> float | None:
        """The test accuracy of a record; None if there is none, or none that can be read."""
        try:
            [row] = self.read_record(f"results/{record_name(*key)}.parquet").to_pylist()
        except (CorruptFile, FileNotFoundError):
            return None
        return float(row["test_accuracy"])

    def conflicts(self) -> list[str]:
        """Names of records that differ from what was published for their stop."""
        return self.files.names("conflicts")

    def records(self) -> Records:
        """Every record: the consolidated ones from one file, the rest from their own."""
        sizes = {path.removeprefix("results/"): size for path, size in self.files.sizes("results").items()}
        sizes = {name: size for name, size in sizes.items() if parse_record_name(name) is not None}
        cached = self._cached()
        rows = zip(cached.column("file").to_pylist(), cached.column("size").to_pylist(), strict=True)
        cached = cached.filter(
            pa.array([size is not None and sizes.get(name) == size for name, size in rows], pa.bool_())
        )
        known = set(cached.column("file").to_pylist())
        tables, unreadable = [cached.drop_columns(["file", "size"])], self._no_files()
        fresh = [f"results/{name}" for name in sorted(sizes) if name not in known]
        for path, outcome in zip(fresh, self._each(self._try_record, fresh), strict=True):
            if isinstance(outcome, CorruptFile):
                unreadable[path] = str(outcome)
            else:
                tables.append(outcome)
        table = pa.concat_tables(tables).sort_by([("trial", "ascending"), ("step", "ascending")])
        return Records(table, unreadable)

    def read_record(self, path: str) -> pa.Table:
        """The one row of a record's file. Raises FileNotFoundError, and CorruptFile where it is no such file."""
        try:
            data = self.files.read(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise CorruptFile(path, str(error)) from error
        table = from_parquet(path, data, SCHEMA)
        if table.num_rows != 1:
            raise CorruptFile(path, f"has {table.num_rows} rows instead of one")
        [row] = table.select(["trial", "step", "evaluation", "schema_version"]).to_pylist()
        version = row.pop("schema_version")
        if version > SCHEMA_VERSION:
            raise NewerFile(path, f"has schema version {version}; this prunesweep reads up to {SCHEMA_VERSION}")
        if parse_record_name(path.rpartition("/")[2]) != RecordKey(**row):
            raise CorruptFile(path, "names another stop than its content")
        return table

    def consolidate(self) -> None:
        """Write all records into one file, for quick reading. Safe at any time; records themselves stay."""
        table = self.records().table
        keys = zip(*(table.column(name).to_pylist() for name in ("trial", "step", "evaluation")), strict=True)
        files = [f"{record_name(*key)}.parquet" for key in keys]
        sizes = self.files.sizes("results")
        table = table.append_column("file", pa.array(files, pa.string()))
        table = table.append_column("size", pa.array([sizes.get(f"results/{name}") for name in files], pa.int64()))
        crash_point("cache.before")
        self.files.write(_CACHE, to_parquet(table))
        crash_point("cache.after")

    def detail(self, key: RecordKey) -> dict[str, Any]:
        """The layers and the learning curve beside a record. Raises CorruptFile."""
        path = f"details/{record_name(*key)}.parquet"
        try:
            data = self.files.read(path)
        except OSError as error:
            raise CorruptFile(path, str(error)) from error
        rows = from_parquet(path, data, DETAIL_SCHEMA).to_pylist()
        if len(rows) != 1:
            raise CorruptFile(path, f"has {len(rows)} rows instead of one")
        return dict(rows[0])

    def _cached(self) -> pa.Table:
        """The consolidated records, with the name and size (bytes) of each one's own file at the time."""
        schema = SCHEMA.append(pa.field("file", pa.string())).append(pa.field("size", pa.int64()))
        try:
            return from_parquet(_CACHE, self.files.read(_CACHE), schema)
        except (CorruptFile, OSError):
            return schema.empty_table()  # missing or damaged: it is only a cache

    def _try_record(self, path: str) -> pa.Table | CorruptFile:
        try:
            return self.read_record(path)
        except CorruptFile as error:
            return error
        except FileNotFoundError:
            return CorruptFile(path, "it was taken away meanwhile")

    def _each(self, function: Callable[[str], Any], paths: list[str]) -> Iterable[Any]:
        """Apply to many paths; with threads where there are enough files for that to help."""
        if len(paths) < 32:
            return map(function, paths)
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(function, paths))

    # Failures -----------------------------------------------------------------------------------------------

    def write_failure(self, trial: str, failure: Failure) -> None:
        """Keep how a trial failed; replaces an earlier failure."""
        self.files.write(f"failures/{trial}.json", to_json(failure.to_json()))

    def failures(self) -> dict[str, Failure]:
        """The failures of all failed trials, by trial id."""
        trials = [name.removesuffix(".json") for name in self.files.names("failures")]
        return {trial: failure for trial in trials if (failure := self.failure(trial)) is not None}

    def failure(self, trial: str) -> Failure | None:
        """How a trial failed; None if it has not. A damaged file still says that it has."""
        path = f"failures/{trial}.json"
        try:
            return Failure.of_json(from_json(path, self.files.read(path)))
        except FileNotFoundError:
            return None
        except (CorruptFile, OSError, ValueError) as error:
            return Failure(outcome="io", reason=f"the failure record is unreadable: {error}")

    def forget_failure(self, trial: str) -> None:
        """Let a trial run again, with all its retries."""
        self.files.delete(f"failures/{trial}.json")
        self.files.delete(f"losses/{trial}.json")

    def write_losses(self, trial: str, counts: Mapping[str, int]) -> None:
        """Note how often attempts at a trial have failed so far, by outcome: a new driver goes on counting."""
        self.files.write(f"losses/{trial}.json", to_json(dict(counts)))

    def losses(self, trial: str) -> dict[str, int]:
        """How often attempts at a trial have failed; empty where that is not known."""
        try:
            counts = from_json(path := f"losses/{trial}.json", self.files.read(path))
        except (CorruptFile, OSError):
            return {}
        return {outcome: count for outcome, count in counts.items() if isinstance(count, int)}

    # Sweeps and facts ---------------------------------------------------------------------------------------

    def add_sweep(self, name: str, sweep: dict[str, Any], cells: pa.Table, *, grown_from: str | None = None) -> str:
        """Keep a resolved sweep as the newest one; its folder's name. The newest one, given again, stays as it is.

        It takes the place of the one that it has `grown_from`, a folder's name, all of whose cells it has.
        """
        folders = self._sweep_folders()
        if folders and self._has_sweep(folders[-1], sweep, cells):
            return folders[-1]
        number = _sweep_number(folders[-1]) + 1 if folders else 1
        folder = grown_from or f"{number:04d}-{name}"
        crash_point("sweep.before")
        self.files.write(f"sweeps/{folder}/cells.parquet", to_parquet(cells))
        crash_point("sweep.cells")
        self.files.write(f"sweeps/{folder}/sweep.json", to_json(sweep))
        return folder

    def _has_sweep(self, folder: str, sweep: dict[str, Any], cells: pa.Table) -> bool:
        try:
            return self.read_sweep(folder) == sweep and self.read_cells(folder).to_pylist() == cells.to_pylist()
        except CorruptFile:
            return False

    def sweeps(self) -> list[str]:
        """The folders of the sweeps kept, oldest first. One that was only half written is none."""
        return [name for name in self._sweep_folders() if self.files.exists(f"sweeps/{name}/sweep.json")]

    def _sweep_folders(self) -> list[str]:
        names = [name for name in self.files.names("sweeps") if name.isascii() and name.partition("-")[0].isdecimal()]
        return sorted(names, key=lambda name: (_sweep_number(name), name))

    def read_sweep(self, folder: str) -> dict[str, Any]:
        """A resolved sweep. Raises CorruptFile."""
        path = f"sweeps/{folder}/sweep.json"
        try:
            return from_json(path, self.files.read(path))
        except OSError as error:
            raise CorruptFile(path, str(error)) from error

    def read_cells(self, folder: str) -> pa.Table:
        """The cells of a sweep, as they were planned. Raises CorruptFile."""
        path = f"sweeps/{folder}/cells.parquet"
        try:
            return from_parquet(path, self.files.read(path))
        except OSError as error:
            raise CorruptFile(path, str(error)) from error

    def facts(self, key: str) -> dict[str, Any] | None:
        """What was pinned under a key, or None. Raises CorruptFile."""
        path = f"facts/{key}.json"
        try:
            return from_json(path, self.files.read(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CorruptFile(path, str(error)) from error

    def pin_facts(self, key: str, facts: dict[str, Any]) -> None:
        self.files.write(f"facts/{key}.json", to_json(facts))


def _sweep_number(folder: str) -> int:
    return int(folder.partition("-")[0])


def parse_record_name(name: str) -> RecordKey | None:
    """What a file in `results/` or `details/` is named after; None if it is no such name."""
    parts = name.removesuffix(".parquet").split("-")
    if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdecimal()):
        return None
    key = RecordKey(parts[0], int(parts[1]), parts[2])
    return key if f"{record_name(*key)}.parquet" == name else None


def _detail_table(detail: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([detail], schema=DETAIL_SCHEMA)


def existing_store(location: str | os.PathLike[str] | None) -> Store | None:
    """The store at a location; None without a location, or if nothing is there. Raises StoreError for anything else."""
    if location is None:
        return None
    try:
        return Store(location)
    except MissingStore:
        if open_files(location).names(""):
            raise
        return None


def store_to_write(location: str | os.PathLike[str]) -> Store | None:
    """The store at a location, or None if nothing is there. Raises StoreError if it cannot be written to."""
    store = existing_store(location)
    if store is not None:
        store.check_writable()
    return store
