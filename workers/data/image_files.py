"""Images that stay in files: sets too large for memory, decoded by DataLoader workers batch by batch."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from workers.data.batches.share import WHOLE, BatchShare
from workers.data.files.damage import refuse_damaged
from workers.data.files.depth import MOST_DEPTH, check_depth
from workers.data.files.file_stream import FilePart, FileStream, Reading
from workers.data.files.file_survey import survey
from workers.data.image_facts import ImageFacts
from workers.data.plausible import class_notes
from workers.data.split import check_classes_left, hold_out
from workers.errors import BadInput
from workers.text import plural
from workers.trial import Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFiles:
    """Files with images of any size, cropped to squares of `image_size` pixels, and their labels, 0 to classes − 1.

    Paths are relative to `root`. `workers` is the number of processes that decode (0: the training process does); it
    changes no result. 16-bit images are read as `bit_depth` bits (16 if not given). `class_names` name the classes in
    order (empty: they are only numbers); `settled` and `notes` are those of `workers.data.source.DataFacts`. Raises
    BadInput if there are no files, or if labels do not fit them.
    """

    root: str
    train_paths: Sequence[str]
    train_labels: Sequence[int]
    test_paths: Sequence[str]
    test_labels: Sequence[int]
    classes: int
    image_size: int = 224
    workers: int = 4
    bit_depth: int | None = None
    class_names: tuple[str, ...] = ()
    settled: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_depth(self.bit_depth)
        for part, paths, labels in self._given():
            if not paths or len(paths) != len(labels):
                counts = f"{plural(len(paths), 'file')}, {plural(len(labels), 'label')}"
                raise BadInput(
                    f"every {part} file must have a label, and there must be files: {counts}",
                    hint="give paths and labels as lists of the same length",
                )
            if min(labels) < 0 or max(labels) >= self.classes:
                raise BadInput(
                    f"{part} labels must be from 0 to {self.classes - 1} ({self.classes} classes), "
                    f"not {min(labels)} to {max(labels)}",
                    hint="number the classes from 0, and give their number as `classes`",
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
            class_names=self.class_names,
            settled=self.settled,
            notes=self.notes,
        )

    def check_held_out(self, holdout: int) -> None:
        """Raise InputError if no training image of some class is left."""
        check_classes_left(self._parts()[0][2], holdout)

    def inspected(self) -> ImageFiles:
        """These files, with what reading them shows. Raises InputError for files that cannot be meant, BadInput with
        the names of damaged ones.
        """
        notes = class_notes(self.train_labels, self.test_labels, self.classes, self.class_names)
        if both := len(set(self.train_paths) & set(self.test_paths)):
            notes.append(f"files that are both training and test images: {both:,}")
        images = survey(self.root, self.train_paths, self.test_paths, self.bit_depth)
        settled = dict(self.settled)
        if self.bit_depth is None and images.bit_depth not in (None, MOST_DEPTH):
            settled["bit_depth"] = images.bit_depth
        return dataclasses.replace(
            self, bit_depth=images.bit_depth, settled=settled, notes=(*self.notes, *notes, *images.notes)
        )

    def fingerprint(self) -> str:
        """`sha256:` and 32 hexadecimal digits over image size, classes, relative paths, labels and file sizes.

        A `bit_depth` below 16 is part of it too. Files of equal path and size count as equal: reading all of ImageNet
        takes an hour. Raises BadInput with the names of missing files.
        """
        depth = "" if self.bit_depth in (None, MOST_DEPTH) else f"|depth {self.bit_depth}"
        summary = hashlib.sha256(f"files|{self.image_size}|{self.classes}{depth}".encode())
        missing = []
        for part, paths, labels in self._parts():
            for path, label in zip(paths, labels, strict=True):
                try:
                    size = os.path.getsize(os.path.join(self.root, path))
                except OSError as error:
                    missing.append(BadInput(f"{os.path.join(self.root, path)}: {error.strerror}"))
                    continue
                summary.update(f"|{part}|{path}|{label}|{size}".encode(errors="surrogateescape"))
        refuse_damaged(missing)
        return f"sha256:{summary.hexdigest()[:32]}"

    def on(self, device: torch.device, holdout: int, facts: ImageFacts) -> Streamed:
        """The data set for trials on a device."""
        (_, train_paths, train_labels), (_, test_paths, test_labels) = self._parts()
        reading = Reading(self.root, self.image_size, self.bit_depth or MOST_DEPTH, self.workers, device)
        train, held = hold_out(FilePart.of(train_paths, train_labels, reading), holdout)
        return Streamed(
            facts=facts,
            train=train,
            heldout=held,
            test=FilePart.of(test_paths, test_labels, reading),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Streamed:
    """A data set in files. `heldout` are training images used for validation only; they are not in `train`."""

    facts: ImageFacts
    train: FilePart
    heldout: FilePart
    test: FilePart

    def stream(self, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE) -> FileStream:
        """The training batches. Raises InputError if the recipe does not fit these images."""
        return FileStream(self.train, recipe, replicate, stage, share)
