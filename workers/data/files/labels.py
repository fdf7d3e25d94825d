"""Labels of any type as class numbers: the sorted distinct values of the training images are the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workers.data.files.damage import listed
from workers.errors import InputError
from workers.text import cut, plural, several

Labels = np.ndarray[tuple[int], np.dtype[np.int64]]


_MISSING = ["", "nan", "null"]
"""What tables write where a label is missing."""


class ClassNumbers(NamedTuple):
    """Class numbers of training and test images, how many classes there are, and their names (empty: numbers)."""

    train: Labels
    test: Labels
    classes: int
    names: list[str]


def is_label(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type can be labels: numbers, text, its bytes, dates, and dictionaries of them."""
    if pa.types.is_dictionary(kind):
        return is_label(kind.value_type)
    return not (pa.types.is_nested(kind) or pa.types.is_null(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds bytes, such as those of an image."""
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def plain(values: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Values without their dictionary encoding, in a type that Arrow can count and select; bytes as text.

    `where` names column and file. Raises InputError for bytes that are not UTF-8.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_string_view(values.type):
        return values.cast(pa.large_string())
    if is_bytes(values.type):
        return _decoded(values, where)
    return values.cast(pa.float32()) if pa.types.is_float16(values.type) else values


def _decoded(values: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Bytes as text; those of a fixed size end at the zero bytes that fill them up."""
    try:
        texts = values.cast(pa.large_string())
    except pa.ArrowInvalid:
        rows = ((row, value.as_py()) for row, value in enumerate(values))  # one at a time: they may be images
        row, value = next((row, value) for row, value in rows if not _is_text(value))
        raise InputError(
            f"{where}, row {row}: bytes must be text in UTF-8: {cut(repr(value), 60)}",
            hint="write the values as text or numbers, or name another column",
        ) from None
    return pc.utf8_rtrim(texts, characters="\0") if pa.types.is_fixed_size_binary(values.type) else texts


def _is_text(value: bytes | None) -> bool:
    try:
        return value is None or value.decode() is not None
    except UnicodeDecodeError:
        return False


def read_labels(values: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """The labels of a column as `plain` gives them. `where` names column and file.

    Raises InputError for rows without a label (null, not a number, empty, `NaN`).
    """
    values = plain(values, where)
    missing = values.null_count
    if pa.types.is_floating(values.type):
        missing += pc.sum(pc.is_nan(values)).as_py() or 0
    if _kind(values.type) == "text":
        texts = pc.utf8_lower(pc.utf8_trim_whitespace(values))
        missing += pc.sum(pc.is_in(texts, pa.array(_MISSING, texts.type))).as_py() or 0
    if missing:
        raise InputError(
            f"{where} has rows without a label: {missing:,}", hint="remove these rows, or name another column"
        )
    return values


def number_classes(train: pa.ChunkedArray, test: pa.ChunkedArray, where: str, noun: str = "image") -> ClassNumbers:
    """The class numbers of training and test labels, and the names of the classes.

    The names are empty if the labels are whole numbers from 0 without gaps. `where` names the labels in errors, and
    `noun` what has one. Raises InputError for test labels that no training image has.
    """
    values = sorted(train.unique().to_pylist())
    _check_type(train.type, test.type, where)
    numbers = _numbers(train, values, train.type), _numbers(test, values, train.type)
    if (numbers[1] < 0).any():
        lacking = sorted(set(test.unique().to_pylist()) - set(values))
        raise unknown_classes(class_names(lacking), where, noun)
    names = [] if values == list(range(len(values))) and pa.types.is_integer(train.type) else class_names(values)
    return ClassNumbers(*numbers, len(values), names)


def class_names(values: Sequence[Any]) -> list[str]:
    """Distinct labels as text; whole numbers without a decimal point."""
    return [str(value).removesuffix(".0") if isinstance(value, float) else str(value) for value in values]


def unknown_classes(names: Sequence[str], where: str, noun: str = "image") -> InputError:
    """The error for labels of test images that no training image has."""
    hint = f"remove these {several(noun)}"
    if noun == "image":
        hint += ", or choose the parts with `train_split` and `test_split`"
    if names == ["-1"]:
        hint = "-1 usually means a part without labels: choose another, for example `test_split: validation`"
    count = "a label" if len(names) == 1 else plural(len(names), "label")
    message = f"{where} of the test {several(noun)} has {count} that no training {noun} has:\n{listed(names)}"
    return InputError(message, hint=hint)


def _check_type(train: pa.DataType, test: pa.DataType, where: str) -> None:
    if _kind(train) != _kind(test):
        raise InputError(
            f"{where} must hold one type of label, not {train} in training and {test} in test images",
            hint="write the labels of both parts in the same way",
        )


def _kind(kind: pa.DataType) -> str:
    """Types whose values can be compared have one name."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return "number" if is_number else str(kind)


def _numbers(labels: pa.ChunkedArray, values: list[Any], kind: pa.DataType) -> Labels:
    """The position of each label among some values, -1 where it is none of them."""
    positions = {value: position for position, value in enumerate(values)}
    own = labels.unique().to_pylist()
    table = np.array([positions.get(value, -1) for value in own], np.int64)
    encoded = pc.index_in(labels, value_set=pa.array(own, labels.type))
    return np.asarray(table[encoded.to_numpy()], np.int64)
