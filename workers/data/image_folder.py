"""Image files in one folder per class: the usual layout of ImageNet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workers.data.image_files import ImageFiles
from workers.data.split import subset_size
from workers.errors import InputError
from workers.torchvision_import import torchvision

Sample = tuple[str, int]


def image_folder(
    *,
    path: str,
    image_size: int = 224,
    workers: int = 4,
    train_images: int | None = None,
    test_images: int | None = None,
) -> ImageFiles:
    """The images under `path`/train/<class>/ and `path`/val/<class>/, as torchvision's ImageFolder finds them.

    `val` is the test set. Evaluation uses the center square (224/256 of the shorter side), resized to `image_size`.
    `train_images` and `test_images` take that many, evenly spaced in the order of paths, so that classes keep their
    shares. Raises InputError if a folder is missing or empty, or if the classes differ.
    """
    if image_size < 1 or workers < 0:
        raise InputError(f"`image_size` must be at least 1 and `workers` at least 0, not {image_size} and {workers}")
    train, test = (_folder(Path(path) / part) for part in ("train", "val"))
    if train.classes != test.classes:
        differing = sorted(set(train.classes) ^ set(test.classes))
        raise InputError(f"the classes in `{path}`/train and /val differ: only one has {', '.join(differing[:5])}")
    root = os.path.join(str(Path(path)), "")  # torchvision names `./images` as `images`
    train_files = _spaced(train.samples, "train_images", train_images, path)
    test_files = _spaced(test.samples, "test_images", test_images, path)
    return ImageFiles(
        root=path,
        train_paths=[name.removeprefix(root) for name, _ in train_files],
        train_labels=[label for _, label in train_files],
        test_paths=[name.removeprefix(root) for name, _ in test_files],
        test_labels=[label for _, label in test_files],
        classes=len(train.classes),
        image_size=image_size,
        workers=workers,
    )


def _spaced(samples: Sequence[Sample], argument: str, count: int | None, path: str) -> list[Sample]:
    size = subset_size(argument, count, len(samples), path)
    return [samples[index * len(samples) // size] for index in range(size)]


def _folder(path: Path) -> Any:
    try:
        return torchvision("datasets").ImageFolder(str(path))
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"cannot read images in `{path}`: {reason}",
            hint="set `path` to the folder with `train` and `val`, which hold one folder of images per class",
        ) from error
