"""The training batches of images in memory: one endless stream of shuffled epochs."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from workers.data.batches.inputs import crop_and_flip, normalizer
from workers.data.batches.order import Order
from workers.data.batches.share import WHOLE, BatchShare
from workers.errors import InputError
from workers.seeds import seed
from workers.trial import Recipe


def steps_per_epoch(train_images: int, batch_size: int) -> Fraction:
    """Exact, since batches cross the borders of epochs (CIFAR-10 in batches of 128: 390.625)."""
    return Fraction(train_images, batch_size)


class Stream:
    """Training batches of images in memory, as pure functions of (replicate, stage, i), on the device of the images.

    `images` are uint8 (N, C, H, W), best in channels_last (any other layout is copied once), `labels` int64 (N,) on
    the same device. Batches are the part of the whole ones that `share` says. Raises InputError for a batch size below
    1, and for augmentation or normalization that does not fit.
    """

    def __init__(
        self, images: Tensor, labels: Tensor, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE
    ) -> None:
        if recipe.random_resized_crop:
            raise InputError(
                "`random_resized_crop` needs images that stream from files, such as those of `image_folder`",
                hint="use `crop_padding` for images in memory",
            )
        self._order = Order(len(images), recipe.batch_size, replicate, stage, images.device)
        self._finish = Augmentation(recipe, replicate, stage, images.shape[1], images.device, share)
        self._images = images.permute(0, 2, 3, 1).contiguous()
        self._labels = labels
        self._share = share

    @property
    def steps_per_epoch(self) -> Fraction:
        return self._order.steps_per_epoch

    def batch(self, index: int) -> tuple[Tensor, Tensor]:
        """Batch `index` (from 0): inputs, float32 (batch size, C, H, W) in channels_last, and labels."""
        which = self._share.of(self._order.batch(index))
        return self._finish(self._images.index_select(0, which), index), self._labels.index_select(0, which)


class Augmentation:
    """Crops within padding, mirrors and normalizes batches; all that is random depends on (replicate, stage, i) only.

    Of a `share` of a batch, each image becomes what it would be in the whole one. Raises InputError for a padding below
    0, and for a normalization that does not fit.
    """

    def __init__(
        self,
        recipe: Recipe,
        replicate: int,
        stage: str,
        channels: int,
        device: torch.device,
        share: BatchShare = WHOLE,
    ) -> None:
        if recipe.crop_padding < 0:
            raise InputError(f"`crop_padding` must be at least 0 pixels: {recipe.crop_padding}")
        self._recipe = recipe
        self._purpose = (replicate, stage)
        self._share = share
        self._normalize = normalizer(recipe.normalization, channels, device)

    def __call__(self, images: Tensor, index: int) -> Tensor:
        """Batch `index` of uint8 images (N, H, W, C) as float32 (N, C, H, W) in channels_last."""
        if self._recipe.crop_padding or self._recipe.horizontal_flip:
            images = self._augment(images, index)
        return self._normalize(images)

    def _augment(self, images: Tensor, index: int) -> Tensor:
        recipe, whole = self._recipe, len(images) * self._share.ranks
        generator = torch.Generator().manual_seed(seed(*self._purpose, "augment", index))
        offsets = torch.randint(2 * recipe.crop_padding + 1, (2, whole), generator=generator)
        flips = torch.randint(2 if recipe.horizontal_flip else 1, (1, whole), generator=generator)
        # one small copy, which does not wait for queued work on a GPU
        draws = self._share.of(torch.cat((offsets, flips)).T).T
        top, left, flip = draws.to(images.device, non_blocking=True)
        return crop_and_flip(images, recipe.crop_padding, top, left, flip)


def eval_inputs(images: Tensor, recipe: Recipe) -> Tensor:
    """The inputs of a network for uint8 images (N, C, H, W) in evaluation: normalized, not augmented."""
    normalize = normalizer(recipe.normalization, images.shape[1], images.device)
    return normalize(images.permute(0, 2, 3, 1).contiguous())
