"""The labels of Parquet files: columns of any type, and the class names of Hugging Face's ClassLabel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from workers.data.files.labels import ClassNumbers, Labels, number_classes, read_labels, unknown_classes
from workers.data.files.parquet_table import read_column, read_schema
from workers.errors import InputError


def read_classes(train_files: Sequence[Path], test_files: Sequence[Path], column: str) -> ClassNumbers:
    """The classes of all rows of some files; without test files, of the training rows alone.

    With ClassLabel names, the classes are those of the first training file, and other files are mapped by name. Else
    they are the sorted distinct labels of the training rows. Raises InputError for labels that do not fit.
    """
    names = _names(train_files[0], column)
    where = f"column `{column}`"
    if names:
        train, test = (_by_name(files, column, names) for files in (train_files, test_files))
        _check_named(train, names, f"training labels in {where}")
        _check_named(test, names, f"test labels in {where}")
        return ClassNumbers(train, test, len(names), names)
    labels = _column(train_files, column)
    test_labels = _column(test_files, column) if test_files else labels.slice(0, 0)
    return number_classes(labels, test_labels, where)


def _column(files: Sequence[Path], column: str) -> pa.ChunkedArray:
    parts = [read_labels(read_column(file, column), f"column `{column}` of {file}") for file in files]
    kind = parts[0].type
    return pa.chunked_array([chunk for part in parts for chunk in part.cast(kind).chunks], kind)


def _names(file: Path, column: str) -> list[str]:
    """The names of a whole-number column's classes in the description that Hugging Face writes into a file."""
    schema = read_schema(file)
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None or not pa.types.is_integer(schema.field(column).type):
        return []
    try:
        return [str(name) for name in json.loads(text)["info"]["features"][column]["names"]]
    except (ValueError, KeyError, TypeError):
        return []


def _by_name(files: Sequence[Path], column: str, names: list[str]) -> Labels:
    """The labels of some files, renumbered where a file lists the same names in another order."""
    parts = [np.empty(0, np.int64)]
    for file in files:
        labels = _numbers(_column([file], column), names, f"column `{column}` of {file}")
        theirs = _names(file, column)
        if theirs and theirs != names:
            labels = _renumbered(labels, theirs, names, file)
        parts.append(labels)
    return np.concatenate(parts)


def _numbers(labels: pa.ChunkedArray, names: list[str], where: str) -> Labels:
    """Labels that are numbers of classes or their names, as numbers. Raises InputError for others."""
    if pa.types.is_integer(labels.type):
        return np.asarray(labels.to_numpy(), np.int64)
    texts = labels.to_pylist()
    if lacking := sorted({str(text) for text in texts} - set(names)):
        raise unknown_classes(lacking, where)
    return np.array([names.index(text) for text in texts], np.int64)


def _renumbered(labels: Labels, theirs: list[str], names: list[str], file: Path) -> Labels:
    used = np.unique(labels)
    lacking = [theirs[label] for label in used if 0 <= label < len(theirs) and theirs[label] not in names]
    if lacking:
        raise unknown_classes(sorted(lacking), str(file))
    table = np.array([names.index(name) if name in names else -1 for name in theirs], np.int64)
    inside = (labels >= 0) & (labels < len(theirs))
    return np.where(inside, table[np.where(inside, labels, 0)], labels)


def _check_named(labels: Labels, names: list[str], where: str) -> None:
    if not len(labels) or (labels.min() >= 0 and labels.max() < len(names)):
        return
    if (labels == -1).all():
        raise InputError(
            f"{where} are all -1: this part has no labels",
            hint="choose another part with `train_split` or `test_split`, such as `test_split: validation`",
        )
    raise InputError(
        f"{where} must be from 0 to {len(names) - 1} ({len(names)} classes), not from {labels.min()} to {labels.max()}",
        hint="remove the other rows, or set another `label_column`",
    )
