"""Which images validate: fixed for a data set, the same for every replicate, machine and library version."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from workers.errors import InputError
from workers.seeds import seed

Indices = np.ndarray[tuple[int], np.dtype[np.int64]]


def holdout_indices(images: int, holdout: int) -> Indices:
    """Ascending indices of the `holdout` training images that validate instead of training."""
    return np.sort(shuffled(images, "holdout")[:holdout])


def training_indices(images: int, holdout: int) -> Indices:
    """Ascending indices of the training images that are not held out."""
    return np.sort(shuffled(images, "holdout")[holdout:])


def validation_indices(images: int, share: Fraction) -> Indices:
    """Ascending indices of the ⌊images · share⌋ test images that validate (paper: 2,000 of CIFAR-10's 10,000)."""
    return np.sort(shuffled(images, "validation")[: _validating(images, share)])


def test_indices(images: int, share: Fraction) -> Indices:
    """Ascending indices of the test images that do not validate."""
    return np.sort(shuffled(images, "validation")[_validating(images, share) :])


def subset_size(argument: str, wanted: int | None, there: int, where: str) -> int:
    """How many images to take of those that are `there`: all, or what a data set's argument says.

    Raises InputError for none, and for more.
    """
    if wanted is None:
        return there
    if wanted < 1:
        raise InputError(f"`{argument}` must be at least 1, not {wanted}")
    if wanted > there:
        raise InputError(f"`{argument}` is {wanted:,}, and `{where}` has {there:,} such images")
    return wanted


def shuffled(count: int, purpose: str) -> Indices:
    """0 to count − 1 in an order of this purpose. NumPy keeps the stream of RandomState for ever (NEP 19)."""
    return np.random.RandomState(seed("split", purpose) % 2**32).permutation(count).astype(np.int64)


def _validating(images: int, share: Fraction) -> int:
    count = int(images * share)
    if not 0 < count < images:
        raise InputError(f"a validation share of {share} leaves {count:,} of {images:,} test images to validate on")
    return count
