"""The tables of simulated stores: what makes and reads them always does the same, so seeds share what was done once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import ModuleType
from typing import Any, TypeVar

import pyarrow as pa

from workers.store import checksummed, record, record_cache, record_parsing, records

T = TypeVar("T")


def replacements() -> dict[ModuleType, dict[str, Any]]:
    """What stands in for functions of the product's modules, by module and name: the same, each done once."""
    return {
        records: {
            "whole_table": _whole_table,
            "to_parquet": _to_parquet,
            "parse_records": _parse_records,
            "_in_order": _in_order,
        },
        record_cache: {"to_parquet": _to_parquet, "from_parquet": _from_parquet},
        record_parsing: {"from_parquet": _from_parquet},
    }


def _once(function: Callable[..., T], key: Callable[..., Hashable]) -> Callable[..., T]:
    """The results of a function, which depend only on the key of its arguments; nobody changes one."""
    results: dict[Hashable, T] = {}

    def remembered(*arguments: Any) -> T:
        name = key(*arguments)
        if name not in results:
            results[name] = function(*arguments)
        return results[name]

    return remembered


def _content(table: pa.Table) -> Hashable:
    """What a table holds; two schemas of the product differ in how many columns they have."""
    if table.column(0).num_chunks > 1:
        table = table.combine_chunks()
    return (table.num_columns, *(batch.serialize().to_pybytes() for batch in table.to_batches()))


_whole_table = _once(record.whole_table, lambda *rows: repr(rows))
_to_parquet = _once(checksummed.to_parquet, _content)
_parse_records = _once(record_parsing.parse_records, lambda contents: tuple(contents.items()))
_in_order = _once(records._in_order, lambda tables: tuple(map(_content, tables)))
_from_parquet = _once(checksummed.from_parquet, lambda path, data, schema, *_: (path, data, len(schema)))
