"""Arrays in a file: safetensors, or NumPy's .npz."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from workers.data.batches.structure import Batch, Values, examples, take
from workers.data.examples.arrays import Arrays
from workers.data.examples.plausible import labels
from workers.data.stratified import split_test
from workers.errors import BadInput, InputError

_NAME = re.compile(r"(?:(train|test|validation)_)?(inputs|targets)(?:\.(.+))?")
_LAYOUT = (
    "name them `train_inputs`, `train_targets`, `test_inputs`, `test_targets` (and `validation_inputs`, "
    "`validation_targets`), several inputs or targets `train_inputs.NAME` or `train_inputs.0`"
)


def arrays(*, path: str, split: Mapping[str, Any] | None = None, noun: str = "example") -> Arrays:
    """The arrays of a file, `train_inputs`, `train_targets`, `test_inputs` and `test_targets`.

    Those called `train_inputs.NAME` are a dict, and `train_inputs.0`, `train_inputs.1` a tuple. `validation_inputs` and
    `validation_targets` are optional. Without a test set, `split` sets a part of the training examples aside (see
    `workers.data.stratified`), and the prefix `train_` may be left out. `noun` is what an example is called.
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
    try:
        if path.endswith(".safetensors"):
            return load_file(path)
        if path.endswith(".npz"):
            with np.load(path, allow_pickle=False) as file:
                return {name: torch.from_numpy(file[name]) for name in file.files}
    except (SafetensorError, ValueError, TypeError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(
            f"{path} cannot be read: {reason}",
            hint="the file must be complete, and its arrays must be numbers, not Python objects",
        ) from error
    raise InputError(f"a file of arrays must end in `.safetensors` or `.npz`: `{path}`")


def _parts(tensors: Mapping[str, Tensor], path: str) -> dict[str, dict[str, dict[str, Tensor]]]:
    """The arrays by part, `inputs` or `targets`, and name (empty for a single one)."""
    parts: dict[str, dict[str, dict[str, Tensor]]] = {}
    for name, tensor in tensors.items():
        match = _NAME.fullmatch(name)
        if match is None:
            raise InputError(f"array of `{path}` has an unknown name: `{name}`", hint=_LAYOUT)
        part, what, key = match.groups(default="")
        parts.setdefault(part or "train", {}).setdefault(what, {})[key] = tensor
    return parts


def _batch(parts: Mapping[str, Mapping[str, Mapping[str, Tensor]]], part: str, path: str) -> Batch:
    for what in ("inputs", "targets"):
        if what not in parts.get(part, {}):
            aside = ", or set aside a test set with `split: {test: 20%, seed: 0}`" if part == "test" else ""
            raise InputError(f"array not found in `{path}`: `{part}_{what}`", hint=f"{_LAYOUT}{aside}")
    return _values(parts[part]["inputs"]), _values(parts[part]["targets"])


def _values(named: Mapping[str, Tensor]) -> Values:
    if "" in named and len(named) == 1:
        return named[""]
    if all(name.isdigit() for name in named):
        return tuple(named[name] for name in sorted(named, key=int))
    return {name: named[name] for name in sorted(named)}


def _set_aside(batch: Batch, split: Mapping[str, Any]) -> tuple[Batch, Batch]:
    """The training and the test examples; every class has the same share of test examples."""
    inputs, targets = batch
    classes = labels(targets)
    numbers = [0] * examples(inputs) if classes is None else classes.tolist()
    chosen = split_test([str(index) for index in range(len(numbers))], numbers, split, "example")
    train, test = ((take(inputs, torch.tensor(rows)), take(targets, torch.tensor(rows))) for rows in chosen)
    return train, test
