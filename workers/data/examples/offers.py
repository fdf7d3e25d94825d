"""What tensors tell about themselves: the values that networks may ask for by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

import torch
from torch import Tensor

from workers.data.batches.structure import Batch, Values


def shapes(batch: Batch) -> dict[str, Any]:
    """What the shapes of a batch tell.

    `input_shape` is the shape of an example of a single tensor, `input_shapes` a tuple or dict of them; `features` is
    the last size of inputs in floating point; `target_shape` is the shape of a target that is not a class, and
    `outputs` the number of its values.
    """
    inputs, targets = batch
    known: dict[str, Any] = {}
    if isinstance(inputs, Tensor):
        known["input_shape"] = tuple(inputs.shape[1:])
        if inputs.is_floating_point() and inputs.ndim > 1:
            known["features"] = inputs.shape[-1]
    elif isinstance(inputs, dict):
        known["input_shapes"] = {name: tuple(tensor.shape[1:]) for name, tensor in inputs.items()}
    else:
        known["input_shapes"] = tuple(tuple(tensor.shape[1:]) for tensor in inputs)
    if isinstance(targets, Tensor) and not _is_whole(targets):
        known["outputs"] = math.prod(targets.shape[1:])
        known["target_shape"] = tuple(targets.shape[1:])
    return known


def scale(targets: Values) -> dict[str, float]:
    """`target_mean` and `target_deviation`, the standard deviation, of targets that are one number each."""
    if not is_number(targets):
        return {}
    deviation, mean = torch.std_mean(targets.double(), correction=0)
    return {"target_mean": mean.item(), "target_deviation": deviation.item() or 1.0}


def is_number(targets: Values) -> TypeGuard[Tensor]:
    """Whether each target is one number, not a class."""
    return isinstance(targets, Tensor) and targets.is_floating_point() and targets[0].numel() == 1


def numbers(parts: Sequence[Batch]) -> dict[str, Any]:
    """What the whole numbers in all parts of a data set tell, each one more than the largest.

    `classes` (and `outputs`) is that of targets, of which those below 0 mark what is not to be predicted, and
    `vocabulary` that of inputs, and of targets that are sequences as well.
    """
    known: dict[str, Any] = {}
    classes = _one_more([targets for _, targets in parts])
    if classes is not None:
        known["classes"] = known["outputs"] = classes
    vocabulary = _one_more([inputs for inputs, _ in parts])
    if vocabulary is not None:
        sequences = [targets for _, targets in parts if isinstance(targets, Tensor) and targets.ndim > 1]
        known["vocabulary"] = max(vocabulary, _one_more(sequences) or 0)
    return known


_WIDE = (torch.uint16, torch.uint32, torch.uint64)
"""Types of which torch computes little, not even the largest value."""


def _one_more(parts: Sequence[Values]) -> int | None:
    """One more than the largest of whole numbers; None for anything else."""
    whole = [part for part in parts if isinstance(part, Tensor) and _is_whole(part) and part.numel()]
    largest = [int((part.long() if part.dtype in _WIDE else part).max()) for part in whole]
    return max(largest) + 1 if largest and len(largest) == len(parts) and max(largest) >= 0 else None


def _is_whole(tensor: Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex())
