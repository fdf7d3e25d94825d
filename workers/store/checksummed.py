"""Tables and JSON files as a store writes them: with a checksum.

Parquet can have checksums of its pages, but its footer has none: a flipped bit there can rename a column. So the
footer holds the SHA-256 of the whole file, taken with zeros in its place.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workers.errors import CorruptFile
from workers.trial import digest

_SEAL = b"sha256:"
_BLANK = b"0" * 64
_UNREADABLE = (pa.ArrowException, OSError, ValueError, MemoryError)


def to_parquet(table: pa.Table) -> bytes:
    """A table as a Parquet file with its checksum."""
    sink = io.BytesIO()
    compact = {"use_dictionary": False, "write_statistics": False}  # most files have one row: a third of the size
    with pq.ParquetWriter(sink, table.schema, compression="snappy", store_schema=False, **compact) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({b"checksum": _SEAL + _BLANK})
    head, tail = _around_seal(sink.getvalue())
    return head + _digest(head, tail) + tail


def from_parquet(
    path: str,
    data: bytes,
    schema: pa.Schema | None = None,
    former_names: Mapping[str, Sequence[str]] | None = None,
    implied: Mapping[str, Any] | None = None,
) -> pa.Table:
    """A table that `to_parquet` wrote. Raises CorruptFile for anything else.

    With a schema, the table has its columns: those of a later version are dropped, and those that an earlier version
    lacked have the value that it `implied`, or are null, unless it had them under one of their `former_names`.
    """
    try:
        head, tail = _around_seal(data)
        if head + _digest(head, tail) + tail != data:
            raise CorruptFile(path, "its checksum does not match its content")
        file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)  # pq.read_table would import pandas: 0.4 s
        table = file.read(_columns(file, schema, former_names or {}), use_threads=False)
        if schema is None or table.schema.equals(schema):
            return table
        columns = [_column(table, field, former_names or {}, implied or {}) for field in schema]
        return pa.table(columns, names=schema.names).cast(schema)
    except _UNREADABLE as error:
        raise CorruptFile(path, f"not a table of prunesweep: {_first_line(error)}") from error


def _columns(
    file: pq.ParquetFile, schema: pa.Schema | None, former_names: Mapping[str, Sequence[str]]
) -> list[str] | None:
    """The columns to read; None for all."""
    if schema is None:
        return None
    wanted = {*schema.names, *chain.from_iterable(former_names.values())}
    return [name for name in file.schema_arrow.names if name in wanted]


def _column(
    table: pa.Table, field: pa.Field, former_names: Mapping[str, Sequence[str]], implied: Mapping[str, Any]
) -> Any:
    for name in (field.name, *former_names.get(field.name, ())):
        if name in table.column_names:
            return table.column(name)
    return pa.array([implied.get(field.name)] * table.num_rows, field.type)


def _around_seal(data: bytes) -> tuple[bytes, bytes]:
    """The bytes before and after the digits of the checksum. Raises ValueError if it has no checksum."""
    begin = data.rindex(_SEAL) + len(_SEAL)
    return data[:begin], data[begin + len(_BLANK) :]


def _digest(head: bytes, tail: bytes) -> bytes:
    return hashlib.sha256(head + _BLANK + tail).hexdigest().encode()


def to_json(data: dict[str, Any]) -> bytes:
    """JSON with its checksum."""
    return json.dumps(data | {"checksum": _json_checksum(data)}, indent=1, sort_keys=True).encode()


def from_json(path: str, data: bytes) -> dict[str, Any]:
    """What `to_json` wrote. Raises CorruptFile for anything else."""
    try:
        content = json.loads(data)
        checksum = content.pop("checksum")
        expected = _json_checksum(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptFile(path, f"not a file of prunesweep: {_first_line(error)}") from error
    if checksum != expected:
        raise CorruptFile(path, "its checksum does not match its content")
    return dict(content)


def _json_checksum(data: dict[str, Any]) -> str:
    return digest(json.loads(json.dumps(data)))  # as it reads back: keys become text, tuples lists


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
