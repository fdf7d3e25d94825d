"""Examples in memory on a device: their training batches, and parts to evaluate on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch

from workers.data.batches.order import Order
from workers.data.batches.share import WHOLE, BatchShare
from workers.data.batches.structure import Batch, Values, examples, take, tensors, to_device
from workers.data.examples.recipe_check import refuse_image_settings
from workers.data.source import DataFacts
from workers.data.split import Indices
from workers.trial import Recipe

EVALUATION_BATCH = 100
"""Fixed, because the last bits of a result may depend on it."""


@dataclass(frozen=True, slots=True)
class ResidentExamples:
    """Inputs and targets of some examples on a device."""

    inputs: Values
    targets: Values

    @classmethod
    def on(cls, device: torch.device, batch: Batch) -> ResidentExamples:
        return cls(*(to_device(values, device) for values in batch))

    def __len__(self) -> int:
        return examples(self.inputs)

    @property
    def device(self) -> torch.device:
        return tensors(self.inputs)[0].device

    def select(self, which: Indices) -> ResidentExamples:
        """The examples at some indices, in that order."""
        return self.take(torch.from_numpy(which).to(self.device))

    def take(self, which: torch.Tensor) -> ResidentExamples:
        return ResidentExamples(take(self.inputs, which), take(self.targets, which))

    def batches(self, recipe: Recipe) -> Iterator[Batch]:
        """All examples in order, 100 at a time."""
        for which in torch.arange(len(self), device=self.device).split(EVALUATION_BATCH):
            part = self.take(which)
            yield part.inputs, part.targets


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidentData:
    """A data set on a device, shared by all trials of a process: nothing may write to it.

    `heldout` are examples used for validation only; they are not in `train`.
    """

    facts: DataFacts
    train: ResidentExamples
    heldout: ResidentExamples
    test: ResidentExamples

    def stream(self, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE) -> ExampleStream:
        """The training batches. Raises InputError if the recipe does not fit these data."""
        return ExampleStream(self.train, recipe, replicate, stage, share)


class ExampleStream:
    """Training batches of examples in memory, as pure functions of (replicate, stage, i), on their device.

    Batches are the part of the whole ones that `share` says. Raises InputError for a batch size below 1, and for
    settings of the recipe that need images.
    """

    def __init__(
        self, train: ResidentExamples, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE
    ) -> None:
        refuse_image_settings(recipe)
        self._order = Order(len(train), recipe.batch_size, replicate, stage, train.device)
        self._train = train
        self._share = share

    @property
    def steps_per_epoch(self) -> Fraction:
        return self._order.steps_per_epoch

    def batch(self, index: int) -> Batch:
        """Batch `index` (from 0): the inputs and targets of `batch_size` examples."""
        part = self._train.take(self._share.of(self._order.batch(index)))
        return part.inputs, part.targets
