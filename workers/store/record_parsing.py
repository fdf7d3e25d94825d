"""Records and their details from the bytes of their files, which may hold anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from workers.errors import CorruptFile, NewerFile
from workers.store import layout
from workers.store.checksummed import from_parquet
from workers.store.layout import RecordKey
from workers.store.record import DETAIL_SCHEMA, FORMER_NAMES, IMPLIED, SCHEMA, SCHEMA_VERSION, whole_schema

KEY = RecordKey._fields
"""The columns that name a record."""


def record_keys(table: pa.Table) -> list[RecordKey]:
    """What names the record of each row; the table has the columns `KEY`."""
    columns = (table.column(name).to_pylist() for name in KEY)
    return [RecordKey(*key) for key in zip(*columns, strict=True)]


def parse_record(path: str, data: bytes) -> pa.Table:
    """The one row of a record's file, without its details, from its bytes. Raises CorruptFile."""
    return _checked(path, _row_of(path, data, SCHEMA))


def parse_whole_record(path: str, data: bytes) -> pa.Table:
    """The one row of a record's file, with its details, from its bytes. Raises CorruptFile."""
    return _checked(path, _row_of(path, data, whole_schema()))


def _checked(path: str, row: pa.Table) -> pa.Table:
    for problem in _problems([path], row).values():
        raise problem
    return row


def parse_records(contents: Mapping[str, bytes]) -> tuple[pa.Table, dict[str, CorruptFile]]:
    """The rows of many records' files, from their bytes by path, and what is wrong with the other files."""
    table, paths, damaged = _rows(contents, SCHEMA)
    problems = _problems(paths, table)
    return table.filter(pa.array([path not in problems for path in paths], pa.bool_())), damaged | problems


def _rows(contents: Mapping[str, bytes], schema: pa.Schema) -> tuple[pa.Table, list[str], dict[str, CorruptFile]]:
    """The rows of files that have one each, the paths of these files, and what is wrong with the others."""
    rows = {path: _try_row(path, data, schema) for path, data in contents.items()}
    damaged = {path: row for path, row in rows.items() if isinstance(row, CorruptFile)}
    paths = [path for path in rows if path not in damaged]
    return pa.concat_tables([schema.empty_table(), *(rows[path] for path in paths)]).combine_chunks(), paths, damaged


def _try_row(path: str, data: bytes, schema: pa.Schema) -> pa.Table | CorruptFile:
    try:
        return _row_of(path, data, schema)
    except CorruptFile as error:
        return error


def _row_of(path: str, data: bytes, schema: pa.Schema) -> pa.Table:
    """The one row in the bytes of a file, whatever it says. Raises CorruptFile."""
    table = from_parquet(path, data, schema, FORMER_NAMES, IMPLIED)
    if table.num_rows != 1:
        raise CorruptFile(path, f"has {table.num_rows} rows instead of one")
    return table


def _problems(paths: Sequence[str], table: pa.Table) -> dict[str, CorruptFile]:
    """What is wrong with the records in these files, each of which has one row of the table."""
    columns = (table.column(name).to_pylist() for name in ("schema_version", *KEY))
    rows = zip(paths, *columns, strict=True)
    problems = {path: _problem(path, version, RecordKey(*key)) for path, version, *key in rows}
    return {path: problem for path, problem in problems.items() if problem is not None}


def _problem(path: str, version: int, key: RecordKey) -> CorruptFile | None:
    if version > SCHEMA_VERSION:
        return NewerFile(path, f"has schema version {version}; this prunesweep reads up to {SCHEMA_VERSION}")
    if layout.parse_record_path(path) != key:
        return CorruptFile(path, "its name and its content give different stops")
    return None


def has_details_apart(table: pa.Table) -> bool:
    """Whether the one row of a record's file is of a version that kept details in a separate file."""
    return table.column("layers").null_count > 0


def parse_detail(path: str, data: bytes) -> pa.Table:
    """The one row of the details of a record, from the bytes of the file that has them. Raises CorruptFile."""
    return _row_of(path, data, DETAIL_SCHEMA)


def parse_details(contents: Mapping[str, bytes]) -> tuple[pa.Table, dict[str, CorruptFile]]:
    """The details of many records, each with the key of its record, and what is wrong with the other files."""
    table, paths, damaged = _rows(contents, DETAIL_SCHEMA)
    keys = [layout.parse_record_path(path) for path in paths]
    for name, kind in zip(KEY, (pa.string(), pa.int64(), pa.string()), strict=True):
        table = table.append_column(name, pa.array([getattr(key, name) for key in keys], kind))
    return table, damaged
