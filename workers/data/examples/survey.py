"""What reading all examples of a map-style data set shows: a fingerprint, classes, and what is odd."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from workers.data.batches.structure import Batch, Values, tensors
from workers.data.examples.fingerprint import Fingerprint
from workers.data.examples.map_stream import MapPart
from workers.data.examples.offers import is_number, numbers, scale
from workers.data.examples.plausible import labels, lacking_notes
from workers.data.examples.resident import EVALUATION_BATCH
from workers.errors import InputError
from workers.text import plural


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleSurvey:
    """What was seen of a data set; nothing if it was not read.

    `offers` are what the numbers tell (see `workers.data.examples.offers`). `labels` are the classes (N,) of the
    training examples, None if targets are something else. `not_finite` counts the numbers that are infinite or not a
    number, by part and `inputs` or `targets`; `constant` says what is the same for all training examples.
    """

    fingerprint: str = ""
    offers: Mapping[str, Any] = field(default_factory=dict)
    labels: Tensor | None = None
    notes: tuple[str, ...] = ()
    not_finite: Mapping[str, int] = field(default_factory=dict)
    constant: str = ""

    def check(self) -> None:
        """Raise InputError for data that cannot be meant."""
        for what, count in self.not_finite.items():
            raise InputError(
                f"the {what} must be finite numbers, but {count:,} are infinite or not a number",
                hint="replace missing values before training, for example by the mean",
            )
        if self.constant:
            raise InputError(
                f"{self.constant} are the same", hint="check where they come from: there is nothing to learn"
            )


def survey(parts: Mapping[str, MapPart], noun: str) -> ExampleSurvey:
    """Read all examples of `train`, `test` and maybe `validation` once, in their order, without augmentation."""
    summary = Fingerprint("examples")
    offers: dict[str, Any] = {}
    scalars: list[Tensor] = []
    classes: dict[str, list[Tensor]] = defaultdict(list)
    bad: dict[str, int] = defaultdict(int)
    first: dict[str, Values] = {}
    varied: set[str] = set()
    for part, (inputs, targets) in _batches(parts):
        for what, values in (("inputs", inputs), ("targets", targets)):
            summary.add(f"{part} {what}", values)
            if part == "train" and what not in varied and _differ(first.setdefault(what, values), values):
                varied.add(what)
            if count := _not_finite(values):
                bad[f"{part} {what}"] += count
        for name, value in numbers([(inputs, targets)]).items():
            offers[name] = max(value, offers.get(name, 0))
        if (of_part := labels(targets)) is not None:
            classes[part].append(of_part)
        if part == "train" and is_number(targets):
            scalars.append(targets)
    trained, tested = (torch.cat(classes[part]) if classes[part] else None for part in ("train", "test"))
    count, alike = len(parts["train"]), [what for what in first if what not in varied]
    return ExampleSurvey(
        fingerprint=summary.text(),
        offers={**offers, **(scale(torch.cat(scalars)) if scalars else {})},
        labels=trained,
        notes=tuple(lacking_notes(trained, tested, noun)),
        not_finite=dict(bad),
        constant=f"the {alike[0]} of all {plural(count, f'training {noun}')}" if alike and count > 1 else "",
    )


def _batches(parts: Mapping[str, MapPart]) -> Iterator[tuple[str, Batch]]:
    for name, part in parts.items():
        for first in range(0, len(part), EVALUATION_BATCH):
            yield name, part.read(first, min(first + EVALUATION_BATCH, len(part)))


def _not_finite(values: Values) -> int:
    floating = [tensor for tensor in tensors(values) if tensor.is_floating_point()]
    return sum(tensor.numel() - int(torch.isfinite(tensor).sum()) for tensor in floating)


def _differ(first: Values, values: Values) -> bool:
    """Whether any input or target of a batch differs from the first one of the first batch."""
    pairs = zip(tensors(first), tensors(values), strict=True)
    return any(one[0].shape != several.shape[1:] or bool((several != one[:1]).any()) for one, several in pairs)
