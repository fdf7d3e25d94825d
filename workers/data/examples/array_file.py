"""Arrays in a file: safetensors, or NumPy's .npz."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from workers.data.batches.structure import Batch, Values, examples, mapped, take
from workers.data.examples.arrays import Arrays
from workers.data.examples.parts import check_part
from workers.data.examples.plausible import labels
from workers.data.examples.reading import class_number
from workers.data.stratified import split_test
from workers.errors import BadInput, InputError
from workers.registry import misspelled

_NAME = re.compile(r"(?:(train|test|validation)_)?(inputs|targets)(?:\.(.+))?")
_NAMES = [f"{part}_{what}" for part in ("train", "test", "validation") for what in ("inputs", "targets")]
_LAYOUT = (
    "name them `train_inputs`, `train_targets`, `test_inputs`, `test_targets` (and `validation_inputs`, "
    "`validation_targets`), several inputs or targets `train_inputs.NAME` or `train_inputs.0`"
)


def arrays(*, path: str, split: Mapping[str, Any] | None = None, noun: str = "example") -> Arrays:
    """The arrays of a file, `train_inputs`, `train_targets`, `test_inputs` and `test_targets`.

    Those called `train_inputs.NAME` are a dict, and `train_inputs.0`, `train_inputs.1` a tuple. `validation_inputs` and
    `validation_targets` are optional. Without a test set, `split` sets a part of the training examples aside (see
    `workers.data.stratified`), and the prefix `train_` may be left out. `noun` is what an example is called.
    Floating-point numbers become float32, and class numbers int64, in which networks and losses compute.
    Raises InputError for a missing file and missing arrays, BadInput for a damaged file.
    """
    parts = _parts(_read(path), path)
    train = _batch(parts, "train", path)
    if split is not None:
        if "test" in parts:
            raise InputError(f"`split` cannot be combined with the test set of `{path}`", hint="remove `split`")
        train, test = _set_aside(train, split)
    else:
        test = _batch(parts, "test", path)
    validation = _batch(parts, "validation", path) if "validation" in parts else (None, None)
    return Arrays(
        train_inputs=train[0],
        train_targets=train[1],
        test_inputs=test[0],
        test_targets=test[1],
        validation_inputs=validation[0],
        validation_targets=validation[1],
        noun=noun,
    )


def _read(path: str) -> dict[str, Tensor]:
    if not os.path.isfile(path):
        raise InputError(f"file of arrays not found: `{path}`", hint="relative paths begin in the current directory")
    if not path.endswith((".safetensors", ".npz")):
        raise InputError(
            f"a file of arrays must end in `.safetensors` or `.npz`: `{path}`",
            hint="write one with `numpy.savez(path, train_inputs=..., ...)` or `safetensors.torch.save_file`",
        )
    try:
        return load_file(path) if path.endswith(".safetensors") else _read_npz(path)
    except (SafetensorError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(f"{path} cannot be read: {reason}", hint="the file must be complete: write it again") from error


def _read_npz(path: str) -> dict[str, Tensor]:
    with open(path, "rb") as opened:
        arrays = np.load(opened, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            raise BadInput(f"{path} has a single array, without a name", hint="write it with `numpy.savez`")
        return {name: _tensor(arrays, name, path) for name in arrays.files}


def _tensor(arrays: Mapping[str, Any], name: str, path: str) -> Tensor:
    """An array in the byte order of this machine. Raises BadInput if it does not hold numbers."""
    try:
        array = arrays[name]
        kind = str(array.dtype)
    except ValueError:  # NumPy would have to unpickle it
        kind = "Python objects"
    if kind == "Python objects" or array.dtype.kind not in "biufc":
        raise BadInput(
            f"array `{name}` of `{path}` must hold numbers, not {kind}",
            hint="number classes from 0, and give categories and dates as numbers",
        )
    if array.dtype.kind == "f" and array.dtype.itemsize > np.dtype(np.float64).itemsize:
        array = array.astype(np.float64)
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))


def _parts(tensors: Mapping[str, Tensor], path: str) -> dict[str, dict[str, dict[str, Tensor]]]:
    """The arrays by part, `inputs` or `targets`, and name (empty for a single one)."""
    parts: dict[str, dict[str, dict[str, Tensor]]] = {}
    for name, tensor in tensors.items():
        match = _NAME.fullmatch(name)
        if match is None:
            near = misspelled(name, _NAMES)
            hint = f"did you mean `{near}`? {_LAYOUT}" if near else _LAYOUT
            raise InputError(f"array of `{path}` has an unknown name: `{name}`", hint=hint)
        part, what, key = match.groups(default="")
        named = parts.setdefault(part or "train", {}).setdefault(what, {})
        if key in named:
            raise InputError(f"`{path}` has the array `{name}` with and without `train_`", hint="keep one of them")
        named[key] = tensor
    return parts


def _batch(parts: Mapping[str, Mapping[str, Mapping[str, Tensor]]], part: str, path: str) -> Batch:
    for what in ("inputs", "targets"):
        if what not in parts.get(part, {}):
            aside = ", or set aside a test set with `split: {test: 20%, seed: 0}`" if part == "test" else ""
            raise InputError(f"array not found in `{path}`: `{part}_{what}`", hint=f"{_LAYOUT}{aside}")
        _check_keys(f"{part}_{what}", sorted(parts[part][what]), path)
    inputs, targets = (mapped(_computable, _values(parts[part][what])) for what in ("inputs", "targets"))
    return inputs, mapped(class_number, targets)


def _check_keys(name: str, keys: list[str], path: str) -> None:
    """Raise InputError unless arrays are a single one, numbered from 0, or all have names."""
    numbers = sorted(int(key) for key in keys if key.isdigit())
    if keys == [""] or (not numbers and "" not in keys) or numbers == list(range(len(keys))):
        return
    listed = ", ".join(f"`{name}.{key}`".replace(".`", "`") for key in keys)
    raise InputError(
        f"arrays of `{path}` must be a single `{name}`, or numbered from 0, or all have names: {listed}",
        hint=f"write them as `{name}.0` and `{name}.1`, for example",
    )


def _computable(tensor: Tensor) -> Tensor:
    """Float32 in place of other floating-point numbers, and int64 of whole numbers that torch computes little with."""
    if tensor.is_floating_point():
        return tensor.float()
    return tensor.long() if tensor.dtype in (torch.uint16, torch.uint32, torch.uint64) else tensor


def _values(named: Mapping[str, Tensor]) -> Values:
    if "" in named and len(named) == 1:
        return named[""]
    if all(name.isdigit() for name in named):
        return tuple(named[name] for name in sorted(named, key=int))
    return {name: named[name] for name in sorted(named)}


def _set_aside(batch: Batch, split: Mapping[str, Any]) -> tuple[Batch, Batch]:
    """The training and the test examples; every class has the same share of test examples."""
    check_part("training", batch)
    inputs, targets = batch
    classes = labels(targets)
    numbers = [0] * examples(inputs) if classes is None else classes.tolist()
    chosen = split_test([str(index) for index in range(len(numbers))], numbers, split, "example")
    train, test = ((take(inputs, torch.tensor(rows)), take(targets, torch.tensor(rows))) for rows in chosen)
    return train, test
