"""What metrics are given, and errors that name it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

IGNORED = -100
"""Targets of this number do not count unless `ignore_index` is another one, as in torch's cross-entropy."""


class UnfitBatch(ValueError):
    """Outputs or targets are not what a metric needs; the message says what they are."""


def tensors(outputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
    """Outputs and targets, which must be tensors."""
    for name, value in (("outputs", outputs), ("targets", targets)):
        if not isinstance(value, Tensor):
            raise UnfitBatch(f"{name} must be a tensor, not {type(value).__name__}")
    return outputs, targets


def equal_shapes(outputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
    """Outputs and targets of the same shape, apart from dimensions of length 1: (N,) and (N, 1) are the same."""
    outputs, targets = tensors(outputs, targets)
    if squeezed(outputs).shape != squeezed(targets).shape:
        raise UnfitBatch(
            f"outputs and targets must have the same shape, not {tuple(outputs.shape)} and {tuple(targets.shape)}"
        )
    return squeezed(outputs), squeezed(targets)


def squeezed(tensor: Tensor) -> Tensor:
    """A tensor without dimensions of length 1, except the first one."""
    return tensor.reshape(tensor.shape[:1] + torch.Size(length for length in tensor.shape[1:] if length != 1))


def columns(of_targets: Tensor) -> Tensor:
    """A column for each yes-or-no label of an example, (N, labels); of other shapes, such as pixels, a single one."""
    return of_targets if of_targets.ndim == 2 else of_targets.reshape(-1, 1)


def is_one_logit(outputs: Tensor, targets: Tensor) -> bool:
    """Whether the outputs are a logit for each target, above 0 for class 1, rather than one for each class.

    Raises UnfitBatch if such targets are other numbers than 0 and 1, which may be prices or temperatures.
    """
    if squeezed(outputs).shape != squeezed(targets).shape:
        return False
    other = targets[(targets != 0) & (targets != 1)]
    if other.numel():
        raise UnfitBatch(f"targets of single logits must be 0 or 1, not {other.flatten()[0].item():g}")
    return True


def is_one(targets: Tensor) -> Tensor:
    """Which targets of single logits are of class 1, without dimensions of length 1."""
    return squeezed(targets) == 1


def counted_classes(outputs: Any, targets: Any, ignored: int) -> tuple[Tensor, Tensor]:
    """`with_classes_last` without the targets that are `ignored`, and their logits."""
    logits, classes = with_classes_last(outputs, targets, ignored)
    counted = classes != ignored
    return (logits, classes) if bool(counted.all()) else (logits[counted], classes[counted])


def with_classes_last(outputs: Any, targets: Any, ignored: int) -> tuple[Tensor, Tensor]:
    """Logits as (targets, classes), and class numbers as one dimension, int64.

    Logits are (N, classes, …) as torch's cross-entropy takes them, or (N, …, classes), and targets (N, …). Raises
    UnfitBatch for other shapes, and for a target that is neither a class number nor `ignored`.
    """
    outputs, targets = tensors(outputs, targets)
    if outputs.ndim == targets.ndim + 1 and not targets.is_floating_point():
        if outputs.shape[:1] + outputs.shape[2:] == targets.shape:
            return _checked(outputs.movedim(1, -1).reshape(-1, outputs.shape[1]), targets, ignored)
        if outputs.shape[:-1] == targets.shape:
            return _checked(outputs.reshape(-1, outputs.shape[-1]), targets, ignored)
    raise UnfitBatch(
        "outputs must be logits (N, classes, …) and targets class numbers (N, …), int64, not "
        f"{tuple(outputs.shape)} and {tuple(targets.shape)}, {str(targets.dtype).removeprefix('torch.')}"
    )


def _checked(logits: Tensor, targets: Tensor, ignored: int) -> tuple[Tensor, Tensor]:
    classes, number = targets.reshape(-1).long(), logits.shape[1]
    outside = classes[((classes < 0) | (classes >= number)) & (classes != ignored)]
    if outside.numel():
        raise UnfitBatch(
            f"targets must be class numbers from 0 to {number - 1}, not {outside[0]} (`ignore_index` is {ignored})"
        )
    return logits, classes
