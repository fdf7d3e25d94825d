"""The order in memory that a network computes in: channels last where it can, since that is faster."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from workers.machine.generators import seed_generators
from workers.models.strided import RefuseUnsafe


def arranged(network: nn.Module, input_shape: tuple[int, int, int]) -> nn.Module:
    """The network in channels_last, or contiguous (with a hook that makes its inputs so) if it works only that way.

    Such are networks that call `x.view(len(x), -1)` after a convolution, and on a CPU those with a convolution that is
    not safe in channels_last. Weights, buffers and modes do not change, and the choice depends on the code of the
    network and on the device only.
    """
    if _works(network, torch.channels_last, input_shape) or not _works(network, torch.contiguous_format, input_shape):
        return network.to(memory_format=torch.channels_last)
    network.register_forward_pre_hook(_make_inputs_contiguous)
    return network.to(memory_format=torch.contiguous_format)


def _works(network: nn.Module, layout: torch.memory_format, input_shape: tuple[int, int, int]) -> bool:
    """Whether a copy takes two images in a layout, forward in both modes and backward."""
    seed_generators(0)  # the choice must not depend on chance
    try:
        copied = copy.deepcopy(network).to(memory_format=layout)
        images = torch.zeros((2, *input_shape), device=next(copied.parameters()).device).to(memory_format=layout)
        with RefuseUnsafe():
            with torch.no_grad():
                copied.eval()(images)
            copied.train()(images).sum().backward()
    except Exception:  # the user's network may raise anything, here and in training
        return False
    return True


def _make_inputs_contiguous(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copies, since `contiguous` keeps strides of channels_last in images of one channel, and convolutions follow."""
    return tuple(
        value.clone(memory_format=torch.contiguous_format) if isinstance(value, torch.Tensor) else value
        for value in inputs
    )
