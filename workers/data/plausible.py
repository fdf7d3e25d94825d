"""Whether data look like what was meant: images that are not blank, and more than one class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workers.errors import InputError
from workers.text import plural

SAMPLE = 1000
"""How many images of a part are inspected at most."""

_FEW_LEVELS = 16
_MOST_NAMES = 5


def class_notes(
    train_labels: Sequence[int], test_labels: Sequence[int], classes: int, class_names: Sequence[str] = ()
) -> list[str]:
    """What is odd about the labels of a data set. Raises InputError if all training images have the same label."""
    trained = set(train_labels)
    if len(trained) < 2 and len(train_labels) > 1:
        [label] = trained
        raise InputError(
            f"all {plural(len(train_labels), 'training image')} have the same label: "
            f"{class_names[label] if class_names else label}",
            hint="a network needs at least 2 classes to tell apart: check where the labels come from",
        )
    notes = []
    if len(trained) < classes:
        notes.append(f"only {len(trained):,} of {classes:,} classes have training images")
    if lacking := set(test_labels) - trained:
        notes.append(f"classes of test images without training images: {len(lacking):,}")
    return [*notes, *_name_notes(train_labels, class_names)]


def _name_notes(train_labels: Sequence[int], class_names: Sequence[str]) -> list[str]:
    """What is odd about the names of classes: some may mean the same class, or images without a label."""
    notes = []
    spellings: dict[str, list[str]] = {}
    for name in class_names:
        spellings.setdefault(" ".join(name.split()).casefold(), []).append(f"`{name}`")
    if similar := [", ".join(names) for names in spellings.values() if len(names) > 1]:
        more = f"; and {len(similar) - _MOST_NAMES:,} more" if len(similar) > _MOST_NAMES else ""
        listed = "; ".join(similar[:_MOST_NAMES])
        notes.append(f"classes whose names differ only in case or spaces: {listed}{more}")
    if "-1" in class_names:
        count = train_labels.count(class_names.index("-1"))
        notes.append(f"the label -1, which often means unlabeled, is a class: {plural(count, 'training image')}")
    return notes


class PixelRange(NamedTuple):
    """The least and the largest value of an image, and whether it is blank: each channel has only one value."""

    low: int
    high: int
    blank: bool


def pixel_range(planes: np.ndarray) -> PixelRange:
    """The range of an image's planes (C, H · W). An image of a single pixel is not called blank."""
    is_flat = bool((planes.max(1) == planes.min(1)).all())
    return PixelRange(int(planes.min()), int(planes.max()), blank=is_flat and planes.shape[1] > 1)


def pixel_notes(part: str, images: Sequence[PixelRange]) -> list[str]:
    """What is odd about a sample of 8-bit images. Raises InputError if all of them are blank."""
    low, high = min(image.low for image in images), max(image.high for image in images)
    blank = sum(image.blank for image in images)
    if low == high or blank == len(images):
        values = str(low) if low == high else f"{low} to {high}"
        raise InputError(
            f"all {part} images are blank (a single value each; sample of {plural(len(images), 'image')}): {values}",
            hint="check how they are decoded and scaled: pixels must be whole numbers from 0 to 255",
        )
    notes = []
    if blank:
        notes.append(f"{blank:,} of {plural(len(images), f'sampled {part} image')} are blank")
    if high - low < _FEW_LEVELS:
        notes.append(f"the pixels of the {part} images are only from {low} to {high}, of 0 to 255")
    return notes
