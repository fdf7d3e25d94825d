"""Columns of a table as numbers that a network can take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workers.data.examples.number_texts import first_other, misread
from workers.data.files.labels import plain
from workers.errors import InputError
from workers.text import plural

MOST_CATEGORIES = 100
"""Text with more distinct values is more likely a name or a sentence than a category."""

Features = np.ndarray[tuple[int, int], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """Numbers, with the mean 0 and the standard deviation 1 in training; a missing one becomes the mean.

    If numbers are missing in training, a second feature says where (1: missing).
    """

    name: str
    mean: float
    deviation: float
    may_miss: bool

    def encode(self, values: pa.ChunkedArray) -> Features:
        """Float32 (N, 1), or (N, 2) with what is missing."""
        numbers = _numbers(self.name, values)
        missing = np.isnan(numbers)
        scaled = np.where(missing, 0.0, (numbers - self.mean) / self.deviation)
        features = [scaled, missing] if self.may_miss else [scaled]
        return np.stack(features, 1).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """What `encode` needs to know."""
        return {"name": self.name, "mean": self.mean, "deviation": self.deviation, "marks_missing": self.may_miss}


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """Categories, each of the training's a feature that is 1 in its rows; others are 0 in all features."""

    name: str
    values: tuple[str, ...]

    def encode(self, values: pa.ChunkedArray) -> Features:
        """Float32 (N, number of categories)."""
        positions = pc.index_in(_texts(values), value_set=pa.array(self.values, pa.string()))
        numbers = positions.fill_null(-1).to_numpy()
        return (numbers[:, None] == np.arange(len(self.values))).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """What `encode` needs to know."""
        return {"name": self.name, "categories": list(self.values)}

    def unknown(self, values: pa.ChunkedArray) -> int:
        """How many rows have a category that no training row has."""
        return int((self.encode(values).sum(1) == 0).sum())


Column = NumberColumn | CategoryColumn


def fitted(name: str, values: pa.ChunkedArray, is_category: bool) -> Column | None:
    """How to encode a column, from its training rows; None if all of them have the same value or none.

    Raises InputError for a type that is neither numbers nor categories, and for too many categories.
    """
    if pa.types.is_null(values.type):
        return None
    if not is_category and is_number(values.type):
        numbers = _numbers(name, values)
        missing = np.isnan(numbers)
        present = numbers[~missing]
        with np.errstate(over="ignore"):
            deviation = float(present.std()) if len(present) else 0.0
        if not np.isfinite(deviation):
            raise InputError(f"the numbers of column `{name}` are too large", hint="write them in a larger unit")
        if deviation == 0 and not (missing.any() and len(present)):
            return None
        return NumberColumn(name, float(present.mean()), deviation or 1.0, bool(missing.any()))
    if not (is_category or is_category_type(values.type)):
        raise InputError(
            f"column `{name}` holds neither numbers nor categories: {values.type}",
            hint=f"leave it out with `leave_out: [{name}]`, or turn it into numbers before",
        )
    categories = sorted(_texts(values).unique().to_pylist())
    if len(categories) > MOST_CATEGORIES:
        raise InputError(
            f"column `{name}` has too many categories, of which each becomes an input: {len(categories):,}",
            hint=f"correct what is not a number: {odd}"
            if (odd := misread(values))
            else f"leave it out with `leave_out: [{name}]`, or group its values",
        )
    return CategoryColumn(name, tuple(categories)) if len(categories) > 1 else None


def encoded(columns: Sequence[Column], table: pa.Table, part: str) -> Features:
    """Float32 (N, features): the features of all columns, side by side. Raises InputError for values of another type.

    `part` says which rows these are.
    """
    for column in columns:
        check_type(column.name, values_of(table, column.name), part, numbers=isinstance(column, NumberColumn))
    return np.concatenate([column.encode(values_of(table, column.name)) for column in columns], 1)


def check_type(name: str, values: pa.ChunkedArray, part: str, *, numbers: bool) -> None:
    """Raise InputError unless the rows of a part hold numbers, or categories, as those of training do."""
    kind = values.type
    if pa.types.is_null(kind) or is_number(kind) or (is_category_type(kind) and not numbers):
        return
    what, other = ("numbers", first_other(values)) if numbers else ("categories", "")
    raise InputError(
        f"column `{name}` must hold {what} in {part} rows, as in training rows, not {other or kind}",
        hint="correct these values; leave empty those that are missing",
    )


def values_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column of a table in a type that can be computed with. Raises InputError for bytes that are not text."""
    return plain(table.column(name), f"column `{name}`")


def is_number(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds numbers, or true and false."""
    return (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )


def is_category_type(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def counts_rows(values: pa.ChunkedArray) -> bool:
    """Whether a column only tells rows apart: it numbers them, or has another text in each."""
    if values.null_count or len(values) < 3:
        return False
    if is_category_type(values.type):
        return len(values.unique()) == len(values)
    return pa.types.is_integer(values.type) and bool((np.diff(np.sort(values.to_numpy())) == 1).all())


def categories_note(columns: Sequence[Column]) -> list[str]:
    """A note of how many features there are, if any column has more than one."""
    wide = [f"{column.name} ({len(column.values)})" for column in columns if isinstance(column, CategoryColumn)]
    if not wide:
        return []
    count = plural(len(wide), "column")
    return [f"{count} of categories, each category an input: {', '.join(wide[:10])}{', …' if len(wide) > 10 else ''}"]


def _numbers(name: str, values: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Float64, NaN where a number is missing. Raises InputError for infinite numbers."""
    numbers = np.asarray(values.cast(pa.float64(), safe=False).to_numpy(), np.float64)
    if infinite := int(np.isinf(numbers).sum()):
        raise InputError(
            f"column `{name}` has infinite numbers: {infinite:,}", hint="leave them empty: missing ones become the mean"
        )
    return numbers


def _texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Categories as text; a missing one is the empty text."""
    return values.cast(pa.string()).fill_null("")
