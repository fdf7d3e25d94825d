"""Images that stay in files, batch by batch: the training batches of a trial, and parts to evaluate on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from workers.data.batches.loading import ReadAhead, loaded
from workers.data.batches.order import Order
from workers.data.batches.share import WHOLE, BatchShare
from workers.data.batches.stream import Augmentation, eval_inputs
from workers.data.batches.structure import Batch
from workers.data.files.crops import DRAWS, TRIES, read
from workers.data.split import Indices
from workers.seeds import seed
from workers.trial import Recipe

Labeled = tuple[Tensor, Tensor]
"""Images and their labels."""

EVALUATION_BATCH = 100
"""Fixed, because the last bits of a result may depend on it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: `workers` processes decode those under `root` to squares of `image_size` pixels."""

    root: str
    image_size: int
    bit_depth: int
    workers: int
    device: torch.device

    def bytes(self, images: int) -> int:
        """The size of a batch of RGB images."""
        return images * 3 * self.image_size**2


@dataclass(frozen=True, slots=True)
class FilePart:
    """Some files of a data set and their labels.

    `paths` is one array of bytes: a million Python strings would be slow to copy to every worker.
    """

    paths: np.ndarray[Any, Any]
    labels: Tensor
    reading: Reading

    @classmethod
    def of(cls, paths: Sequence[str], labels: Sequence[int], reading: Reading) -> FilePart:
        encoded = np.array([os.fsencode(path) for path in paths])
        return cls(encoded, torch.tensor(labels, dtype=torch.int64), reading)

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, which: Indices) -> FilePart:
        """The images at some indices, in that order."""
        labels = self.labels[torch.from_numpy(which)]
        return FilePart(self.paths[which], labels, self.reading)

    def read(self, which: Tensor, draws: Tensor | None = None) -> Labeled:
        """The images at some indices, uint8 (N, H, W, C), and their labels, on the CPU (`draws`: see `crops.read`)."""
        how = self.reading
        names = [os.path.join(how.root, os.fsdecode(path)) for path in self.paths[which.numpy()]]
        choices = [None] * len(names) if draws is None else draws.tolist()
        images = [
            read(name, how.image_size, choice, how.bit_depth) for name, choice in zip(names, choices, strict=True)
        ]
        return torch.from_numpy(np.stack(images)), self.labels[which]

    def batches(self, recipe: Recipe) -> Iterator[Batch]:
        """All images in order, normalized, and their labels, on the device, 100 at a time."""
        number = -(-len(self) // EVALUATION_BATCH)
        how = self.reading
        helpers = min(how.workers, number - 1)  # starting one takes longer than decoding a batch
        for images, labels in loaded(_InOrder(self), range(number), helpers, how.device, how.bytes(EVALUATION_BATCH)):
            yield eval_inputs(images.permute(0, 3, 1, 2), recipe), labels


class FileStream:
    """Training batches from files, as pure functions of (replicate, stage, i).

    Consecutive batches are decoded ahead; any other batch starts new workers. Only the images of the `share` are read.
    Raises InputError for a batch size below 1, and for augmentation or normalization that does not fit.
    """

    def __init__(self, files: FilePart, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE) -> None:
        batches, how = _Shuffled(files, recipe, replicate, stage, share), files.reading
        self._finish = Augmentation(recipe, replicate, stage, 3, how.device, share)
        self._batches = ReadAhead(batches, how.workers, how.device, how.bytes(recipe.batch_size // share.ranks))
        self.steps_per_epoch = batches.order.steps_per_epoch

    def batch(self, index: int) -> Labeled:
        """Batch `index` (from 0): inputs, float32 (batch size, 3, H, W) in channels_last, and labels."""
        images, labels = self._batches.batch(index)
        return self._finish(images, index), labels


class _InOrder(Dataset[Labeled]):
    """Evaluation batches by number."""

    def __init__(self, files: FilePart) -> None:
        self._files = files

    def __getitem__(self, index: int) -> Labeled:
        first = index * EVALUATION_BATCH
        return self._files.read(torch.arange(first, min(first + EVALUATION_BATCH, len(self._files))))


class _Shuffled(Dataset[Labeled]):
    """Training batches by number, randomly cropped if the recipe says so."""

    def __init__(self, files: FilePart, recipe: Recipe, replicate: int, stage: str, share: BatchShare) -> None:
        self.order = Order(len(files), recipe.batch_size, replicate, stage)
        self._files = files
        self._share = share
        self._crop = recipe.random_resized_crop
        self._purpose = (replicate, stage)

    def __getitem__(self, index: int) -> Labeled:
        whole = self.order.batch(index)
        which = self._share.of(whole)
        if not self._crop:
            return self._files.read(which)
        generator = torch.Generator().manual_seed(seed(*self._purpose, "crop", index))
        draws = torch.rand(len(whole), TRIES, DRAWS, generator=generator, dtype=torch.float64)
        return self._files.read(which, self._share.of(draws))
