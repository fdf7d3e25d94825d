"""Rows of numbers and categories in a CSV or Parquet file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from workers.data.examples.arrays import Arrays
from workers.data.examples.columns import (
    CategoryColumn,
    Column,
    categories_note,
    check_type,
    counts_rows,
    encoded,
    fitted,
    is_category_type,
    is_number,
    values_of,
)
from workers.data.examples.facts import ExampleFacts
from workers.data.examples.number_texts import misread
from workers.data.examples.table_file import read_table
from workers.data.files.labels import number_classes, read_labels
from workers.data.stratified import check_one_way, split_test
from workers.errors import InputError
from workers.registry import closest
from workers.text import plural

_TARGET_TYPES = ("number", "class")
_PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows(Arrays):
    """The rows of a table, of whose `columns` the inputs were made, in this order."""

    columns: tuple[Column, ...]

    def facts(self) -> ExampleFacts:
        return dataclasses.replace(Arrays.facts(self), columns=tuple(column.to_json() for column in self.columns))


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
    whole, declared, read_notes = read_table(path)
    names = _used(whole, path, target, columns, [*leave_out, *([split_column] if split_column else [])], categories)
    kind = _target_type(whole, path, target, target_type or ("class" if target in declared else None))
    if split is None:
        parts = _named_parts(whole, path, test_path, split_column)
    else:
        parts = _set_aside(whole, _stratified(whole, path, target, kind), split)
    targets = _targets(parts, path, target, kind)
    are_categories = {*categories, *declared}
    fits = {name: fitted(name, values_of(parts["train"], name), name in are_categories) for name in names}
    kept = [column for column in fits.values() if column is not None]
    if not kept:
        raise InputError(f"`{path}` has no column that differs between training rows", hint="name others in `columns`")
    inputs = {part: torch.from_numpy(encoded(kept, rows, part)) for part, rows in parts.items()}
    return _Rows(
        train_inputs=inputs["train"],
        train_targets=targets.by_part["train"],
        test_inputs=inputs["test"],
        test_targets=targets.by_part["test"],
        validation_inputs=inputs.get("validation"),
        validation_targets=targets.by_part.get("validation"),
        noun="row",
        class_names=tuple(targets.class_names),
        notes=(*read_notes, *_notes(fits, kept, whole, parts)),
        columns=tuple(kept),
    )


def _used(
    whole: pa.Table,
    path: str,
    target: str,
    columns: Sequence[str] | None,
    leave_out: Sequence[str],
    categories: Sequence[str],
) -> list[str]:
    """The columns to predict from."""
    for name in (target, *(columns or ()), *leave_out, *categories):
        if name not in whole.column_names:
            raise InputError(f"column not found in `{path}`: `{name}`", hint=closest(str(name), whole.column_names))
    wanted = whole.column_names if columns is None else list(columns)
    names = [name for name in wanted if name != target and name not in leave_out]
    for name in categories:
        if name not in names:
            raise InputError(
                f"`categories` names a column that is not an input: `{name}`", hint="remove it from `categories`"
            )
    return names


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
        test = read_table(test_path).rows
        if lacking := [name for name in whole.column_names if name not in test.column_names]:
            raise InputError(
                f"`{test_path}` must have the columns of `{path}`, but lacks `{lacking[0]}`",
                hint="add it; columns that are left out may be empty",
            )
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
            f"`{split_column}` of `{path}` must say `train`, `validation` or `test`: {', '.join(unknown[:5])}",
            hint="write one of these words in each row, in lower case",
        )
    for part in ("train", "test"):
        if not rows[part]:
            raise InputError(f"`{split_column}` of `{path}` names no row `{part}`", hint=f"name some rows `{part}`")
    return {part: whole.take(pa.array(numbers)) for part, numbers in rows.items() if numbers}


def _target_type(whole: pa.Table, path: str, target: str, given: str | None) -> str:
    values, where = values_of(whole, target), f"column `{target}` of `{path}`"
    kind = values.type
    if given not in (None, *_TARGET_TYPES):
        raise InputError(f"`target_type` must be `number` or `class`: {given}", hint=closest(str(given), _TARGET_TYPES))
    if given != "class" and (odd := misread(values)):
        raise InputError(
            f"{where} does not hold only numbers: {odd}",
            hint="write numbers with a decimal point, and nothing else in the column; or use `target_type: class`",
        )
    if given == "number" and not is_number(kind):
        raise InputError(f"{where} does not hold numbers: {kind}", hint="use `target_type: class`")
    if given is not None:
        return given
    if is_category_type(kind) or pa.types.is_boolean(kind):
        return "class"
    if pa.types.is_integer(kind):
        raise InputError(
            f"{where} has whole numbers, which may be classes or numbers to predict",
            hint="add `target_type: class` or `target_type: number`",
        )
    if not is_number(kind):
        raise InputError(f"{where} cannot be predicted: {kind}", hint="turn it into numbers or classes before")
    return "number"


def _targets(parts: Mapping[str, pa.Table], path: str, target: str, kind: str) -> _Targets:
    where = f"column `{target}` of `{path}`"
    values = {part: read_labels(rows.column(target), where) for part, rows in parts.items()}
    if kind == "number":
        for part, column in values.items():
            check_type(target, column, part, numbers=True)
        return _Targets({part: _as_numbers(column) for part, column in values.items()}, [])
    tested = {part: number_classes(values["train"], column, where, "row") for part, column in values.items()}
    return _Targets({part: torch.from_numpy(tested[part].test) for part in values}, tested["train"].names)


def _as_numbers(values: pa.ChunkedArray) -> Tensor:
    """Float32 (N,); infinite where a number is too large for that."""
    with np.errstate(over="ignore"):
        return torch.from_numpy(values.cast(pa.float64(), safe=False).to_numpy().astype(np.float32))


def _notes(
    fits: Mapping[str, Column | None], kept: Sequence[Column], whole: pa.Table, parts: Mapping[str, pa.Table]
) -> list[str]:
    notes = categories_note(kept)
    if constant := [name for name, column in fits.items() if column is None]:
        notes.append(f"columns left out, with one value in all training rows: {', '.join(constant)}")
    for column in kept:
        values = values_of(whole, column.name)
        if odd := misread(values):
            notes.append(f"column `{column.name}` is read as categories, because not all its values are numbers: {odd}")
        elif counts_rows(values):
            notes.append(f"column `{column.name}` only tells rows apart: leave it out with `leave_out`")
        if isinstance(column, CategoryColumn) and (count := column.unknown(values_of(parts["test"], column.name))):
            notes.append(f"{plural(count, 'test row')} with a category of `{column.name}` that no training row has")
    return notes
