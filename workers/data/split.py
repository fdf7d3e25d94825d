"""Which images are used for validation: the same for every replicate, machine and library version."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from workers.data.validation_share import validation_count
from workers.errors import InputError
from workers.seeds import seed

Indices = np.ndarray[tuple[int], np.dtype[np.int64]]


def holdout_indices(images: int, holdout: int) -> Indices:
    """Ascending indices of the `holdout` training images used for validation only."""
    return np.sort(shuffled(images, "holdout")[:holdout])


def training_indices(images: int, holdout: int) -> Indices:
    """Ascending indices of the training images that are not held out."""
    return np.sort(shuffled(images, "holdout")[holdout:])


def validation_indices(images: int, share: Fraction) -> Indices:
    """Ascending indices of the ⌊images · share⌋ test images used for validation (paper: 2,000 of CIFAR-10's 10,000)."""
    return np.sort(shuffled(images, "validation")[: validation_count(images, share)])


def test_indices(images: int, share: Fraction) -> Indices:
    """Ascending indices of the test images that are not used for validation."""
    return np.sort(shuffled(images, "validation")[validation_count(images, share) :])


def subset_size(argument: str, count: int | None, available: int, where: str) -> int:
    """How many of the `available` images to take: all, or the `count` that a data set's argument gives.

    Raises InputError for fewer than one, and for more than are available.
    """
    if count is None:
        return available
    if not 1 <= count <= available:
        raise InputError(f"`{argument}` must be from 1 to {available:,} (all of `{where}`): {count:,}")
    return count


def shuffled(count: int, purpose: str) -> Indices:
    """0 to count − 1 in a random order for a purpose. NumPy never changes the stream of RandomState (NEP 19)."""
    return np.random.RandomState(seed("split", purpose) % 2**32).permutation(count).astype(np.int64)
