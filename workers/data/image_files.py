"""Images that stay in files: sets too large for memory, decoded by DataLoader workers batch by batch."""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from workers.data.crops import DRAWS, TRIES, read
from workers.data.order import Order
from workers.data.source import ImageFacts
from workers.data.split import Indices, holdout_indices, training_indices
from workers.data.stream import Augmentation
from workers.errors import BadInput, PrunesweepError
from workers.seeds import seed
from workers.text import plural
from workers.trial import Recipe

EVALUATION_BATCH = 100
"""Fixed, because the last bits of a result may depend on it."""

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFiles:
    """Files with images of any size, cropped to squares of `image_size` pixels, and their labels, 0 to classes − 1.

    Paths are relative to `root`. `workers` is the number of processes that decode (0: the training process does); it
    changes no result. Raises BadInput if there are no files, or if labels do not fit them.
    """

    root: str
    train_paths: Sequence[str]
    train_labels: Sequence[int]
    test_paths: Sequence[str]
    test_labels: Sequence[int]
    classes: int
    image_size: int = 224
    workers: int = 4

    def __post_init__(self) -> None:
        for part, paths, labels in self._given():
            if not paths or len(paths) != len(labels):
                counts = f"{plural(len(paths), 'file')}, {plural(len(labels), 'label')}"
                raise BadInput(f"every {part} file must have a label, and there must be files: {counts}")
            if min(labels) < 0 or max(labels) >= self.classes:
                raise BadInput(
                    f"{part} labels must be from 0 to {self.classes - 1} ({self.classes} classes), "
                    f"not {min(labels)} to {max(labels)}"
                )

    def facts(self) -> ImageFacts:
        return ImageFacts(
            train_images=len(self.train_paths),
            test_images=len(self.test_paths),
            channels=3,
            height=self.image_size,
            width=self.image_size,
            classes=self.classes,
            fingerprint=self.fingerprint(),
        )

    def fingerprint(self) -> str:
        """`sha256:` and 32 hexadecimal digits over image size, classes, relative paths, labels and file sizes.

        Files of equal path and size count as equal: reading all of ImageNet takes an hour. Raises BadInput for a
        missing file.
        """
        summary = hashlib.sha256(f"files|{self.image_size}|{self.classes}".encode())
        for part, paths, labels in self._parts():
            for path, label in zip(paths, labels, strict=True):
                try:
                    size = os.path.getsize(os.path.join(self.root, path))
                except OSError as error:
                    raise BadInput(f"{os.path.join(self.root, path)}: {error.strerror}") from error
                summary.update(f"|{part}|{path}|{label}|{size}".encode(errors="surrogateescape"))
        return f"sha256:{summary.hexdigest()[:32]}"

    def on(self, device: torch.device, holdout: int, facts: ImageFacts) -> Streamed:
        """The data set for trials on a device."""
        (_, train_paths, train_labels), (_, test_paths, test_labels) = self._parts()
        train = FilePart.of(self, train_paths, train_labels, device)
        return Streamed(
            facts=facts,
            train=train.select(training_indices(len(train), holdout)) if holdout else train,
            heldout=train.select(holdout_indices(len(train), holdout)),
            test=FilePart.of(self, test_paths, test_labels, device),
        )

    def _parts(self) -> list[tuple[str, Sequence[str], Sequence[int]]]:
        """Both parts in the order of their paths, since machines list files in different orders."""
        parts: list[tuple[str, Sequence[str], Sequence[int]]] = []
        for part, paths, labels in self._given():
            order = sorted(range(len(paths)), key=lambda index: (paths[index], labels[index]))
            parts.append((part, [paths[index] for index in order], [labels[index] for index in order]))
        return parts

    def _given(self) -> list[tuple[str, Sequence[str], Sequence[int]]]:
        return [
            ("train", self.train_paths, self.train_labels),
            ("test", self.test_paths, self.test_labels),
        ]


@dataclass(frozen=True, slots=True)
class FilePart:
    """Some files of a data set and their labels.

    `paths` is one array of bytes: a million Python strings would be slow to copy to every worker.
    """

    paths: np.ndarray[Any, Any]
    labels: Tensor
    root: str
    image_size: int
    workers: int
    device: torch.device

    @classmethod
    def of(cls, files: ImageFiles, paths: Sequence[str], labels: Sequence[int], device: torch.device) -> FilePart:
        encoded = np.array([os.fsencode(path) for path in paths])
        whole = torch.tensor(labels, dtype=torch.int64)
        return cls(encoded, whole, files.root, files.image_size, files.workers, device)

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, which: Indices) -> FilePart:
        """The images at some indices, in that order."""
        labels = self.labels[torch.from_numpy(which)]
        return FilePart(self.paths[which], labels, self.root, self.image_size, self.workers, self.device)

    def read(self, which: Tensor, draws: Tensor | None = None) -> Batch:
        """The images at some indices, uint8 (N, H, W, C), and their labels, on the CPU (`draws`: see `crops.read`)."""
        names = [os.path.join(self.root, os.fsdecode(path)) for path in self.paths[which.numpy()]]
        choices = [None] * len(names) if draws is None else draws.tolist()
        images = [read(name, self.image_size, choice) for name, choice in zip(names, choices, strict=True)]
        return torch.from_numpy(np.stack(images)), self.labels[which]

    def batches(self) -> Iterator[Batch]:
        """All images in order: uint8 (N, C, H, W) and labels on the device, 100 at a time."""
        number = -(-len(self) // EVALUATION_BATCH)
        helpers = min(self.workers, number - 1)  # starting one takes longer than decoding a batch
        for images, labels in _loaded(_InOrder(self), range(number), helpers, self.device):
            yield images.permute(0, 3, 1, 2), labels


@dataclass(frozen=True, kw_only=True, slots=True)
class Streamed:
    """A data set in files. `heldout` are training images used for validation only; they are not in `train`."""

    facts: ImageFacts
    train: FilePart
    heldout: FilePart
    test: FilePart

    def stream(self, recipe: Recipe, replicate: int, stage: str) -> FileStream:
        """The training batches. Raises InputError if the recipe does not fit these images."""
        return FileStream(self.train, recipe, replicate, stage)


class FileStream:
    """Training batches from files, as pure functions of (replicate, stage, i).

    Consecutive batches are decoded ahead; any other batch starts new workers. Raises InputError for a batch size below
    1, and for augmentation or normalization that does not fit.
    """

    def __init__(self, files: FilePart, recipe: Recipe, replicate: int, stage: str) -> None:
        self._batches = _Shuffled(files, recipe, replicate, stage)
        self._finish = Augmentation(recipe, replicate, stage, 3, files.device)
        self._files = files
        self._next = -1
        self._ahead: Iterator[Batch] = iter(())

    @property
    def steps_per_epoch(self) -> Fraction:
        return self._batches.order.steps_per_epoch

    def batch(self, index: int) -> tuple[Tensor, Tensor]:
        """Batch `index` (from 0): inputs, float32 (batch size, 3, H, W) in channels_last, and labels."""
        if index != self._next:
            self._ahead = _loaded(self._batches, count(index), self._files.workers, self._files.device)
        images, labels = next(self._ahead)
        self._next = index + 1
        return self._finish(images, index), labels


class _InOrder(Dataset[Batch]):
    """Evaluation batches by number."""

    def __init__(self, files: FilePart) -> None:
        self._files = files

    def __getitem__(self, index: int) -> Batch:
        first = index * EVALUATION_BATCH
        return self._files.read(torch.arange(first, min(first + EVALUATION_BATCH, len(self._files))))


class _Shuffled(Dataset[Batch]):
    """Training batches by number, randomly cropped if the recipe says so."""

    def __init__(self, files: FilePart, recipe: Recipe, replicate: int, stage: str) -> None:
        self.order = Order(len(files), recipe.batch_size, replicate, stage)
        self._files = files
        self._crop = recipe.random_resized_crop
        self._purpose = (replicate, stage)

    def __getitem__(self, index: int) -> Batch:
        which = self.order.batch(index)
        if not self._crop:
            return self._files.read(which)
        generator = torch.Generator().manual_seed(seed(*self._purpose, "crop", index))
        return self._files.read(which, torch.rand(len(which), TRIES, DRAWS, generator=generator, dtype=torch.float64))


class _Caught(Dataset[Any]):
    """Errors as items, so that they reach the training process unchanged, not as text in another error."""

    def __init__(self, batches: Dataset[Batch]) -> None:
        self._batches = batches

    def __getitem__(self, index: int) -> Batch | PrunesweepError:
        try:
            return self._batches[index]
        except PrunesweepError as error:
            return error


def _loaded(batches: Dataset[Batch], indices: Iterable[int], workers: int, device: torch.device) -> Iterator[Batch]:
    """The batches at some indices, in that order, decoded ahead by `workers` processes and moved to a device."""
    loader: DataLoader[Any] = DataLoader(
        _Caught(batches),
        batch_size=None,
        sampler=indices,
        num_workers=workers,
        collate_fn=_unchanged,
        pin_memory=device.type == "cuda",
        multiprocessing_context="spawn" if workers else None,  # forking a process with threads may hang
        worker_init_fn=_leave_quietly if workers else None,
        generator=torch.Generator(),  # so that torch's default generator is not used
    )
    for item in loader:
        if isinstance(item, PrunesweepError):
            raise item
        images, labels = item
        yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)


def _leave_quietly(worker: int) -> None:
    """Exit without C++ cleanup, which occasionally aborts the process while one of its threads still runs."""
    atexit.register(os._exit, 0)


def _unchanged(item: Any) -> Any:
    return item
