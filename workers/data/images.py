"""Images in memory: their facts, and on a device."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.data.batches.share import WHOLE, BatchShare
from workers.data.batches.stream import Stream, eval_inputs
from workers.data.batches.structure import Batch
from workers.data.image_facts import ImageFacts
from workers.data.plausible import SAMPLE, class_notes, pixel_notes, pixel_range
from workers.data.split import Indices, check_classes_left, hold_out
from workers.errors import BadInput
from workers.trial import Recipe

EVALUATION_BATCH = 1000
"""Fixed, because the last bits of a result may depend on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """Decoded images (uint8, (N, C, H, W)) and their labels (int64, (N,), 0 to classes − 1), in main memory.

    `class_names` name the classes in order (empty: they are only numbers), and `notes` say what `plan` shows of the
    data; neither is part of the fingerprint.

    Raises BadInput for tensors of other types, shapes or values.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_part("train", self.train_images, self.train_labels, self.classes)
        _check_part("test", self.test_images, self.test_labels, self.classes)
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            train, test = (tuple(images.shape[1:]) for images in (self.train_images, self.test_images))
            raise BadInput(
                f"training and test images must have the same shape, not {train} and {test}",
                hint="resize or crop both in the same way",
            )

    def fingerprint(self) -> str:
        """`sha256:` and 32 hexadecimal digits over the number of classes and every shape, type and byte."""
        summary = hashlib.sha256(str(self.classes).encode())
        for part in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            summary.update(f"|{part.dtype}|{tuple(part.shape)}|".encode())
            summary.update(part.contiguous().numpy().data)
        return f"sha256:{summary.hexdigest()[:32]}"

    def facts(self) -> ImageFacts:
        channels, height, width = self.train_images.shape[1:]
        return ImageFacts(
            train_images=len(self.train_images),
            test_images=len(self.test_images),
            channels=channels,
            height=height,
            width=width,
            classes=self.classes,
            fingerprint=self.fingerprint(),
            class_names=self.class_names,
            notes=self.notes,
        )

    def check_held_out(self, holdout: int) -> None:
        """Raise InputError if no training image of some class is left."""
        check_classes_left(self.train_labels.tolist(), holdout)

    def inspected(self) -> Images:
        """These images, with notes on what is odd about them. Raises InputError if they cannot be meant."""
        notes = class_notes(self.train_labels.tolist(), self.test_labels.tolist(), self.classes, self.class_names)
        for part, images in (("training", self.train_images), ("test", self.test_images)):
            sample = images[:: -(-len(images) // SAMPLE)]
            notes += pixel_notes(part, [pixel_range(image) for image in sample.flatten(2).numpy()])
        return dataclasses.replace(self, notes=(*self.notes, *notes))

    def on(self, device: torch.device, holdout: int, facts: ImageFacts) -> Resident:
        """The data set on a device."""
        train, held = hold_out(ResidentPart(self.train_images, self.train_labels), holdout)
        return Resident(
            facts=facts,
            train=ResidentPart.on(device, train.images, train.labels),
            heldout=ResidentPart.on(device, held.images, held.labels),
            test=ResidentPart.on(device, self.test_images, self.test_labels),
        )


@dataclass(frozen=True, slots=True)
class ResidentPart:
    """Images on a device, uint8 (N, C, H, W) in channels_last layout, and their labels."""

    images: Tensor
    labels: Tensor

    @classmethod
    def on(cls, device: torch.device, images: Tensor, labels: Tensor) -> ResidentPart:
        return cls(images.to(device, memory_format=torch.channels_last), labels.to(device))

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, which: Indices) -> ResidentPart:
        """The images at some indices, in that order."""
        indices = torch.from_numpy(which).to(self.labels.device)
        return ResidentPart(self.images[indices], self.labels[indices])

    def batches(self, recipe: Recipe) -> Iterator[Batch]:
        """All images in order, normalized, and their labels, 1,000 at a time."""
        for images, labels in zip(
            self.images.split(EVALUATION_BATCH), self.labels.split(EVALUATION_BATCH), strict=True
        ):
            yield eval_inputs(images, recipe), labels


@dataclass(frozen=True, kw_only=True, slots=True)
class Resident:
    """A data set on a device, shared by all trials of a process: nothing may write to it.

    `heldout` are training images used for validation only; they are not in `train`.
    """

    facts: ImageFacts
    train: ResidentPart
    heldout: ResidentPart
    test: ResidentPart

    def stream(self, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE) -> Stream:
        """The training batches. Raises InputError if the recipe does not fit these images."""
        return Stream(self.train.images, self.train.labels, recipe, replicate, stage, share)


def _check_part(part: str, images: Tensor, labels: Tensor, classes: int) -> None:
    for what, values in (("images", images), ("labels", labels)):
        if not isinstance(values, Tensor):
            raise BadInput(
                f"{part} {what} must be a torch tensor, not {type(values).__name__}",
                hint="convert arrays with `torch.from_numpy(...)`, lists with `torch.tensor(...)`, and number classes "
                "that are text from 0",
            )
    if not images.numel():
        raise BadInput(
            f"{part} images must not be empty: {tuple(images.shape)}",
            hint="check the path or the selection that they come from",
        )
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise BadInput(
            f"{part} images must be uint8 of shape (N, C, H, W), not {images.dtype} {tuple(images.shape)}",
            hint="give whole numbers from 0 to 255, with the channels (also a single one) before height and width",
        )
    if labels.dtype != torch.int64 or labels.shape != (len(images),):
        raise BadInput(
            f"{part} labels must be int64 of shape ({len(images)},), not {labels.dtype} {tuple(labels.shape)}",
            hint="give each image one number of a class: `labels.to(torch.int64)`, one-hot labels `.argmax(1)`",
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise BadInput(
            f"{part} labels must be from 0 to {classes - 1} ({classes} classes), not {low} to {high}",
            hint="number the classes from 0, and give their number as `classes`",
        )
