"""1×1 convolutions with a stride, whose backward pass oneDNN computes wrongly where they have few input channels.

On images in channels_last it writes beyond its scratch memory then (oneDNN issue 6035): the process crashes or hangs,
or gradients are wrong. Contiguous images, which another kernel computes, are safe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

BLOCK = 16
"""As many input channels as oneDNN computes at a time, at most: with AVX-512. Fewer are not safe."""


class SubsampledConv2d(nn.Conv2d):
    """A 1×1 convolution with a stride that drops the pixels between its strides first.

    Its bits are those of `nn.Conv2d` where that is safe, since oneDNN does the same.
    """

    def forward(self, images: Tensor) -> Tensor:
        down, right = self.stride
        return F.conv2d(images[:, :, ::down, ::right], self.weight, self.bias)


class RefuseUnsafe(TorchDispatchMode):
    """Raises a ValueError before a convolution whose backward pass is not safe, in whatever way it is called."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.convolution.default and _is_unsafe(*args):
            raise ValueError("a 1×1 convolution of few channels with a stride, on images in channels_last")
        return func(*args, **(kwargs or {}))


def _is_unsafe(
    images: Tensor,
    weight: Tensor,
    _bias: Tensor | None,
    stride: Sequence[int],
    _padding: Sequence[int],
    _dilation: Sequence[int],
    transposed: bool,
    _output_padding: Sequence[int],
    groups: int,
) -> bool:
    return (
        images.device.type == "cpu"
        and not transposed
        and groups == 1
        and weight.shape[1] < BLOCK
        and tuple(weight.shape[2:]) == (1, 1)
        and max(stride) > 1
        and images.stride(1) == 1
        and images.stride(3) >= images.shape[1] > 1  # channels_last, as torch sees it
    )
