"""1×1 convolutions with a stride, whose backward pass oneDNN computes wrongly where they have few input channels.

In channels_last it writes beyond its scratch memory then (oneDNN issue 6035): the process crashes or hangs, or
gradients are wrong. Another kernel, which is safe, computes convolutions of contiguous images and weights, and those
with padding. A transposed convolution with output padding has the same backward pass, with outputs for inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from workers.errors import BadInput

BLOCK = 16
"""As many input channels as oneDNN computes at a time, at most: with AVX-512. Fewer are not safe."""


class SubsampledConv2d(nn.Conv2d):
    """A 1×1 convolution with a stride that, on a CPU, drops the pixels between its strides first.

    oneDNN does the same where that is safe, so that `nn.Conv2d` differs in rounding at most.
    """

    def forward(self, images: Tensor) -> Tensor:
        if images.is_cuda:
            return super().forward(images)
        down, right = self.stride
        return F.conv2d(images[:, :, ::down, ::right], self.weight, self.bias)


class RefuseUnsafe(TorchDispatchMode):
    """Raises BadInput before a convolution whose backward pass is not safe, in whatever way it is called."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.convolution.default and _is_unsafe(*args):
            raise BadInput(
                f"oneDNN computes wrong gradients on a CPU for a 1×1 convolution with a stride and fewer than {BLOCK} "
                "input channels (output channels if transposed) in `torch.channels_last`",
                hint="omit `memory_format=torch.channels_last`, or, if it is not transposed, drop pixels in place of "
                "the stride: `convolution(images[:, :, ::2, ::2])`",
            )
        return func(*args, **(kwargs or {}))


def _is_unsafe(
    images: Tensor,
    weight: Tensor,
    _bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    _dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> bool:
    return (
        images.device.type == "cpu"
        and (not transposed or max(output_padding) > 0)
        and groups == 1
        and weight.shape[1] < BLOCK  # input channels, or output channels if transposed
        and tuple(weight.shape[2:]) == (1, 1)
        and max(stride) > 1
        and max(padding) == 0
        and (_is_channels_last(images) or _is_channels_last(weight))  # torch computes in channels_last if either is
    )


def _is_channels_last(tensor: Tensor) -> bool:
    """As torch decides it for a convolution: `Tensor.is_contiguous` does not tell where a size is 1."""
    by_image, by_channel, by_row, by_column = tensor.stride()
    _, channels, height, width = tensor.shape
    return (
        by_channel == 1
        and by_column >= channels
        and by_row >= by_column * width
        and by_image >= max(by_row * height, 2)  # 1: an image of one number, which is in both layouts
    )
