"""CIFAR-10 and CIFAR-100 through torchvision."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from workers.data import DEFAULT_ROOT
from workers.data.images import Images
from workers.data.split import subset_size
from workers.errors import InputError
from workers.torchvision_import import torchvision


def cifar10(
    *, root: str = DEFAULT_ROOT, download: bool = False, train_images: int | None = None, test_images: int | None = None
) -> Images:
    """CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images of 3×32×32 pixels in 10 classes.

    `train_images` and `test_images` take the first ones, which are in random order. Raises InputError if the data are
    not under `root` and `download` is false, or if torchvision does not work.
    """
    return _load("CIFAR10", 10, root, download, {"train_images": train_images, "test_images": test_images})


def cifar100(
    *, root: str = DEFAULT_ROOT, download: bool = False, train_images: int | None = None, test_images: int | None = None
) -> Images:
    """CIFAR-100 (Krizhevsky 2009): like `cifar10`, in 100 classes."""
    return _load("CIFAR100", 100, root, download, {"train_images": train_images, "test_images": test_images})


def _load(name: str, classes: int, root: str, download: bool, counts: dict[str, int | None]) -> Images:
    factory = getattr(torchvision("datasets"), name)
    try:
        train, test = (factory(root=root, train=part, download=download) for part in (True, False))
    except (RuntimeError, OSError) as error:
        hint = f"set `root` to the folder that has it, or `download: true` to fetch it into `{root}`"
        if download:
            hint = f"check the network and that `{root}` is writable, or set `root` to a folder that has it"
        raise InputError(f"{name} cannot be read from `{root}`: {error}", hint=hint) from error
    sizes = [
        subset_size(argument, count, len(part.targets), root)
        for (argument, count), part in zip(counts.items(), (train, test), strict=True)
    ]
    train_images, train_labels = _tensors(train, sizes[0])
    test_images, test_labels = _tensors(test, sizes[1])
    return Images(
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        classes=classes,
    )


def _tensors(part: Any, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first `count` images (N, H, W, C) and labels as tensors (count, C, H, W) and (count,)."""
    images = torch.from_numpy(np.ascontiguousarray(part.data[:count].transpose(0, 3, 1, 2)))
    return images, torch.tensor(part.targets[:count], dtype=torch.int64)
