"""What training and evaluation see of a data set, whether it is in memory or streams from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import torch

from workers.data.batches.share import WHOLE, BatchShare
from workers.data.batches.structure import Batch
from workers.data.split import Indices
from workers.trial import Recipe


class DataFacts(Protocol):
    """What a plan and a network need to know of a data set.

    `train_examples` counts before any holdout. `offers` are the values that a network may ask for by name, such as
    `input_shape` and `classes`. `settled` has the arguments that were not given but taken from the data, such as an
    image size, and `notes` what a person should know before believing the data.
    """

    @property
    def train_examples(self) -> int: ...

    @property
    def test_examples(self) -> int: ...

    @property
    def noun(self) -> str:
        """What an example is, in one word or two: `image`, `row`, `sentence pair`."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def offers(self) -> Mapping[str, Any]: ...

    @property
    def settled(self) -> Mapping[str, Any]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def sample(self, examples: int) -> Batch:
        """A batch of so many examples on the CPU, to try a network and a loss on: the same each time."""

    def to_json(self) -> dict[str, Any]:
        """The facts as plain data, which a plan keeps in the store."""


class Batches(Protocol):
    """The training batches of a trial: pure functions of (replicate, stage, i), each available directly."""

    @property
    def steps_per_epoch(self) -> Fraction: ...

    def batch(self, index: int) -> Batch:
        """Batch `index` (from 0): the inputs of a network and the targets, of `batch_size` examples, on the device."""


class Part(Protocol):
    """Examples to evaluate on."""

    def __len__(self) -> int: ...

    def select(self, which: Indices) -> Part:
        """The examples at some indices, in that order."""

    def batches(self, recipe: Recipe) -> Iterator[Batch]:
        """All examples in order as inputs of a network and targets on the device; their number is fixed except for
        the last batch.
        """


class Data(Protocol):
    """A data set on a device, shared by all trials of a process: nothing may write to it.

    `heldout` are training examples used for validation only.
    """

    @property
    def facts(self) -> DataFacts: ...

    @property
    def heldout(self) -> Part: ...

    @property
    def test(self) -> Part: ...

    def stream(self, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE) -> Batches:
        """The training batches, or a share of each. Raises InputError if the recipe does not fit these data."""


@runtime_checkable
class Source(Protocol):
    """What a data set's factory returns."""

    def facts(self) -> DataFacts: ...

    def check_held_out(self, holdout: int) -> None:
        """Raise InputError if so many examples cannot be held out, for example because a class would have none left."""

    def inspected(self) -> Source:
        """The same data with notes for a person, and with what was taken from the data.

        Raises InputError for data that cannot be meant: blank images, a single class; BadInput for damaged files.
        """

    def on(self, device: torch.device, holdout: int, facts: Any) -> Data:
        """The data set on a device, with `holdout` of its training examples held out, and the facts of `facts()`."""
