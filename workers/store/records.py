"""The records of a store: publishing one exactly once, and reading all of them quickly."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from workers.crashpoints import crash_point
from workers.errors import CorruptFile
from workers.store import layout
from workers.store.checksummed import to_parquet
from workers.store.filesystems.files import Files, read_failure
from workers.store.layout import RecordKey
from workers.store.many_files import map_paths, read_or_error
from workers.store.record import DETAIL_SCHEMA, SCHEMA, SCHEMA_VERSION, same_result, whole_table
from workers.store.record_cache import RecordCache
from workers.store.record_parsing import (
    KEY,
    has_details_apart,
    parse_detail,
    parse_details,
    parse_record,
    parse_records,
    parse_whole_record,
    record_keys,
)

log = logging.getLogger(__name__)

Publication = Literal["published", "duplicate", "conflict"]

_PARQUET_END = b"PAR1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 256  # files that are read before their rows are put together, which takes a tenth of the memory


Row = dict[str, Any]
"""A record as it is consolidated, in what JSON can hold: its columns (times in microseconds since 1970, UTC), and the
name (`file`) and size (`file_size`) of its file."""


class AllRecords(NamedTuple):
    """All readable records, sorted by trial and step, and the files that cannot be read (path: reason)."""

    table: pa.Table
    unreadable: dict[str, str]


class Records:
    """See `workers.store.store.Store`, of which this is a part."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._cache = RecordCache(files)
        self._published: list[Row] = []

    def publish(self, record: dict[str, Any], detail: dict[str, Any]) -> Publication:
        """Publish a record with its details. If an equal one was published before, nothing changes.

        A record that differs in its result columns from the published one is kept in `conflicts/`.
        """
        key = RecordKey(*(record[name] for name in KEY))
        path = layout.record_path(key)
        record = record | {"schema_version": SCHEMA_VERSION}
        table = whole_table(record, detail)
        data = to_parquet(table)
        crash_point("record.before")
        if self._files.publish(path, data):
            crash_point("record.after")
            self._published.append(_row(record, key, len(data)))
            return "published"
        return self._repeated(key, table, data)

    def take_published(self) -> list[Row]:
        """The records that were published here since the last call, for `consolidate_some`."""
        rows, self._published = self._published, []
        return rows

    def copy(self, key: RecordKey, other: Records) -> Publication:
        """Publish a record of another store with its details, as they are.

        Raises CorruptFile, or FileNotFoundError, if the other store's cannot be read.
        """
        path = layout.record_path(key)
        data = other._data(path)
        table = parse_whole_record(path, data)
        if not self._files.exists(path):
            if has_details_apart(table):
                detail = layout.detail_path(key)
                details = other._detail_data(detail)
                parse_detail(detail, details)
                self._files.write(detail, details)
            if self._files.publish(path, data):
                return "published"
        return self._repeated(key, table, data)

    def _repeated(self, key: RecordKey, table: pa.Table, data: bytes) -> Publication:
        """Compare a record with the one that was published before."""
        [published] = self.read(layout.record_path(key)).to_pylist()
        [repeated] = table.to_pylist()
        if same_result(published, repeated):
            return "duplicate"
        conflict = layout.conflict_path(key, hashlib.sha256(data).hexdigest())
        self._files.write(conflict, data)
        log.warning("trial %s gave a different result than before at step %s: %s", key.trial, key.step, conflict)
        return "conflict"

    def has(self, key: RecordKey) -> bool:
        return self._files.exists(layout.record_path(key))

    def all_keys(self) -> set[RecordKey]:
        """The keys of all published records, from file names alone."""
        parsed = (layout.parse_record_path(path) for path, kind in self._entries() if kind == "file")
        return {key for key in parsed if key is not None}

    def sound(self, sizes: Mapping[str, int] | None = None) -> tuple[set[RecordKey], dict[str, str]]:
        """The keys of all records that seem whole, and the other files (path: reason), without reading their content.

        A record in the consolidated file must have the size that it had then; any other must end as a Parquet file
        does. `verify` reads every byte. `sizes` are those of all files of the store, if they have been listed.
        """
        cached_sizes = _sizes_in(self._cache.read())
        keys, unsound = set(), self._not_files()
        for path, size in (self._files.sizes(layout.RESULTS) if sizes is None else sizes).items():
            key = layout.parse_record_path(path)
            if key is None or path != layout.record_path(key):
                continue
            cached_size = cached_sizes.get(layout.record_file(key))  # None: not cached, or by an early version
            if (problem := self._problem(path, size, cached_size)) is None:
                keys.add(key)
            else:
                unsound[path] = problem.line
        return keys, unsound

    def read_all(self) -> AllRecords:
        """Every record: the consolidated ones from one file, the others from their own."""
        sizes = self._sizes()
        cached = self._cache.read()
        in_cache: set[str] = set()
        rows = zip(*(cached.column(name).to_pylist() for name in ("file", "file_size", "schema_version")), strict=True)
        current = []
        for file, size, version in rows:
            usable = size is not None and sizes.get(file) == size and version <= SCHEMA_VERSION
            current.append(usable and file not in in_cache)
            in_cache |= {file} if usable else set()
        if not all(current):
            cached = cached.filter(pa.array(current, pa.bool_()))
        tables, unreadable = [cached.select(SCHEMA.names)], self._not_files()
        paths = [f"{layout.RESULTS}/{file}" for file in sorted(sizes) if file not in in_cache]
        for begin in range(0, len(paths), _AT_ONCE):
            some, damaged = self._parsed(paths[begin : begin + _AT_ONCE], self._data, parse_records)
            tables.append(some)
            unreadable |= damaged
        return AllRecords(_in_order(tables), unreadable)

    def _parsed(
        self,
        paths: list[str],
        read: Callable[[str], bytes],
        parse: Callable[[Mapping[str, bytes]], tuple[pa.Table, dict[str, CorruptFile]]],
    ) -> tuple[pa.Table, dict[str, str]]:
        """The rows in these files, and why others cannot be read (path: reason).

        Only reading waits for other machines, so only that is done in threads: unpacking is quicker in one.
        """
        contents = dict(zip(paths, map_paths(partial(read_or_error, read), paths), strict=True))
        unread = {path: error for path, error in contents.items() if isinstance(error, CorruptFile)}
        table, damaged = parse({path: data for path, data in contents.items() if not isinstance(data, CorruptFile)})
        return table, {path: str(error) for path, error in (unread | damaged).items()}

    def read(self, path: str) -> pa.Table:
        """The one row of a record's file, with its details: null if they are apart.

        Raises FileNotFoundError, and CorruptFile if it is not a record.
        """
        return parse_whole_record(path, self._data(path))

    def detail(self, key: RecordKey) -> dict[str, Any]:
        """The layers and the learning curve that belong to a record. Raises CorruptFile."""
        whole = self.whole(key)
        return {name: whole[name] for name in DETAIL_SCHEMA.names}

    def whole(self, key: RecordKey) -> dict[str, Any]:
        """A record with its details, in one file or two. Raises CorruptFile, also if one is missing."""
        path = layout.record_path(key)
        table = parse_whole_record(path, self._detail_data(path))
        [row] = table.to_pylist()
        return dict(row) | (self.detail_apart(key) if has_details_apart(table) else {})

    def detail_apart(self, key: RecordKey) -> dict[str, Any]:
        """The details in the file that records before schema 3 have next to them. Raises CorruptFile."""
        path = layout.detail_path(key)
        [row] = parse_detail(path, self._detail_data(path)).to_pylist()
        return dict(row)

    def details(self, keys: list[RecordKey]) -> AllRecords:
        """The details of some records, each with its trial, step and evaluation, and those that cannot be read."""
        paths = [layout.record_path(key) for key in keys]
        table, damaged = self._parsed(paths, self._detail_data, parse_details)
        layers = table.column("layers")
        apart = [layout.detail_path(key) for key in record_keys(table.filter(layers.is_null()))]
        older, damaged_older = self._parsed(apart, self._detail_data, parse_details)
        return AllRecords(pa.concat_tables([table.filter(layers.is_valid()), older]), damaged | damaged_older)

    def conflicts(self) -> list[str]:
        """The file names of records that differ from the one published for their stop."""
        return self._files.names(layout.CONFLICTS)

    def consolidate(self) -> None:
        """Write all records into one file, for quick reading. Safe at any time; the records themselves stay."""
        table = self.read_all().table
        files = [layout.record_file(key) for key in record_keys(table)]
        sizes = self._sizes()
        self._cache.replace(_cached(table, files, [sizes.get(file) for file in files]))

    def consolidate_some(self, keys: Sequence[RecordKey], rows: Sequence[Row] = ()) -> None:
        """Add records to the consolidated ones: those with these keys, which are read, and these rows.

        Raises OSError and CorruptFile.
        """
        paths = [layout.record_path(key) for key in keys]
        data = map_paths(self._data, paths)
        table = pa.concat_tables([SCHEMA.empty_table(), *map(parse_record, paths, data)])
        table = _cached(table, [layout.record_file(key) for key in keys], list(map(len, data)))
        self._cache.extend(pa.concat_tables([table, pa.Table.from_pylist(list(rows), schema=table.schema)]))

    def _sizes(self) -> dict[str, int]:
        """Bytes of each record's file, by file name."""
        sizes = self._files.sizes(layout.RESULTS).items()
        keys = ((layout.parse_record_path(path), size) for path, size in sizes)
        return {layout.record_file(key): size for key, size in keys if key is not None}

    def _entries(self) -> Iterable[tuple[str, str]]:
        """Path and kind of everything in the folder of the records."""
        return ((f"{layout.RESULTS}/{name}", kind) for name, kind in self._files.kinds(layout.RESULTS).items())

    def _not_files(self) -> dict[str, str]:
        """Whatever has the name of a record but is a folder, a link or the like (path: reason)."""
        return {
            path: CorruptFile(path, f"is a {kind}, not a file").line
            for path, kind in self._entries()
            if kind != "file" and layout.parse_record_path(path) is not None
        }

    def _problem(self, path: str, size: int, cached_size: int | None) -> CorruptFile | None:
        """What is wrong with a record's file, as its size tells, or its last bytes where no earlier size is known."""
        try:
            seems_whole = size == cached_size if cached_size is not None else self._ends_well(path)
        except OSError as error:
            return read_failure(path, error)
        return None if seems_whole else CorruptFile(path, "is not the record that was written")

    def _ends_well(self, path: str) -> bool:
        return self._files.tail(path, len(_PARQUET_END)) == _PARQUET_END

    def _data(self, path: str) -> bytes:
        """The bytes of a record's file. Raises FileNotFoundError and CorruptFile."""
        try:
            return self._files.read(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise read_failure(path, error) from error

    def _detail_data(self, path: str) -> bytes:
        """The bytes of a record's details, which are damaged if they are missing. Raises CorruptFile."""
        try:
            return self._files.read(path)
        except OSError as error:
            raise read_failure(path, error) from error


def _in_order(tables: list[pa.Table]) -> pa.Table:
    """The records of several tables, by trial and step."""
    return pa.concat_tables(tables).sort_by([("trial", "ascending"), ("step", "ascending")])


def _cached(table: pa.Table, files: list[str], sizes: list[int | None]) -> pa.Table:
    """Records as the cache has them, with the names and sizes of their files."""
    table = table.append_column("file", pa.array(files, pa.string()))
    return table.append_column("file_size", pa.array(sizes, pa.int64()))


def _row(record: dict[str, Any], key: RecordKey, size: int) -> Row:
    times = {name: _microseconds(value) for name, value in record.items() if isinstance(value, datetime)}
    return record | times | {"file": layout.record_file(key), "file_size": size}


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _sizes_in(cache: pa.Table) -> dict[str, int | None]:
    return dict(zip(cache.column("file").to_pylist(), cache.column("file_size").to_pylist(), strict=True))
