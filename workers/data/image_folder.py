"""Image files in one folder per class: the usual layout of ImageNet."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from workers.data.file_set import TEST_NAMES, TRAIN_NAMES, file_set
from workers.data.files.class_folders import ClassFolders, Sample, class_folders, skipped_note, subfolders
from workers.data.image_files import ImageFiles
from workers.data.stratified import check_one_way, split_test
from workers.errors import InputError


def image_folder(
    *,
    path: str,
    train_split: str | None = None,
    test_split: str | None = None,
    split: Mapping[str, Any] | None = None,
    image_size: int | None = None,
    bit_depth: int | None = None,
    workers: int = 4,
    train_images: int | None = None,
    test_images: int | None = None,
) -> ImageFiles:
    """The images under `path`/train/<class>/ and `path`/val/<class>/, as torchvision's ImageFolder finds them.

    `val` is the test set; `train_split` and `test_split` choose other folders. With `split`, a share of the training
    images (without a folder `train`, of those under `path`/<class>/) is the test set: see `workers.data.stratified`.
    Evaluation uses the center square (224/256 of the shorter side), resized to `image_size`, by default the size of
    the images if all are squares of one size. `train_images` and `test_images` take that many, evenly spaced in the
    order of paths, so that classes keep their shares. Raises InputError if a folder is missing or empty, if the
    classes differ, or if `image_size` must be given.
    """
    root = Path(path)
    if not root.is_dir():
        what = "must be a folder, not a file" if root.exists() else "not found"
        raise InputError(f"`path` {what}: `{path}`", hint="give the folder that holds `train` and `val`")
    parts = _parts(root, train_split, test_split, split)
    images = file_set(
        root=path,
        train=parts.train,
        test=parts.test,
        classes=len(parts.classes),
        class_names=parts.classes,
        image_size=image_size,
        bit_depth=bit_depth,
        workers=workers,
        train_images=train_images,
        test_images=test_images,
    )
    return dataclasses.replace(images, notes=(skipped_note(parts.skipped),)) if parts.skipped else images


class _Parts(NamedTuple):
    """The classes, the training and the test images, and the paths of files that are skipped."""

    classes: list[str]
    train: Sequence[Sample]
    test: Sequence[Sample]
    skipped: Sequence[str]


def _parts(root: Path, train_split: str | None, test_split: str | None, split: Mapping[str, Any] | None) -> _Parts:
    train_name = _named(root, train_split, "train_split", TRAIN_NAMES)
    if split is not None:
        check_one_way({"split": split, "test_split": test_split})
        whole = class_folders(root, train_name or "")
        paths, labels = zip(*whole.samples, strict=True)
        train_rows, test_rows = split_test(paths, labels, split)
        train_samples, test_samples = ([whole.samples[row] for row in rows] for rows in (train_rows, test_rows))
        return _Parts(whole.classes, train_samples, test_samples, whole.skipped)
    test_name = _named(root, test_split, "test_split", TEST_NAMES)
    if train_name is None or test_name is None:
        raise _no_parts(root, "training" if train_name is None else "test")
    train, test = class_folders(root, train_name), class_folders(root, test_name)
    _check_classes(root, train_name, train, test_name, test)
    return _Parts(train.classes, train.samples, test.samples, [*train.skipped, *test.skipped])


def _named(root: Path, given: str | None, argument: str, usual: Sequence[str]) -> str | None:
    """The folder of a part: the given one, else the first usual one that exists, if any."""
    if given is None:
        return next((name for name in usual if (root / name).is_dir()), None)
    if not (root / given).is_dir():
        raise InputError(
            f"`{argument}` not found in `{root}`: `{given}`", hint=f"the folders are {', '.join(subfolders(root)[:10])}"
        )
    return given


def _no_parts(root: Path, part: str) -> InputError:
    folders = ", ".join(subfolders(root)[:10]) or "none"
    return InputError(
        f"cannot read images in `{root}`: no folder of {part} images found; the folders are: {folders}",
        hint="name the folders with `train_split` and `test_split`, or set aside a part of the images as the test set, "
        "for example with `split: {test: 20%, seed: 0}`",
    )


def _check_classes(root: Path, train_name: str, train: ClassFolders, test_name: str, test: ClassFolders) -> None:
    differing = sorted(set(train.classes) ^ set(test.classes))
    if differing:
        raise InputError(
            f"the classes in `{root}`/{train_name} and /{test_name} differ: only one has {', '.join(differing[:5])}",
            hint="give both the same folders of classes",
        )
