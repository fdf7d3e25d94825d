"""BatchNorm over groups of a batch: the statistics that a device with only that part of the batch computes."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from workers.errors import BadInput


def group_batch_norm(network: nn.Module, size: int) -> None:
    """Let every BatchNorm of a network normalize consecutive groups of `size` examples apart while it trains.

    Running statistics become the mean of what each group alone would make of them. So they, like everything else, do
    not depend on where a batch is divided, as long as that is between two groups. The paper's ImageNet networks have
    groups of 128, one for each core of its TPUs (Renda et al. 2020, from its code).
    """
    for name, layer in network.named_modules():
        if isinstance(layer, _BatchNorm):
            layer.forward = partial(_forward, layer, name, size)  # type: ignore[method-assign]


def has_batch_norm(network: nn.Module) -> bool:
    return any(isinstance(layer, _BatchNorm) for layer in network.modules())


def _forward(layer: _BatchNorm, name: str, size: int, inputs: Tensor) -> Tensor:
    """The outputs of a BatchNorm for inputs (N, C, ...). Raises BadInput unless N is a multiple of `size`."""
    if not layer.training or len(inputs) == size:
        return type(layer).forward(layer, inputs)
    if len(inputs) % size:
        raise BadInput(
            f"BatchNorm `{name}` cannot divide its input of {len(inputs):,} rows into groups of {size:,}",
            hint="remove `batch_norm_group` from the recipe, or keep the batch as the first dimension",
        )
    buffers = dict(layer._buffers)
    outputs, statistics = [], []
    try:
        for group in inputs.split(size):
            layer._buffers.update(_copies(buffers))
            outputs.append(type(layer).forward(layer, group))
            statistics.append(dict(layer._buffers))
    finally:
        layer._buffers.update(buffers)
    for key, buffer in buffers.items():
        if buffer is not None:
            _set_mean(buffer, [values[key] for values in statistics])  # type: ignore[misc]
    return torch.cat(outputs)


def _copies(buffers: dict[str, Tensor | None]) -> dict[str, Tensor | None]:
    return {key: None if buffer is None else buffer.clone() for key, buffer in buffers.items()}


@torch.no_grad()
def _set_mean(buffer: Tensor, values: list[Tensor]) -> None:
    """Set a buffer to the mean of its values after each group; a count of batches has the same after all of them."""
    buffer.copy_(torch.stack(values).mean(0) if buffer.is_floating_point() else values[0])
