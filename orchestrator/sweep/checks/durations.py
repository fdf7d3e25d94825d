"""Checks that the budgets, boundaries and warm-ups of a sweep file fit into its dense training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from orchestrator.sweep.problems import KeyPath, Problem
from orchestrator.sweep.recipe import SCHEDULE_KEYS
from orchestrator.sweep.values import Duration
from workers.data import TRAIN_IMAGES
from workers.registry import is_own
from workers.text import plural


def train_images(dataset: object) -> int | None:
    """The number of training images of a data set in a sweep file, holdout included; None if it is unknown."""
    named = dataset if isinstance(dataset, dict) else {"name": dataset}
    name, given = named.get("name"), named.get("train_images")
    if not isinstance(name, str) or is_own(name):
        return None
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    return TRAIN_IMAGES.get(name)


def parsed(value: object) -> Duration | None:
    """The duration of a value, or None if it is malformed or not above 0."""
    try:
        duration = Duration.parse(value)
    except ValueError:
        return None
    return duration if duration.value > 0 else None


@dataclass(frozen=True, slots=True)
class TrainingLength:
    """The length of a dense training, with the steps per epoch of each data set whose size is known."""

    duration: Duration
    steps_per_epoch: tuple[Fraction, ...]

    @classmethod
    def of(cls, recipe: dict[str, Any], images: Sequence[int]) -> TrainingLength | None:
        """The length that a recipe in a file gives, or None. `images` are the known sizes of data sets."""
        duration = parsed(recipe.get("duration"))
        if duration is None or duration.unit == "%":
            return None
        batch_size = recipe.get("batch_size")
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            return cls(duration, ())
        return cls(duration, tuple(Fraction(count, batch_size) for count in dict.fromkeys(images)))

    def shares(self, part: Duration) -> tuple[Fraction, ...]:
        """The share of the training that a duration is, on each data set; empty where it is unknown."""
        shares = (part.share_of(self.duration, steps) for steps in self.steps_per_epoch or (None,))
        return tuple(share for share in shares if share is not None)


def check_budget(path: KeyPath, value: object, training: TrainingLength, recipe: str) -> Iterator[Problem]:
    """A budget must not be longer than the dense training."""
    budget = parsed(value)
    if budget and budget.unit != "%" and any(share > 1 for share in training.shares(budget)):
        message = f"is longer than the dense training of recipe `{recipe}` ({training.duration})"
        yield Problem(path, message, "the maximum is `100%`")


def check_schedule(path: KeyPath, recipe: dict[str, Any], images: Sequence[int]) -> Iterator[Problem]:
    """A schedule has only keys that it uses, a factor for each boundary, and every boundary within the training."""
    schedule = recipe.get("schedule")
    if not isinstance(schedule, dict):
        return
    path = (*path, "schedule")
    name = schedule.get("name")
    if isinstance(name, str) and name in SCHEDULE_KEYS:
        for key in schedule:
            if key not in SCHEDULE_KEYS[name] and any(key in useful for useful in SCHEDULE_KEYS.values()):
                yield Problem((*path, key), f"has no effect in a `{name}` schedule", "remove it", at_key=True)
    if "warmup_from" in schedule and not schedule.get("warmup"):
        hint = "add the length of the warm-up, for example `warmup: 1ep`"
        yield Problem((*path, "warmup_from"), "has no effect without `warmup`", hint, at_key=True)
    if name == "piecewise":
        yield from _check_factors(path, schedule)
    training = TrainingLength.of(recipe, images)
    if training:
        yield from _check_moments(path, schedule, training)


def _check_factors(path: KeyPath, schedule: dict[str, Any]) -> Iterator[Problem]:
    boundaries = _count(schedule.get("boundaries"))
    factors = _count(schedule.get("factors"))
    if not boundaries:
        hint = "add it, for example `boundaries: [10ep, 15ep]`, or use a constant schedule"
        yield Problem(path, "`boundaries` is missing", hint, show=False, missing=("boundaries",))
    elif not factors and "factor" not in schedule:
        hint = "add one factor for each boundary, or `factor: 0.1`"
        yield Problem(path, "`factors` is missing", hint, show=False, missing=("factors", "factor"))
    elif factors and factors != boundaries:
        hint = f"list {plural(boundaries, 'factor')}"
        yield Problem((*path, "factors"), "must have one factor for each boundary", hint)


def _count(value: object) -> int:
    if isinstance(value, list):
        return len(value)
    return 0 if value is None else 1


def _check_moments(path: KeyPath, schedule: dict[str, Any], training: TrainingLength) -> Iterator[Problem]:
    """Boundaries must increase, and lie after the warm-up and before the end of the training."""
    lasts = f"the training lasts `{training.duration}`"
    warmup = parsed(schedule.get("warmup"))
    begin = training.shares(warmup) if warmup else ()
    if any(share >= 1 for share in begin):
        yield Problem((*path, "warmup"), "must end before the training does", f"shorten the warm-up: {lasts}")
        return
    boundaries = schedule.get("boundaries")
    for index, item in enumerate(boundaries if isinstance(boundaries, list) else [boundaries]):
        boundary = parsed(item)
        if not boundary:
            continue
        here = (*path, "boundaries", index)
        shares = training.shares(boundary)
        pairs = list(zip(shares, begin, strict=False))
        if any(share >= 1 for share in shares):
            yield Problem(here, "must be before the end of the training", f"use an earlier boundary: {lasts}")
        elif any(share < before or (share == before and index) for share, before in pairs):
            yield Problem(
                here, "must be after the warm-up and earlier boundaries", "list boundaries in increasing order"
            )
        begin = shares or begin
