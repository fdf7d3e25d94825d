"""Consolidated records: a cache in few files, which grows as a sweep runs and can be rebuilt at any time.

The records that were made since all of them were last in one file are in parts. A new part takes in those that are at
most three times as large, so that there are few: a bucket is read by few requests, and each record is written again a
few times.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from workers.crashpoints import crash_point
from workers.errors import CorruptFile
from workers.store import layout
from workers.store.checksummed import from_parquet, to_parquet
from workers.store.filesystems.files import Files
from workers.store.record import FORMER_NAMES, IMPLIED, SCHEMA

_CACHE_FORMER_NAMES = {"file_size": ("bytes", "size")}
"""Versions that know schema 3 do not use cached records without `bytes`, and those that know only schema 1 none without
`size`: so they never miss a renamed column."""


_GROWTH = 3


def _schema() -> pa.Schema:
    return SCHEMA.append(pa.field("file", pa.string())).append(pa.field("file_size", pa.int64()))


def _empty() -> pa.Table:
    return pa.Table.from_batches([], _schema())  # `empty_table` imports pandas, and makes an array of each column


class RecordCache:
    """The consolidated records of a store. Rows also have the name (`file`) and size (`file_size`) of its file."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def read(self) -> pa.Table:
        """Every consolidated record; one that is in two files is there twice."""
        try:
            paths = list(self._sizes())
        except PermissionError:
            paths = []  # another user's: it is only a cache
        tables = [self._read(path) for path in paths]
        return pa.concat_tables(tables or [_empty()]).combine_chunks()

    def extend(self, rows: pa.Table) -> None:
        """Add records, and merge parts that have become small by comparison."""
        data, merged = to_parquet(rows), []
        for path, size in sorted(self._sizes().items(), key=lambda item: item[1]):
            if path == layout.RECORD_CACHE or size > _GROWTH * len(data):
                continue
            rows = pa.concat_tables([self._read(path), rows]).combine_chunks()
            data = to_parquet(rows)
            merged.append(path)
        self._files.write(layout.record_cache_part(), data, durable=False)
        self._delete(merged)

    def replace(self, rows: pa.Table) -> None:
        """Write all records into one file, in place of all others."""
        parts = [path for path in self._sizes() if path != layout.RECORD_CACHE]
        crash_point("cache.before")
        self._files.write(layout.RECORD_CACHE, to_parquet(rows))
        self._delete(parts)
        crash_point("cache.after")

    def _delete(self, paths: list[str]) -> None:
        for path in paths:
            self._files.delete(path)

    def _sizes(self) -> Mapping[str, int]:
        sizes = self._files.sizes(layout.CACHE)
        return {path: size for path, size in sizes.items() if layout.is_record_cache(path)}

    def _read(self, path: str) -> pa.Table:
        try:
            names = FORMER_NAMES | _CACHE_FORMER_NAMES
            return from_parquet(path, self._files.read(path), _schema(), names, IMPLIED)
        except (CorruptFile, OSError):
            return _empty()  # missing or damaged: it is only a cache
