"""Random images that a network can learn to classify, for tests and benchmarks."""

from __future__ import annotations

import numpy as np
import torch

from workers.data import TRAIN_IMAGES
from workers.data.images import Images
from workers.errors import InputError


def synthetic(
    *,
    train_images: int = TRAIN_IMAGES["synthetic"],
    test_images: int = 500,
    classes: int = 10,
    channels: int = 1,
    size: int = 8,
    seed: int = 0,
) -> Images:
    """Square images: one quarter a random prototype of the class, three quarters noise.

    All are integers of NumPy's frozen generator, so the same on every machine. Raises InputError for a count below 1.
    """
    counts = {
        "train_images": train_images,
        "test_images": test_images,
        "classes": classes,
        "channels": channels,
        "size": size,
    }
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"`{name}` of synthetic data must be at least 1: {count}")
    if not 0 <= seed < 2**32:
        raise InputError(f"`seed` of synthetic data must be from 0 to 4294967295: {seed}")
    random = np.random.RandomState(seed)
    prototypes = random.randint(0, 256, (classes, channels, size, size))

    def draw(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = random.randint(0, classes, count, dtype=np.int64)
        noise = random.randint(0, 256, (count, channels, size, size), dtype=np.uint8)
        images = (prototypes[labels] + 3 * noise.astype(np.int64)) // 4
        return torch.from_numpy(images.astype(np.uint8)), torch.from_numpy(labels)

    train, train_labels = draw(train_images)
    test, test_labels = draw(test_images)
    return Images(
        train_images=train, train_labels=train_labels, test_images=test, test_labels=test_labels, classes=classes
    )
