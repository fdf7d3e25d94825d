"""Image files that a table lists with their labels."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from workers.data.file_set import TEST_NAMES, TRAIN_NAMES, file_set
from workers.data.files.class_folders import Sample
from workers.data.files.labels import number_classes
from workers.data.files.path_table import PathTable, check_spelling, read_path_table
from workers.data.image_files import ImageFiles
from workers.data.stratified import check_one_way, split_test
from workers.errors import InputError
from workers.text import plural


def image_table(
    *,
    path: str,
    test_path: str | None = None,
    root: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    train_split: str | None = None,
    test_split: str | None = None,
    split: Mapping[str, Any] | None = None,
    image_size: int | None = None,
    bit_depth: int | None = None,
    workers: int = 4,
    train_images: int | None = None,
    test_images: int | None = None,
) -> ImageFiles:
    """The images that the CSV or Parquet file `path` lists, one in each row, with labels of any type.

    Paths are relative to `root`, by default the folder of the table. The test images are those of the table
    `test_path`; or a share that `split` sets aside (see `workers.data.stratified`); or those whose `split_column` says
    `test_split`, and then the training images those that say `train_split`. The other arguments are those of
    `image_folder`. Raises InputError for a table, column or label that does not fit, BadInput for a damaged table.
    """
    columns = (path_column, label_column, split_column)
    table = read_path_table(path, *columns)
    check_one_way({"test_path": test_path, "test_split": test_split, "split": split})
    if test_path is not None:
        train, test = table, read_path_table(test_path, *columns)
    elif split is not None:
        train, test = _set_aside(table, split)
    else:
        train = _named(table, path, train_split, "train_split", TRAIN_NAMES)
        test = _named(table, path, test_split, "test_split", TEST_NAMES)
    where = f"the label column of `{path}`"
    check_spelling([table] if test_path is None else [train, test], where)
    labels = number_classes(train.labels, test.labels, where)
    images = file_set(
        root=os.path.dirname(path) or "." if root is None else root,
        train=[Sample(*pair) for pair in zip(train.paths, labels.train.tolist(), strict=True)],
        test=[Sample(*pair) for pair in zip(test.paths, labels.test.tolist(), strict=True)],
        classes=labels.classes,
        class_names=labels.names,
        image_size=image_size,
        bit_depth=bit_depth,
        workers=workers,
        train_images=train_images,
        test_images=test_images,
    )
    return dataclasses.replace(images, notes=_rows_left_out(table, train, test))


def _rows_left_out(table: PathTable, *used: PathTable) -> tuple[str, ...]:
    """A note of the rows whose part is neither for training nor for testing."""
    names = sorted(set(table.parts or ()).difference(*(part.parts or () for part in used)))
    count = sum(part in names for part in table.parts or ())
    return (f"{plural(count, 'row')} left out, of other parts: {', '.join(names[:10])}",) if names else ()


def _set_aside(table: PathTable, split: Mapping[str, Any]) -> tuple[PathTable, PathTable]:
    numbers = number_classes(table.labels, table.labels, "the label column").train
    train_rows, test_rows = split_test(table.paths, numbers.tolist(), split)
    return table.take(train_rows), table.take(test_rows)


def _named(table: PathTable, path: str, given: str | None, argument: str, usual: tuple[str, ...]) -> PathTable:
    """The rows of the given part, else of the first usual one that the table has."""
    names = sorted(set(table.parts or ()))
    name = given if given is not None else next((name for name in usual if name in names), None)
    if name not in names:
        listed = f"its parts are {', '.join(names[:10])}" if names else "it has no column `split`"
        raise InputError(
            f"`{path}` does not say which images are for {argument.removesuffix('_split')}ing: {listed}",
            hint="set `test_path` to a table of test images, or `split_column`, `train_split` and `test_split` to a "
            "column and its values, or set aside a part as the test set with `split: {test: 20%, seed: 0}`",
        )
    if "" in names:
        raise InputError(
            f"rows of `{path}` do not say whether they are for training or testing: {(table.parts or []).count(''):,}",
            hint="name a part in each row, or remove these rows",
        )
    return table.take([row for row, part in enumerate(table.parts or ()) if part == name])
