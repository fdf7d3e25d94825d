"""Image files with their labels as a data set, whichever way they were found."""

from __future__ import annotations

from collections.abc import Sequence

from workers.data.files.class_folders import Sample
from workers.data.files.image_sizes import common_size
from workers.data.image_files import ImageFiles
from workers.data.split import subset_size
from workers.errors import InputError

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("val", "validation", "valid", "test", "testing")
"""Usual names of the parts of a data set: the first that exists is used."""


def file_set(
    *,
    root: str,
    train: Sequence[Sample],
    test: Sequence[Sample],
    classes: int,
    class_names: Sequence[str],
    image_size: int | None,
    bit_depth: int | None,
    workers: int,
    train_images: int | None,
    test_images: int | None,
) -> ImageFiles:
    """Samples below `root` as a data set; `image_size` None takes the size of the images.

    `train_images` and `test_images` take that many, evenly spaced. Raises InputError for an argument that does not fit,
    and if `image_size` must be given.
    """
    if workers < 0:
        raise InputError(f"`workers` must be at least 0: {workers}")
    if image_size is not None and image_size < 1:
        raise InputError(f"`image_size` must be at least 1: {image_size}")
    train = _spaced(train, "train_images", train_images, root)
    test = _spaced(test, "test_images", test_images, root)
    size = image_size or common_size(root, [sample.path for sample in (*train, *test)])
    return ImageFiles(
        root=root,
        train_paths=[sample.path for sample in train],
        train_labels=[sample.label for sample in train],
        test_paths=[sample.path for sample in test],
        test_labels=[sample.label for sample in test],
        classes=classes,
        image_size=size,
        workers=workers,
        bit_depth=bit_depth,
        class_names=tuple(class_names),
        settled={} if image_size else {"image_size": size},
    )


def _spaced(samples: Sequence[Sample], argument: str, count: int | None, path: str) -> Sequence[Sample]:
    size = subset_size(argument, count, len(samples), path)
    return [samples[index * len(samples) // size] for index in range(size)]
