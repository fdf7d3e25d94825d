"""Tensors in memory, of any type and shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from workers.data.batches.structure import Batch, Values, examples, mapped
from workers.data.examples.facts import ExampleFacts
from workers.data.examples.fingerprint import Declared, Fingerprint
from workers.data.examples.offers import numbers, scale, shapes
from workers.data.examples.parts import check_alike, check_part
from workers.data.examples.plausible import example_notes, labels
from workers.data.examples.resident import ResidentData, ResidentExamples
from workers.data.examples.user_facts import check_user_facts
from workers.data.split import check_classes_left, hold_out, refuse_to_hold_out
from workers.errors import BadInput

_SAMPLED = 2  # examples


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrays:
    """Inputs and targets in main memory, each a tensor or a tuple or dict of tensors with one entry for each example.

    Networks are called as `network(x)`, `network(*inputs)` or `network(**inputs)`. `validation_inputs` and
    `validation_targets` are a validation split of your own, which is used in place of a share of the test set.
    `offers` are values that networks may ask for by name, in addition to those that the tensors tell (see
    `workers.data.examples.offers`). `fingerprint` is declared, or else that of all bytes. `noun` is what an example
    is called, and `class_names` name the classes in order.

    Raises BadInput for anything but tensors, and for parts that do not fit together.
    """

    train_inputs: Values
    train_targets: Values
    test_inputs: Values
    test_targets: Values
    validation_inputs: Values | None = None
    validation_targets: Values | None = None
    offers: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: Declared | None = None
    noun: str = "example"
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_user_facts(offers=self.offers, fingerprint=self.fingerprint, noun=self.noun, class_names=self.class_names)
        if (self.validation_inputs is None) != (self.validation_targets is None):
            raise BadInput("`validation_inputs` and `validation_targets` must be given together")
        given = self._given()
        for part, batch in given.items():
            check_part(part, batch)
            check_alike(part, batch, given["training"])

    def facts(self) -> ExampleFacts:
        parts = self._parts()
        validation = parts.get("validation")
        inputs, targets = parts["training"]
        sampled = slice(_SAMPLED)
        return ExampleFacts(
            train_examples=examples(inputs),
            test_examples=examples(parts["test"][0]),
            validation_examples=examples(validation[0]) if validation else 0,
            fingerprint=self.fingerprint.fingerprint if self.fingerprint else self._computed_fingerprint(),
            sampled=(mapped(lambda tensor: tensor[sampled], inputs), mapped(lambda tensor: tensor[sampled], targets)),
            offers=shapes(parts["training"]) | scale(targets) | numbers(list(parts.values())) | dict(self.offers),
            noun=self.noun,
            class_names=tuple(self.class_names),
            notes=self.notes,
        )

    def check_held_out(self, holdout: int) -> None:
        """Raise InputError if a class would have no training example left, or if there is a validation split."""
        if self.validation_inputs is not None:
            refuse_to_hold_out(holdout)
        if (classes := labels(self.train_targets)) is not None:
            check_classes_left(classes.tolist(), holdout, self.noun)

    def inspected(self) -> Arrays:
        """These data, with notes on what is odd about them. Raises InputError if they cannot be meant."""
        notes = example_notes(self._parts(), self.noun)
        declared = [self.fingerprint.note] if self.fingerprint else []
        return dataclasses.replace(self, notes=(*self.notes, *declared, *notes))

    def on(self, device: torch.device, holdout: int, facts: ExampleFacts) -> ResidentData:
        """The data set on a device."""
        parts = self._parts()
        train, held = hold_out(ResidentExamples(*parts["training"]), holdout)
        heldout = parts.get("validation", (held.inputs, held.targets))
        return ResidentData(
            facts=facts,
            train=ResidentExamples.on(device, (train.inputs, train.targets)),
            heldout=ResidentExamples.on(device, heldout),
            test=ResidentExamples.on(device, parts["test"]),
        )

    def _parts(self) -> dict[str, Batch]:
        """The inputs and targets of each part, without gradients: they may be what another network computed."""
        return {
            part: (mapped(Tensor.detach, inputs), mapped(Tensor.detach, targets))
            for part, (inputs, targets) in self._given().items()
        }

    def _given(self) -> dict[str, Batch]:
        parts: dict[str, Batch] = {
            "training": (self.train_inputs, self.train_targets),
            "test": (self.test_inputs, self.test_targets),
        }
        if self.validation_inputs is not None and self.validation_targets is not None:
            parts["validation"] = (self.validation_inputs, self.validation_targets)
        return parts

    def _computed_fingerprint(self) -> str:
        summary = Fingerprint("arrays")
        for part, (inputs, targets) in self._parts().items():
            summary.add(f"{part} inputs", inputs)
            summary.add(f"{part} targets", targets)
        return summary.text()
