"""Image data sets in Parquet files, in the layout of Hugging Face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workers.data.files.decode import Decoded, Encoded, decode, stack
from workers.data.files.depth import check_depth, depth_note
from workers.data.files.orientation import rotation_note
from workers.data.files.parquet_files import gap_note, test_files, training_files
from workers.data.files.parquet_labels import read_classes
from workers.data.files.parquet_table import image_column as find_image_column
from workers.data.files.parquet_table import label_column as find_label_column
from workers.data.files.parquet_table import read_column, read_schema, row_count
from workers.data.images import Images
from workers.data.split import subset_size
from workers.data.stratified import check_one_way, split_test
from workers.errors import InputError


def image_parquet(
    *,
    path: str,
    image_column: str | None = None,
    label_column: str | None = None,
    train_split: str | None = None,
    test_split: str | None = None,
    split: Mapping[str, Any] | None = None,
    image_size: int | None = None,
    bit_depth: int | None = None,
    train_images: int | None = None,
    test_images: int | None = None,
) -> Images:
    """Training and test images from the Parquet files under the folder `path`.

    The beginning of a file's name, or else of its folder's, says which part it belongs to: `train…`; `test…`, or
    `validation…` and `val…` without a test set; `train_split` and `test_split` choose others. `split` sets aside a
    share of the training images as the test set instead (see `workers.data.stratified`). Shards are read in the order
    of their names. The image column holds encoded images (binary, or a struct with binary `bytes`), the label column
    labels of any type (see `workers.data.files.parquet_labels`); both are found by type and usual name if that is
    unambiguous. Images must have one size, unless `image_size` makes them squares (shorter side, bicubic, center).
    16-bit images are read as `bit_depth` bits, by default those that their largest value needs. A set with any color
    image is RGB, any other gray. `train_images` and `test_images` take the first rows. Raises InputError for files,
    columns, labels or sizes that do not fit, BadInput for damaged files and images.
    """
    if image_size is not None and image_size < 1:
        raise InputError(f"`image_size` must be at least 1: {image_size}")
    check_depth(bit_depth)
    files = training_files(Path(path), train_split), _test_files(Path(path), train_split, test_split, split)
    schema = read_schema(files[0][0])
    image_column = find_image_column(schema, image_column)
    labels = read_classes(*files, find_label_column(schema, label_column))
    train_rows, test_rows = np.arange(len(labels.train)), np.arange(len(labels.test))
    if split is not None:
        names = [f"{file.name}:{row}" for file, row in _rows(files[0])]
        train_rows, test_rows = (np.array(rows) for rows in split_test(names, labels.train.tolist(), split))
        labels = labels._replace(test=labels.train)
    train_rows = train_rows[: subset_size("train_images", train_images, len(train_rows), path)]
    test_rows = test_rows[: subset_size("test_images", test_images, len(test_rows), path)]

    train = _encoded(files[0], image_column, train_rows)
    test = _encoded(files[1] or files[0], image_column, test_rows)
    decoded = decode(train + test, image_size, bit_depth)
    pixels = stack(decoded.pixels, train + test, color=any(image.ndim == 3 for image in decoded.pixels))
    return Images(
        train_images=torch.from_numpy(pixels[: len(train)]),
        train_labels=torch.from_numpy(labels.train[train_rows]),
        test_images=torch.from_numpy(pixels[len(train) :]),
        test_labels=torch.from_numpy(labels.test[test_rows]),
        classes=labels.classes,
        class_names=tuple(labels.names),
        notes=_notes(decoded, *files),
    )


def _test_files(
    path: Path, train_split: str | None, test_split: str | None, split: Mapping[str, Any] | None
) -> list[Path]:
    if split is None:
        if test_split is not None and test_split == train_split:
            raise InputError(f"`train_split` and `test_split` must differ: `{test_split}`")
        return test_files(path, test_split)
    check_one_way({"split": split, "test_split": test_split})
    return []


def _rows(files: Sequence[Path]) -> list[tuple[Path, int]]:
    counts = [(file, row_count(file)) for file in files]
    return [(file, row) for file, count in counts for row in range(count)]


def _encoded(files: Sequence[Path], column: str, rows: np.ndarray) -> list[Encoded]:
    """The encoded images in some ascending rows of several files, counted through all of them."""
    encoded: list[Encoded] = []
    first = 0
    for file in files:
        if len(encoded) == len(rows):
            break
        values = read_column(file, column)
        inside = rows[(rows >= first) & (rows < first + len(values))] - first
        for row in inside.tolist():  # `take` would overflow the offsets of more than 2 GB
            value = values[row].as_py()
            data = value["bytes"] if isinstance(value, dict) else value
            encoded.append(Encoded(data, str(file), row))
        first += len(values)
    return encoded


def _notes(decoded: Decoded, train: Sequence[Path], test: Sequence[Path]) -> tuple[str, ...]:
    notes = [note for note in (gap_note(train, "training"), gap_note(test, "test")) if note is not None]
    if decoded.deepest is not None and decoded.depth is not None:
        notes.append(depth_note(decoded.deepest, decoded.depth))
    if decoded.rotated:
        notes.append(rotation_note(decoded.rotated))
    return tuple(notes)
