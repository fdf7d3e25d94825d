"""What a plan and a network need to know of a set of images."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from workers.data.batches.structure import Batch

_OPTIONAL = ("class_names", "settled", "notes")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFacts:
    """The `workers.data.source.DataFacts` of images (N, C, H, W) with labels (N,), 0 to classes − 1.

    `train_images` counts before any holdout. `class_names` are empty if classes are only numbers.
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
    def train_examples(self) -> int:
        return self.train_images

    @property
    def test_examples(self) -> int:
        return self.test_images

    @property
    def noun(self) -> str:
        return "image"

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return (self.channels, self.height, self.width)

    @property
    def offers(self) -> Mapping[str, Any]:
        return {"input_shape": self.input_shape, "classes": self.classes}

    def sample(self, examples: int) -> Batch:
        """Zeros of the right shape, and labels 0."""
        return torch.zeros((examples, *self.input_shape)), torch.zeros(examples, dtype=torch.int64)

    def to_json(self) -> dict[str, Any]:
        """All fields; those that may be empty only if they are not."""
        fields = dataclasses.asdict(self)
        return {key: value for key, value in fields.items() if value or key not in _OPTIONAL}
