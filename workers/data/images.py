"""Data sets by name, and those that are in memory: their facts, and their images on a device."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workers.data import DATASETS, DEFAULT_ROOT, missing_folder
from workers.data.batches.share import WHOLE, BatchShare
from workers.data.batches.stream import Stream
from workers.data.plausible import SAMPLE, check_held_out, class_notes, pixel_notes, pixel_range
from workers.data.source import Data, ImageFacts, Source
from workers.data.split import Indices, holdout_indices, training_indices
from workers.errors import BadInput, InputError
from workers.registry import call, is_own, lookup
from workers.text import plural
from workers.trial import Dataset, Recipe

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

    def training_labels(self) -> Sequence[int]:
        """The labels of all training images, in order."""
        labels: list[int] = self.train_labels.tolist()
        return labels

    def inspected(self) -> Images:
        """These images, with notes on what is odd about them. Raises InputError if they cannot be meant."""
        notes = class_notes(self.train_labels.tolist(), self.test_labels.tolist(), self.classes, self.class_names)
        for part, images in (("training", self.train_images), ("test", self.test_images)):
            sample = images[:: -(-len(images) // SAMPLE)]
            notes += pixel_notes(part, [pixel_range(image) for image in sample.flatten(2).numpy()])
        return dataclasses.replace(self, notes=(*self.notes, *notes))

    def on(self, device: torch.device, holdout: int, facts: ImageFacts) -> Resident:
        """The data set on a device."""
        held = torch.from_numpy(holdout_indices(facts.train_images, holdout))
        rest = torch.from_numpy(training_indices(facts.train_images, holdout)) if holdout else slice(None)
        return Resident(
            facts=facts,
            train=ResidentPart.on(device, self.train_images[rest], self.train_labels[rest]),
            heldout=ResidentPart.on(device, self.train_images[held], self.train_labels[held]),
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

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All images in order, 1,000 at a time."""
        return zip(self.images.split(EVALUATION_BATCH), self.labels.split(EVALUATION_BATCH), strict=True)


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


def load_images(dataset: Dataset) -> Source:
    """The images of a data set; the last two sets stay in memory.

    Raises InputError for an unknown data set, missing files, and arguments that do not fit. If the data set has a
    fingerprint, raises BadInput instead, and for any other data: a trial was planned with it.
    """
    return _load_checked(dataset)[0]


def load_facts(dataset: Dataset) -> ImageFacts:
    """The facts of a data set, registered or found by loading it. Raises the errors of `load_images`.

    Registered facts need no data, since a sweep may be planned elsewhere; but a `root` of the user's must have them.
    """
    registered = _registered_facts(dataset.name, dataset.arguments)
    if registered:
        _check_root(dataset)
    if not registered:
        return _inspected(dataset)
    facts = ImageFacts(**registered)
    _check_holdout(dataset, facts)
    return facts


def _inspected(dataset: Dataset) -> ImageFacts:
    """The facts of a data set that is worth training on. Raises InputError for data that cannot be meant."""
    source, _ = _load_checked(dataset)
    check_held_out(source.training_labels(), dataset.holdout)
    facts = source.inspected().facts()
    if facts.settled and is_own(dataset.name):
        arguments = ", ".join(f"{name}={value}" for name, value in facts.settled.items())
        raise InputError(
            f"the files of data set `{dataset.name}` need other arguments: ImageFiles({arguments})",
            hint="; ".join(facts.notes),
        )
    return facts


def open_data(dataset: Dataset, device: torch.device) -> Data:
    """A data set for trials on a device; the last two stay there. Raises the errors of `load_images`."""
    _load_checked(dataset)
    return _open(dataset.name, _key(dataset), os.getcwd(), dataset.holdout, device)


def forget_loaded() -> None:
    """Load data sets again when they are needed next."""
    _load.cache_clear()
    _open.cache_clear()


def _load_checked(dataset: Dataset) -> tuple[Source, ImageFacts]:
    try:
        images, facts = _load(dataset.name, _key(dataset), os.getcwd())
        if dataset.fingerprint not in ("", facts.fingerprint):  # what was loaded before may be out of date
            forget_loaded()
            images, facts = _load(dataset.name, _key(dataset), os.getcwd())
    except InputError as error:
        if dataset.fingerprint:
            raise BadInput(error.message, hint=error.hint) from error
        raise
    if dataset.fingerprint not in ("", facts.fingerprint):
        where = ", ".join(f"{key} `{value}`" for key, value in dataset.arguments.items()) or "no arguments"
        raise BadInput(
            f"the data have changed since the sweep was planned: data set `{dataset.name}` ({where}) has fingerprint "
            f"`{facts.fingerprint}`, not `{dataset.fingerprint}`",
            hint="restore the old data, or use another store",
        )
    _check_holdout(dataset, facts)
    return images, facts


def _registered_facts(name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The registered facts of a data set, unless only a part of it is asked for."""
    if arguments.keys() & {"train_images", "test_images"}:
        return {}
    return lookup(DATASETS, name, "data set").facts


def _check_root(dataset: Dataset) -> None:
    """Raise InputError if data are neither in the `root` that a data set gives nor to be downloaded.

    The default is what presets name, which are planned without data.
    """
    place = missing_folder(dataset.name, dataset.arguments)
    root = dataset.arguments.get("root", DEFAULT_ROOT)
    if place is not None and root != DEFAULT_ROOT:
        raise InputError(
            f"data set `{dataset.name}` not found: `{place}`",
            hint=f"set `root` to the folder that holds it, or `download: true` to fetch it into `{root}`",
        )


def _check_holdout(dataset: Dataset, facts: ImageFacts) -> None:
    if not 0 <= dataset.holdout < facts.train_images:
        limit = f"at least 0 and below the {plural(facts.train_images, 'training image')}"
        error = InputError(f"`holdout` must be {limit}: {dataset.holdout:,}", hint="hold out fewer images")
        error.about = "evaluation"
        raise error


@functools.lru_cache(maxsize=2)
def _load(name: str, key: str, folder: str) -> tuple[Source, ImageFacts]:
    """A data set and its facts. `folder` is the current one, which relative paths begin in."""
    entry = lookup(DATASETS, name, "data set")
    images = call(entry, "data set", name, json.loads(key))
    if not isinstance(images, Source):
        hint = "return `prunesweep.Images(...)` or `prunesweep.ImageFiles(...)`, an object and not its class"
        raise BadInput(f"data set `{name}` returned {type(images).__name__}, not prunesweep.Images", hint=hint)
    facts = images.facts()
    if registered := _registered_facts(name, json.loads(key)):  # the factory has verified the data by other means
        facts = dataclasses.replace(facts, fingerprint=registered["fingerprint"])
    return images, facts


@functools.lru_cache(maxsize=2)
def _open(name: str, key: str, folder: str, holdout: int, device: torch.device) -> Data:
    images, facts = _load(name, key, folder)
    return images.on(device, holdout, facts)


def kept_datasets() -> int:
    """How many data sets this process keeps on its device for trials to come."""
    return _open.cache_info().currsize


def _key(dataset: Dataset) -> str:
    return json.dumps(dataset.arguments, sort_keys=True)


def _check_part(part: str, images: Tensor, labels: Tensor, classes: int) -> None:
    for what, values in (("images", images), ("labels", labels)):
        if not isinstance(values, Tensor):
            raise BadInput(
                f"{part} {what} must be a torch tensor, not {type(values).__name__}",
                hint="convert arrays with `torch.from_numpy(...)`, lists with `torch.tensor(...)`, and number classes "
                "that are text from 0",
            )
    if images.dtype != torch.uint8 or images.ndim != 4 or 0 in images.shape:
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
