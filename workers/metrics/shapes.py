"""What metrics are given, and errors that name it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


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


def with_classes_last(outputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
    """Logits as (targets, classes), and whole targets as one dimension.

    Logits are (N, classes, …) as torch's cross-entropy takes them, or (N, …, classes), and targets (N, …).
    """
    outputs, targets = tensors(outputs, targets)
    if outputs.ndim == targets.ndim + 1 and not targets.is_floating_point():
        if outputs.shape[:1] + outputs.shape[2:] == targets.shape:
            return outputs.movedim(1, -1).reshape(-1, outputs.shape[1]), targets.reshape(-1)
        if outputs.shape[:-1] == targets.shape:
            return outputs.reshape(-1, outputs.shape[-1]), targets.reshape(-1)
    raise UnfitBatch(
        "outputs must be logits (N, classes, …) and targets class numbers (N, …), int64, not "
        f"{tuple(outputs.shape)} and {tuple(targets.shape)}, {str(targets.dtype).removeprefix('torch.')}"
    )
