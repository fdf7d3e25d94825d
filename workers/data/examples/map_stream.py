"""Map-style data sets batch by batch: the training batches of a trial, and parts to evaluate on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from workers.data.batches.loading import ReadAhead, loaded
from workers.data.batches.order import Order
from workers.data.batches.share import WHOLE, BatchShare
from workers.data.batches.structure import Batch, mapped, tensors
from workers.data.examples.fingerprint import Fingerprint
from workers.data.examples.reading import ExampleReading, MapStyle, fixed_seeds, training_seeds
from workers.data.examples.recipe_check import refuse_image_settings
from workers.data.examples.resident import EVALUATION_BATCH
from workers.data.source import DataFacts
from workers.data.split import Indices
from workers.errors import BadInput
from workers.seeds import seed
from workers.trial import Recipe


@dataclass(frozen=True, slots=True)
class MapPart:
    """Some examples of a map-style data set. `name` is that of the part: `train`, `test` or `validation`."""

    name: str
    dataset: MapStyle
    which: Indices
    reading: ExampleReading

    @classmethod
    def of(cls, name: str, dataset: MapStyle, reading: ExampleReading) -> MapPart:
        return cls(name, dataset, np.arange(len(dataset)), reading)

    def __len__(self) -> int:
        return len(self.which)

    def select(self, which: Indices) -> MapPart:
        """The examples at some indices, in that order."""
        return MapPart(self.name, self.dataset, self.which[which], self.reading)

    def read(self, first: int, end: int) -> Batch:
        """The examples from position `first` to `end`, not augmented, on the CPU: the same each time."""
        which = self.which[first:end].tolist()
        return self.reading.batch(
            self.dataset, which, fixed_seeds(self.name, which), seed(self.name, "batch", first), train=False
        )

    def check_repeatable(self) -> None:
        """Raise BadInput if the first example, augmented, differs when it is read again with the same seeds."""
        which = self.which[:1].tolist()
        seeds = fixed_seeds(self.name, which)
        digests = set()
        for _ in range(2):
            summary = Fingerprint("example")
            summary.add("batch", self.reading.batch(self.dataset, which, seeds, 0, train=True))
            digests.add(summary.text())
        if len(digests) > 1:
            raise BadInput(
                "training examples differ when they are read again",
                hint="draw random numbers from the generators of torch, NumPy or Python, which are seeded for each "
                "example, or from the one that `augment` gets; and change copies of examples, not the examples",
            )

    def bytes(self) -> int:
        """The size of an evaluation batch, from that of its first example."""
        inputs, targets = self.read(0, 1)
        return EVALUATION_BATCH * sum(tensor.nbytes for tensor in (*tensors(inputs), *tensors(targets)))

    def batches(self, recipe: Recipe) -> Iterator[Batch]:
        """All examples in order, on the device, 100 at a time."""
        number = -(-len(self) // EVALUATION_BATCH)
        workers = min(self.reading.workers, number - 1)  # starting one takes longer than reading a batch
        size = self.bytes() if workers else 0
        yield from loaded(_InOrderExamples(self), range(number), workers, self.reading.device, size)


@dataclass(frozen=True, kw_only=True, slots=True)
class MapData:
    """A data set of map-style parts. `heldout` are examples used for validation only; they are not in `train`."""

    facts: DataFacts
    train: MapPart
    heldout: MapPart
    test: MapPart

    def stream(self, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE) -> MapStream:
        """The training batches. Raises InputError if the recipe does not fit these data."""
        return MapStream(self.train, recipe, replicate, stage, share)


class MapStream:
    """Training batches of a map-style data set, as pure functions of (replicate, stage, i).

    Consecutive batches are read ahead; any other batch starts new processes. Raises InputError for a batch size below
    1, and for settings of the recipe that need images.
    """

    def __init__(self, train: MapPart, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE) -> None:
        refuse_image_settings(recipe)
        batches, how = _ShuffledExamples(train, recipe, replicate, stage, share), train.reading
        size = recipe.batch_size * train.bytes() // EVALUATION_BATCH if how.workers else 0
        self._batches = ReadAhead(batches, how.workers, how.device, size)
        self.steps_per_epoch = batches.order.steps_per_epoch

    def batch(self, index: int) -> Batch:
        """Batch `index` (from 0): the inputs and targets of `batch_size` examples."""
        return self._batches.batch(index)


class _InOrderExamples(Dataset[Batch]):
    """Evaluation batches by number."""

    def __init__(self, part: MapPart) -> None:
        self._part = part

    def __getitem__(self, index: int) -> Batch:
        first = index * EVALUATION_BATCH
        return self._part.read(first, min(first + EVALUATION_BATCH, len(self._part)))


class _ShuffledExamples(Dataset[Batch]):
    """Training batches by number.

    Of a share of a batch only its examples are read, unless a `collate_fn` of the user's own makes the batch: what it
    does, such as padding, may depend on all of them.
    """

    def __init__(self, train: MapPart, recipe: Recipe, replicate: int, stage: str, share: BatchShare) -> None:
        self.order = Order(len(train), recipe.batch_size, replicate, stage)
        self._train = train
        self._share = share
        self._purpose = (replicate, stage)

    def __getitem__(self, index: int) -> Batch:
        reading = self._train.reading
        which = torch.from_numpy(self._train.which)[self.order.batch(index)]
        epochs = self.order.epochs(index)
        if reading.collate_fn is None:
            which, epochs = self._share.of(which), self._share.of(epochs)
        seeds = training_seeds(*self._purpose, epochs, which)
        batch_seed = seed(*self._purpose, "batch", index)
        inputs, targets = reading.batch(self._train.dataset, which.tolist(), seeds, batch_seed, train=True)
        if reading.collate_fn is None:
            return inputs, targets
        return mapped(self._share.of, inputs), mapped(self._share.of, targets)
