"""Image data sets in Parquet files, in the layout of Hugging Face."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from workers.data.decode import Encoded, decode, stack
from workers.data.images import Images
from workers.data.split import subset_size
from workers.errors import BadInput, InputError
from workers.text import plural

_TRAIN = "train"
_TEST = ("test", "validation", "valid", "val")  # the first of these that exists
_IMAGE_NAMES = ("image", "img")
_LABEL_NAMES = ("label", "labels")


def image_parquet(
    *,
    path: str,
    image_column: str | None = None,
    label_column: str | None = None,
    image_size: int | None = None,
    train_images: int | None = None,
    test_images: int | None = None,
) -> Images:
    """Training and test images from the Parquet files under the folder `path`.

    The beginning of a file's name, or else of its folder's, says which part it belongs to: `train…`; `test…`, or
    `validation…` and `val…` if there is no test set. Shards are read in the order of their names. The image column
    holds encoded images (binary, or a struct with binary `bytes`), the label column whole numbers from 0; both are
    found by type and usual name if that is unambiguous. Images must have one size, unless `image_size` makes them
    squares (shorter side, bicubic, center). A set with any color image is RGB, any other gray. `train_images` and
    `test_images` take the first rows. Raises InputError for files, columns, labels or sizes that do not fit, BadInput
    for damaged files and images.
    """
    if image_size is not None and image_size < 1:
        raise InputError(f"`image_size` must be at least 1, not {image_size}")
    train_files, test_files = _find_files(Path(path))
    schema = _schema(train_files[0])
    image_column = _column(schema, image_column, "image_column", _is_image, _IMAGE_NAMES)
    label_column = _column(schema, label_column, "label_column", _is_label, _LABEL_NAMES)
    train_labels = _labels(train_files, label_column)
    test_labels = _labels(test_files, label_column)
    classes = _classes(schema, label_column, train_labels)
    train_labels = train_labels[: subset_size("train_images", train_images, len(train_labels), path)]
    test_labels = test_labels[: subset_size("test_images", test_images, len(test_labels), path)]

    train = _encoded(train_files, image_column, len(train_labels))
    test = _encoded(test_files, image_column, len(test_labels))
    decoded = decode(train + test, image_size)
    pixels = stack(decoded, train + test, color=any(image.ndim == 3 for image in decoded))
    return Images(
        train_images=torch.from_numpy(pixels[: len(train)]),
        train_labels=torch.from_numpy(train_labels),
        test_images=torch.from_numpy(pixels[len(train) :]),
        test_labels=torch.from_numpy(test_labels),
        classes=classes,
    )


def _find_files(folder: Path) -> tuple[list[Path], list[Path]]:
    if not folder.is_dir():
        what = "must be a folder, not a file" if folder.exists() else "not found"
        raise InputError(f"`path` {what}: `{folder}`", hint="give the folder that holds `train*.parquet` and others")
    files = sorted(folder.rglob("*.parquet"))
    train = _part(folder, files, _TRAIN)
    test = next((part for prefix in _TEST if (part := _part(folder, files, prefix))), [])
    if not train or not test:
        listed = ", ".join(str(file.relative_to(folder)) for file in files[:10]) or "none"
        raise InputError(
            f"no {'test' if train else 'training'} images found in `path` `{folder}`, which has these Parquet files: "
            f"{listed}",
            hint="names must begin with `train` and with `test`, `validation` or `val`",
        )
    for part in (train, test):
        _check_part(folder, part)
    return train, test


def _part(folder: Path, files: Sequence[Path], prefix: str) -> list[Path]:
    """Files whose name begins with a prefix, or else that of their folder below this one."""
    part = []
    for file in files:
        names = (file.name, *(() if file.parent == folder else (file.parent.name,)))
        name = next((name for name in names if name.startswith((_TRAIN, *_TEST))), "")
        if name.startswith(prefix):
            part.append(file)
    return part


def _check_part(folder: Path, files: Sequence[Path]) -> None:
    folders = sorted({str(file.parent) for file in files})
    if len(folders) > 1:
        raise InputError(
            f"`path` `{folder}` holds several data sets: {', '.join(folders)}", hint="give one of these folders"
        )
    shards = {int(match[1]) for file in files if (match := re.search(r"-of-(\d+)\.parquet$", file.name))}
    if shards and shards != {len(files)}:
        names = ", ".join(file.name for file in files[:10])
        raise InputError(
            f"`{folders[0]}` has only {len(files)} of {max(shards)} shards: {names}", hint="fetch the others"
        )


def _schema(file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{file} cannot be read: {error}") from error


def _read(file: Path, column: str) -> pa.ChunkedArray:
    try:
        return pq.read_table(file, columns=[column], partitioning=None).column(column)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise BadInput(f"column `{column}` of {file} cannot be read: {error}") from error


def _column(
    schema: pa.Schema, given: str | None, argument: str, fits: Callable[[pa.DataType], bool], usual: tuple[str, ...]
) -> str:
    """The name of the only column that fits, or of the given one."""
    fitting = [field.name for field in schema if fits(field.type)]
    if given is not None and given in fitting:
        return given
    likely = [name for name in fitting if name in usual] or fitting
    if given is None and len(likely) == 1:
        return likely[0]
    if given is not None:
        problem = f"`{argument}` must be a column of the right type, not `{given}`"
    else:
        problem = f"`{argument}` must be given: {plural(len(likely), 'column')} could be it"
    columns = ", ".join(f"`{field.name}` ({field.type})" for field in schema)
    raise InputError(problem, hint=f"set `{argument}`; the columns are {columns}")


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _is_binary(field.type) for field in kind)
    return _is_binary(kind)


def _is_label(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind)


def _labels(files: Sequence[Path], column: str) -> np.ndarray:
    parts = []
    for file in files:
        labels = _read(file, column)
        if labels.null_count:
            raise InputError(f"column `{column}` of {file} has rows without a label: {labels.null_count:,}")
        parts.append(labels.to_numpy().astype(np.int64))
    return np.concatenate(parts)


def _classes(schema: pa.Schema, column: str, labels: np.ndarray) -> int:
    """The number of classes in the data set's description; without one, the number of different training labels."""
    names = _class_names(schema, column)
    if names:
        return len(names)
    classes = np.unique(labels)
    if not np.array_equal(classes, np.arange(len(classes))):
        raise InputError(
            f"column `{column}` must hold labels from 0 without gaps, not {len(classes):,} different ones from "
            f"{classes[0]} to {classes[-1]}",
            hint="renumber the classes, or set another `label_column`",
        )
    return len(classes)


def _class_names(schema: pa.Schema, column: str) -> list[str]:
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None:
        return []
    try:
        return list(json.loads(text)["info"]["features"][column]["names"])
    except (ValueError, KeyError, TypeError):
        return []


def _encoded(files: Sequence[Path], column: str, count: int) -> list[Encoded]:
    """The first `count` encoded images of several files."""
    encoded: list[Encoded] = []
    for file in files:
        if len(encoded) == count:
            break
        values = _read(file, column)[: count - len(encoded)].to_pylist()
        for row, value in enumerate(values):
            data = value["bytes"] if isinstance(value, dict) else value
            encoded.append(Encoded(data, str(file), row))
    return encoded
