"""What a plan and a network need to know of examples that are not images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from workers.data.batches.structure import Batch, described, examples, mapped, take
from workers.data.examples.user_facts import check_count_of_names


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleFacts:
    """The `workers.data.source.DataFacts` of examples of any kind.

    `train_examples` counts before any holdout; `validation_examples` are those of a validation split that the data
    bring along. `sampled` has at least one training example on the CPU, which networks and losses are tried on.
    `columns` say how the inputs were made of a table's columns, in the order of the inputs.
    Raises BadInput for fewer `class_names` than classes.
    """

    train_examples: int
    test_examples: int
    fingerprint: str
    sampled: Batch = field(compare=False)
    offers: Mapping[str, Any] = field(default_factory=dict)
    validation_examples: int = 0
    noun: str = "example"
    class_names: tuple[str, ...] = ()
    columns: tuple[Mapping[str, Any], ...] = ()
    settled: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_count_of_names(self.class_names, self.offers.get("classes"))

    def sample(self, examples_wanted: int) -> Batch:
        """The first training examples, again and again if there are fewer."""
        inputs, targets = self.sampled
        which = torch.arange(examples_wanted) % examples(inputs)
        return take(inputs, which), take(targets, which)

    def to_json(self) -> dict[str, Any]:
        """Counts, fingerprint, offers and the types of inputs and targets; other fields only if they are not empty."""
        kinds = (described(mapped(lambda tensor: tensor[0], values)) for values in self.sampled)
        inputs, targets = (kind.removesuffix(" ()") for kind in kinds)
        facts = {
            "train_examples": self.train_examples,
            "test_examples": self.test_examples,
            "noun": self.noun,
            "inputs": inputs,
            "targets": targets,
            "offers": dict(self.offers),
            "fingerprint": self.fingerprint,
        }
        optional = {
            "validation_examples": self.validation_examples,
            "class_names": list(self.class_names),
            "columns": [dict(column) for column in self.columns],
            "settled": dict(self.settled),
            "notes": list(self.notes),
        }
        return facts | {key: value for key, value in optional.items() if value}
