"""What training and evaluation see of a data set, whether it is in memory or streams from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from workers.data.batches.share import WHOLE, BatchShare
from workers.data.split import Indices
from workers.trial import Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFacts:
    """What a plan and a network need to know of a data set. `train_images` counts them before any holdout.

    `class_names` are empty if classes are only numbers. `settled` has the arguments that were not given but taken from
    the data, such as an image size, and `notes` what a person should know before believing the data.
    """

    train_images: int
    test_images: int
    channels: int
    height: int
    width: int
    classes: int
    fingerprint: str
    class_names: tuple[str, ...] = ()
    settled: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return (self.channels, self.height, self.width)


class Batches(Protocol):
    """The training batches of a trial: pure functions of (replicate, stage, i), each available directly."""

    @property
    def steps_per_epoch(self) -> Fraction: ...

    def batch(self, index: int) -> tuple[Tensor, Tensor]:
        """Batch `index` (from 0): inputs, float32 (batch size, C, H, W) in channels_last, and int64 labels."""


class Part(Protocol):
    """Images to evaluate on."""

    def __len__(self) -> int: ...

    def select(self, which: Indices) -> Part:
        """The images at some indices, in that order."""

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All images in order: uint8 (N, C, H, W) and int64 labels on the device, N fixed except for the last batch."""


class Data(Protocol):
    """A data set on a device, shared by all trials of a process: nothing may write to it.

    `heldout` are training images used for validation only.
    """

    @property
    def facts(self) -> ImageFacts: ...

    @property
    def heldout(self) -> Part: ...

    @property
    def test(self) -> Part: ...

    def stream(self, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE) -> Batches:
        """The training batches, or a share of each. Raises InputError if the recipe does not fit these images."""


@runtime_checkable
class Source(Protocol):
    """What a data set's factory returns."""

    def facts(self) -> ImageFacts: ...

    def training_labels(self) -> Sequence[int]:
        """The labels of all training images, in the order in which some are held out."""

    def inspected(self) -> Source:
        """The same data with notes for a person, and with what was taken from the data.

        Raises InputError for data that cannot be meant: blank images, a single class; BadInput for damaged files.
        """

    def on(self, device: torch.device, holdout: int, facts: ImageFacts) -> Data:
        """The data set on a device, with `holdout` of its training images held out. `facts` are those of `facts()`."""
