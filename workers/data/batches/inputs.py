"""From stored pixels to the inputs of a network: crop, flip and normalize whole batches on the device.

Images are uint8 (N, H, W, C) here, so that the values of a pixel are adjacent in memory and the result is
channels_last without a copy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from workers.errors import InputError

Normalize = Callable[[Tensor], Tensor]


def crop_and_flip(images: Tensor, padding: int, top: Tensor, left: Tensor, flip: Tensor) -> Tensor:
    """Zero-pad by `padding` pixels, cut windows of the old size at (top, left), mirror them where `flip` is 1.

    `images` are (N, H, W, C), the others int64 (N,) with 0 ≤ top, left ≤ 2 · padding, all on one device.
    """
    count, height, width, channels = images.shape
    padded = F.pad(images, (0, 0, padding, padding, padding, padding))
    step = torch.arange(max(height, width), device=images.device)
    rows = top[:, None] + step[:height]
    columns = left[:, None] + torch.where(flip[:, None] == 1, width - 1 - step[:width], step[:width])
    first = torch.arange(count, device=images.device)[:, None] * padded.shape[1]
    pixels = (first + rows)[:, :, None] * padded.shape[2] + columns[:, None, :]
    return padded.view(-1, channels).index_select(0, pixels.flatten()).view(images.shape)


def normalizer(normalization: Any, channels: int, device: torch.device) -> Normalize:
    """The function that turns uint8 (N, H, W, C) into a network's inputs, float32 (N, C, H, W) in channels_last.

    `per_image`: (x − mean) / max(std, 1/√n) over the n values of an image, std of the population (the paper's,
    TensorFlow's per_image_standardization); `none`: x / 255; a (mean, std) pair: (x / 255 − mean) / std, each a list
    over the channels. Raises InputError for anything else.
    """
    if normalization == "per_image":
        return _per_image
    if normalization == "none":
        return lambda images: (images.float() / 255).permute(0, 3, 1, 2)
    if not isinstance(normalization, list | tuple) or len(normalization) != 2:
        raise InputError(f"`normalization` must be `per_image`, `none` or a (mean, std) pair: {normalization!r}")
    for name, values in zip(("mean", "std"), normalization, strict=True):
        if len(values) != channels:
            raise InputError(f"`normalization.{name}` must have a value per channel ({channels}), not {len(values)}")
    mean, std = torch.tensor(normalization, dtype=torch.float32, device=device)
    if bool((std <= 0).any()):
        raise InputError(f"`normalization.std` must be above 0: {normalization[1]}")
    return lambda images: ((images.float() / 255 - mean) / std).permute(0, 3, 1, 2)


def _per_image(images: Tensor) -> Tensor:
    pixels = images.float().flatten(1)
    values = pixels.shape[1]
    pixels -= pixels.mean(1, keepdim=True)
    std = torch.linalg.vector_norm(pixels, dim=1, keepdim=True) / math.sqrt(values)
    pixels /= std.clamp_(min=1 / math.sqrt(values))
    return pixels.view(images.shape).permute(0, 3, 1, 2)
