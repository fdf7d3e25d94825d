"""Which examples are used for validation: the same for every replicate, machine and library version."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol, Self, TypeVar

import numpy as np

from workers.data.validation_share import validation_count
from workers.errors import InputError
from workers.seeds import seed
from workers.text import plural, several

Indices = np.ndarray[tuple[int], np.dtype[np.int64]]


class _Divisible(Protocol):
    def __len__(self) -> int: ...

    def select(self, which: Indices) -> Self: ...


Examples = TypeVar("Examples", bound=_Divisible)


def holdout_indices(examples: int, holdout: int) -> Indices:
    """Ascending indices of the `holdout` training examples used for validation only."""
    return np.sort(shuffled(examples, "holdout")[:holdout])


def training_indices(examples: int, holdout: int) -> Indices:
    """Ascending indices of the training examples that are not held out."""
    return np.sort(shuffled(examples, "holdout")[holdout:])


def hold_out(train: Examples, holdout: int) -> tuple[Examples, Examples]:
    """The training examples that are left, and the `holdout` of them used for validation only."""
    held = train.select(holdout_indices(len(train), holdout))
    return (train.select(training_indices(len(train), holdout)) if holdout else train), held


def check_classes_left(train_labels: Sequence[int], holdout: int, noun: str = "image") -> None:
    """Raise InputError if no training example of some class is left by the `holdout`. `noun` is what one is called."""
    if not holdout:
        return
    labels = np.asarray(train_labels)
    lost = set(labels.tolist()) - set(labels[training_indices(len(labels), holdout)].tolist())
    if lost:
        raise InputError(
            f"`holdout` must leave training {several(noun)} of every class, but {len(lost):,} of "
            f"{len(set(labels.tolist())):,} classes would have none: {holdout:,}",
            hint=f"hold out fewer of the {plural(len(labels), f'training {noun}')}",
            about="evaluation",
        )


def refuse_to_hold_out(holdout: int) -> None:
    """Raise InputError if examples are to be held out of data that have a validation split."""
    if holdout:
        raise InputError(
            f"`holdout` cannot be combined with the validation split that the data have: {holdout:,}",
            hint="remove `validation: {holdout: ...}` from the sweep file: the split of the data is used",
            about="evaluation",
        )


def validation_indices(examples: int, share: Fraction, noun: str = "image") -> Indices:
    """Ascending indices of the ⌊examples · share⌋ test examples used for validation (paper: 2,000 of 10,000 images)."""
    return np.sort(shuffled(examples, "validation")[: validation_count(examples, share, noun)])


def test_indices(examples: int, share: Fraction) -> Indices:
    """Ascending indices of the test examples that are not used for validation."""
    return np.sort(shuffled(examples, "validation")[validation_count(examples, share) :])


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
