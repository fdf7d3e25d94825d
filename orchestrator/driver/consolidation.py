"""Consolidates records while a sweep runs, so that its tables and its status are read as quickly as afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from concurrent.futures import Future, wait
from functools import partial

from workers.errors import CorruptFile
from workers.store.layout import RecordKey, record_file
from workers.store.records import Records, Row
from workers.waiting import begin

MOST_APART = 8
"""How many records may lie only in their own files before they are consolidated."""

_PATIENCE_SECONDS = 10.0


class Consolidation:
    """Consolidates the records of trials that have ended, some at a time, in its own thread."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._apart: list[RecordKey] = []
        self._rows: dict[str, Row] = {}
        self._writing: Future[None] | None = None

    def hear(self, rows: Iterable[Row]) -> None:
        """Keep what workers tell of records that they have published: those need not be read."""
        self._rows |= {row["file"]: row for row in rows}

    def add(self, keys: Iterable[RecordKey]) -> None:
        """Take note of records that have been published."""
        self._apart += keys
        if len(self._apart) >= MOST_APART and (self._writing is None or self._writing.done()):
            rows = [self._rows.pop(record_file(key), None) for key in self._apart]
            unheard = [key for key, row in zip(self._apart, rows, strict=True) if row is None]
            heard = [row for row in rows if row is not None]
            self._writing = begin(partial(_consolidate, self._records, unheard, heard))
            self._apart = []

    def settle(self) -> None:
        """Wait for what is being written, for a while."""
        if self._writing is not None:
            wait([self._writing], _PATIENCE_SECONDS)


def _consolidate(records: Records, keys: list[RecordKey], rows: list[Row]) -> None:
    with contextlib.suppress(OSError, CorruptFile):  # they are still in their own files
        records.consolidate_some(keys, rows)
