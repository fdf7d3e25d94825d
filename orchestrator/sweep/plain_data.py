"""Reading the plain data of a sweep file before they are checked: what is malformed counts as not given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.sweep.fields import LARGEST
from orchestrator.sweep.problems import KeyPath


def items_at(path: KeyPath, mapping: Mapping[str, Any]) -> list[tuple[KeyPath, Any]]:
    """The value under the last key of a path, or each value of a list, with its key path; none without a value."""
    value = mapping.get(str(path[-1]))
    if isinstance(value, list):
        return [((*path, index), item) for index, item in enumerate(value)]
    return [] if value is None else [(path, value)]


def words_at(path: KeyPath, mapping: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """Those of `items_at` that are text."""
    return [(place, item) for place, item in items_at(path, mapping) if isinstance(item, str)]


def mappings_at(path: KeyPath, mapping: Mapping[str, Any]) -> list[tuple[KeyPath, dict[str, Any]]]:
    """Those of `items_at` that are mappings."""
    return [(place, item) for place, item in items_at(path, mapping) if isinstance(item, dict)]


def count_at(mapping: object, key: str, most: int = LARGEST) -> int | None:
    """The whole number from 1 to `most` under a key, or None."""
    value = mapping.get(key) if isinstance(mapping, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most else None
