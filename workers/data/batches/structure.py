"""What a batch is: inputs and targets, each a tensor or a tuple or dict of tensors that begin with the examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Values = Tensor | tuple[Tensor, ...] | dict[str, Tensor]
"""Tensors with the same first dimension N, one entry for each example."""

Batch = tuple[Values, Values]
"""Inputs and targets of the same examples."""


def tensors(values: Values) -> list[Tensor]:
    """The tensors of inputs or targets, in their order."""
    if isinstance(values, Tensor):
        return [values]
    return list(values.values()) if isinstance(values, dict) else list(values)


def mapped(function: Callable[[Tensor], Tensor], values: Values) -> Values:
    """The same structure with a function applied to every tensor."""
    if isinstance(values, Tensor):
        return function(values)
    if isinstance(values, dict):
        return {name: function(tensor) for name, tensor in values.items()}
    return tuple(function(tensor) for tensor in values)


def examples(values: Values) -> int:
    """How many examples inputs or targets have."""
    return len(tensors(values)[0])


def take(values: Values, indices: Tensor) -> Values:
    """The examples at some indices, int64 (M,) on the device of the tensors, in that order."""
    return mapped(lambda tensor: tensor.index_select(0, indices), values)


def to_device(values: Values, device: torch.device) -> Values:
    """Inputs or targets on a device, copied without waiting for it."""
    return mapped(lambda tensor: tensor.to(device, non_blocking=True), values)


def call(network: nn.Module, inputs: Values) -> Any:
    """What a network returns for the inputs of a batch: a tuple is unpacked, and a dict becomes keyword arguments."""
    if isinstance(inputs, Tensor):
        return network(inputs)
    return network(**inputs) if isinstance(inputs, dict) else network(*inputs)


_LISTED = 5  # elements of a tuple or list


def described(values: Any) -> str:
    """The types and shapes of tensors in words, as in `float32 (2, 10)` or `{ids: int64 (2, 5)}`; else the type."""
    if isinstance(values, Tensor):
        return f"{str(values.dtype).removeprefix('torch.')} {tuple(values.shape)}"
    if isinstance(values, dict):
        return "{" + ", ".join(f"{name}: {described(value)}" for name, value in values.items()) + "}"
    if isinstance(values, tuple | list):
        rest = ", …" if len(values) > _LISTED else ""
        return f"({', '.join(described(value) for value in values[:_LISTED])}{rest})"
    return type(values).__name__
