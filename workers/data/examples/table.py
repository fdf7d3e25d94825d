"""Rows of numbers and categories in a CSV or Parquet file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from workers.data.examples.arrays import Arrays
from workers.data.examples.columns import (
    CategoryColumn,
    Column,
    categories_note,
    counts_rows,
    encoded,
    fitted,
    is_category_type,
    is_number,
    values_of,
)
from workers.data.files.csv_table import read_csv
from workers.data.files.labels import number_classes, read_labels
from workers.data.files.parquet_table import damaged
from workers.data.stratified import check_one_way, split_test
from workers.errors import InputError
from workers.registry import closest
from workers.text import plural

_TARGET_TYPES = ("number", "class")
_PARTS = ("train", "validation", "test")


class _Targets(NamedTuple):
    """The targets of each part, and the names of the classes (empty: numbers, or classes that are numbers)."""

    by_part: dict[str, Tensor]
    class_names: list[str]


def table(
    *,
    path: str,
    target: str,
    target_type: str | None = None,
    test_path: str | None = None,
    split: Mapping[str, Any] | None = None,
    split_column: str | None = None,
    columns: Sequence[str] | None = None,
    leave_out: Sequence[str] = (),
    categories: Sequence[str] = (),
) -> Arrays:
    """The rows of the CSV or Parquet file `path`, of which column `target` is to be predicted from the others.

    Numbers are scaled to mean 0 and standard deviation 1 over the training rows, and a missing one becomes the mean;
    of a column of text, or one in `categories`, each category becomes an input of 0 and 1. Targets stay as they are:
    numbers (float32), or classes if they are text or true and false; `target_type` says which if they are whole
    numbers. The test rows are those of `test_path`; or a share that `split` sets aside (see
    `workers.data.stratified`); or those whose `split_column` says `test`, which may also say `validation`.
    Raises InputError for a table or a column that does not fit, BadInput for a damaged table.
    """
    check_one_way({"test_path": test_path, "split": split, "split_column": split_column})
    whole = _read(path)
    names = _used(whole, path, target, columns, [*leave_out, *([split_column] if split_column else [])])
    kind = _target_type(whole, path, target, target_type)
    if split is None:
        parts = _named_parts(whole, path, test_path, split_column)
    else:
        parts = _set_aside(whole, _stratified(whole, path, target, kind), split)
    targets = _targets(parts, path, target, kind)
    fits = {name: fitted(name, values_of(parts["train"], name), name in categories) for name in names}
    kept = [column for column in fits.values() if column is not None]
    if not kept:
        raise InputError(f"`{path}` has no column that differs between training rows", hint="name others in `columns`")
    inputs = {part: torch.from_numpy(encoded(kept, rows)) for part, rows in parts.items()}
    return Arrays(
        train_inputs=inputs["train"],
        train_targets=targets.by_part["train"],
        test_inputs=inputs["test"],
        test_targets=targets.by_part["test"],
        validation_inputs=inputs.get("validation"),
        validation_targets=targets.by_part.get("validation"),
        noun="row",
        class_names=tuple(targets.class_names),
        notes=tuple(_notes(fits, kept, parts)),
    )


def _read(path: str) -> pa.Table:
    if not os.path.isfile(path):
        raise InputError(f"table not found: `{path}`", hint="relative paths begin in the current directory")
    if not path.endswith((".parquet", ".pq")):
        return read_csv(path, rows="numbers and categories, and the first line the names of the columns")
    try:
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from error


def _used(
    whole: pa.Table, path: str, target: str, columns: Sequence[str] | None, leave_out: Sequence[str]
) -> list[str]:
    """The columns to predict from."""
    for name in (target, *(columns or ()), *leave_out):
        if name not in whole.column_names:
            raise InputError(f"column not found in `{path}`: `{name}`", hint=closest(name, whole.column_names))
    wanted = whole.column_names if columns is None else list(columns)
    return [name for name in wanted if name != target and name not in leave_out]


def _stratified(whole: pa.Table, path: str, target: str, kind: str) -> list[int]:
    """The class of each row, of which the test set gets a share of each; of numbers to predict, there is one class."""
    where = f"column `{target}` of `{path}`"
    values = read_labels(whole.column(target), where)
    return number_classes(values, values, where, "row").train.tolist() if kind == "class" else [0] * len(whole)


def _set_aside(whole: pa.Table, classes: Sequence[int], split: Mapping[str, Any]) -> dict[str, pa.Table]:
    train, test = split_test([str(row) for row in range(len(whole))], classes, split, "row")
    return {"train": whole.take(pa.array(train)), "test": whole.take(pa.array(test))}


def _named_parts(whole: pa.Table, path: str, test_path: str | None, split_column: str | None) -> dict[str, pa.Table]:
    if test_path is not None:
        test = _read(test_path)
        if lacking := [name for name in whole.column_names if name not in test.column_names]:
            raise InputError(f"`{test_path}` must have the columns of `{path}`, but lacks `{lacking[0]}`")
        return {"train": whole, "test": test}
    if split_column is None:
        raise InputError(
            f"`{path}` does not say which rows are for the test",
            hint="set aside a part with `split: {test: 20%, seed: 0}`, or name a second table with `test_path`, or a "
            "column that says `train` or `test` with `split_column`",
        )
    said = [str(value) for value in values_of(whole, split_column).to_pylist()]
    rows = {part: [row for row, name in enumerate(said) if name == part] for part in _PARTS}
    if unknown := sorted(set(said) - set(_PARTS)):
        raise InputError(
            f"`{split_column}` of `{path}` must say `train`, `validation` or `test`: {', '.join(unknown[:5])}"
        )
    for part in ("train", "test"):
        if not rows[part]:
            raise InputError(f"`{split_column}` of `{path}` names no row `{part}`")
    return {part: whole.take(pa.array(numbers)) for part, numbers in rows.items() if numbers}


def _target_type(whole: pa.Table, path: str, target: str, given: str | None) -> str:
    kind = values_of(whole, target).type
    if given is not None:
        if given not in _TARGET_TYPES:
            raise InputError(f"`target_type` must be `number` or `class`: {given}")
        if given == "number" and not is_number(kind):
            raise InputError(
                f"column `{target}` of `{path}` does not hold numbers: {kind}", hint="use `target_type: class`"
            )
        return given
    if is_category_type(kind) or pa.types.is_boolean(kind):
        return "class"
    if pa.types.is_integer(kind):
        raise InputError(
            f"column `{target}` of `{path}` has whole numbers, which may be classes or numbers to predict",
            hint="add `target_type: class` or `target_type: number`",
        )
    return "number"


def _targets(parts: Mapping[str, pa.Table], path: str, target: str, kind: str) -> _Targets:
    where = f"column `{target}` of `{path}`"
    values = {part: read_labels(rows.column(target), where) for part, rows in parts.items()}
    if kind == "number":
        numbers = {part: column.cast(pa.float64()).to_numpy().astype(np.float32) for part, column in values.items()}
        return _Targets({part: torch.from_numpy(array) for part, array in numbers.items()}, [])
    tested = {part: number_classes(values["train"], column, where, "row") for part, column in values.items()}
    return _Targets({part: torch.from_numpy(tested[part].test) for part in values}, tested["train"].names)


def _notes(fits: Mapping[str, Column | None], kept: Sequence[Column], parts: Mapping[str, pa.Table]) -> list[str]:
    notes = categories_note(kept)
    if constant := [name for name, column in fits.items() if column is None]:
        notes.append(f"columns left out, with one value in all training rows: {', '.join(constant)}")
    for column in kept:
        if counts_rows(values_of(parts["train"], column.name)):
            notes.append(f"column `{column.name}` seems to number the rows: leave it out with `leave_out`")
        if isinstance(column, CategoryColumn) and (count := column.unknown(values_of(parts["test"], column.name))):
            notes.append(f"{plural(count, 'test row')} with a category of `{column.name}` that no training row has")
    return notes
