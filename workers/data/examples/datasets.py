"""Any map-style data sets of torch as a source of batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch.utils.data import IterableDataset

from workers.data.batches.structure import described
from workers.data.examples.facts import ExampleFacts
from workers.data.examples.fingerprint import Declared
from workers.data.examples.map_stream import MapData, MapPart
from workers.data.examples.offers import shapes
from workers.data.examples.parts import check_alike
from workers.data.examples.reading import Augment, Collate, ExampleReading, MapStyle
from workers.data.examples.survey import ExampleSurvey, survey
from workers.data.examples.user_facts import check_user_facts
from workers.data.split import check_classes_left, hold_out, refuse_to_hold_out
from workers.errors import BadInput

_CPU = torch.device("cpu")
_SAMPLED = 2  # examples


@dataclass(frozen=True, kw_only=True)
class Datasets:
    """Map-style data sets, whose example number i is `dataset[i]`: (input, target), or a dict with the key `target`.

    `collate_fn` makes a batch (inputs, targets) of a list of examples; torch's `default_collate` does if not given.
    `augment` gets a training example and a seeded generator, and returns the example that is trained on. Both, and the
    data sets themselves, may also draw from the generators of torch, NumPy and Python, which are seeded for each
    example from (replicate, stage, epoch, index). `workers` processes read batches ahead; their number changes no
    result. `validation` is a split of your own, which is used in place of a share of the test set.
    `offers`, `fingerprint`, `noun` and `class_names` are those of `workers.data.examples.arrays.Arrays`. Without a
    declared fingerprint, all examples are read once in each process that trains.

    Raises BadInput for data sets without examples by number. `facts` raises it for examples that cannot be read, or
    that differ when they are read again.
    """

    train: MapStyle
    test: MapStyle
    validation: MapStyle | None = None
    collate_fn: Collate | None = None
    augment: Augment | None = None
    target: str | None = None
    workers: int = 0
    offers: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: Declared | None = None
    noun: str = "example"
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_user_facts(offers=self.offers, fingerprint=self.fingerprint, noun=self.noun, class_names=self.class_names)
        for part, dataset in self._datasets().items():
            if isinstance(dataset, type):
                raise BadInput(
                    f"data set `{part}` must be an object, not a class: {dataset.__name__}",
                    hint=f"make one: `{dataset.__name__}(...)`",
                )
            if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__"):
                raise BadInput(
                    f"data set `{part}` must have examples by number: {type(dataset).__name__}",
                    hint="write a class with `__getitem__` and `__len__`, or give a list of examples",
                )
            if not hasattr(dataset, "__len__") or not len(dataset):
                raise BadInput(
                    f"data set `{part}` must have a length of at least 1: {type(dataset).__name__}",
                    hint="define `__len__`, and check the path or the selection that it reads",
                )
        if isinstance(self.workers, bool) or not isinstance(self.workers, int) or self.workers < 0:
            raise BadInput(
                f"`workers` of a data set must be a whole number, 0 or more: {self.workers}",
                hint="give the number of processes that read batches ahead; 0 reads them in the training process",
            )
        for name, function in (("collate_fn", self.collate_fn), ("augment", self.augment)):
            if function is not None and not callable(function):
                raise BadInput(f"`{name}` must be a function: {described(function)}", hint="leave it out, or name one")

    def facts(self) -> ExampleFacts:
        train = self._part("train", _CPU)
        sampled = train.read(0, _SAMPLED)
        for name in self._datasets():
            check_alike(name, self._part(name, _CPU).read(0, 1), sampled, shapes=False)
        train.check_repeatable()
        seen = self._seen
        notes = [self.fingerprint.note] if self.fingerprint else []
        return ExampleFacts(
            train_examples=len(self.train),
            test_examples=len(self.test),
            validation_examples=len(self.validation) if self.validation is not None else 0,
            fingerprint=self.fingerprint.fingerprint if self.fingerprint else seen.fingerprint,
            sampled=sampled,
            offers={**shapes(sampled), **seen.offers, **self.offers},
            noun=self.noun,
            class_names=tuple(self.class_names),
            notes=(*notes, *seen.notes),
        )

    def check_held_out(self, holdout: int) -> None:
        """Raise InputError if a class would have no training example left, or if there is a validation split."""
        if self.validation is not None:
            refuse_to_hold_out(holdout)
        if self._seen.labels is not None:
            check_classes_left(self._seen.labels.tolist(), holdout, self.noun)

    def inspected(self) -> Datasets:
        """These data. Raises InputError if they cannot be meant; with a declared fingerprint, they are not read."""
        self._seen.check()
        return self

    def on(self, device: torch.device, holdout: int, facts: ExampleFacts) -> MapData:
        """The data set for trials on a device."""
        train, held = hold_out(self._part("train", device), holdout)
        return MapData(
            facts=facts,
            train=train,
            heldout=held if self.validation is None else self._part("validation", device),
            test=self._part("test", device),
        )

    @cached_property
    def _seen(self) -> ExampleSurvey:
        """What reading all examples shows: once in a process; nothing if the fingerprint is declared."""
        if self.fingerprint is not None:
            return ExampleSurvey()
        return survey({name: self._part(name, _CPU) for name in self._datasets()}, self.noun)

    def _datasets(self) -> dict[str, MapStyle]:
        own = {} if self.validation is None else {"validation": self.validation}
        return {"train": self.train, "test": self.test, **own}

    def _part(self, name: str, device: torch.device) -> MapPart:
        reading = ExampleReading(
            collate_fn=self.collate_fn, augment=self.augment, target=self.target, workers=self.workers, device=device
        )
        return MapPart.of(name, self._datasets()[name], reading)
