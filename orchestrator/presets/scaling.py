"""A scaled-down preset: a fraction of its training length, its data and its grid.

At scale s every training has s times as many optimizer steps, on s times the examples or on 500, whichever is more.
Numbers of epochs stay the same unless the minimum of 500 examples applies; shares of the dense training always do. Each
axis of the grid keeps s times its points, but at least three, evenly spread and with both ends; iterative pruning keeps
its first rounds. Techniques, batch size and learning rates stay the same. A BatchNorm momentum m that was chosen for
the length of the training becomes 1 − (1 − m)^(1/s), which averages over the same share of the training.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Any

import yaml

from orchestrator.presets.catalog import Preset, preset
from orchestrator.sweep.values import Duration, exact_text, parse_ratio
from orchestrator.sweep.yaml_source import read_yaml
from workers.data import DATASETS
from workers.errors import InputError
from workers.registry import closest
from workers.text import several

LEAST_SCALE = Fraction(1, 100_000)  # about one step of training
LEAST_EXAMPLES = 500
LEAST_POINTS = 3

PARTS = (
    {"train_images": "train_images", "test_images": "test_images"},
    {"train_pairs": "train_examples", "test_pairs": "test_examples"},
)
"""The arguments that ask for a part of a data set, and what the facts call these counts."""

_OF_IMAGES = ("cifar10", "image_folder", "digits")  # those of presets

STAND_INS = ("digits", "synthetic")
"""Data sets without files, to train on instead of a preset's data."""

Sweep = dict[str, Any]


def parse_scale(text: str) -> Fraction:
    """A scale such as `0.05`, `5%` or `1/20`. Raises InputError unless it is from 0.00001 to 1."""
    try:
        scale = parse_ratio(text)
    except ValueError:
        scale = Fraction(0)
    if not LEAST_SCALE <= scale <= 1:
        raise InputError(f"`--scale` must be from 0.00001 to 1: `{text}`", hint="use a scale such as `--scale 0.05`")
    return scale


def scaled_down(original: Preset, text: str, scale: Fraction, stand_in: str | None = None) -> str:
    """The text of a scaled-down sweep file, with comments that say what was scaled.

    `text` is the preset's file with its data in place; `stand_in` is one of `STAND_INS` to use instead of them.
    Raises InputError for an unknown stand-in.
    """
    sweep: Sweep = read_yaml(text.encode(), "preset").data
    recipe = sweep["recipe"]
    notes = [] if stand_in is None else [_replace_data(sweep, stand_in)]
    examples, stretch = _take_part(sweep, original, scale)
    notes += [examples, _shorten(recipe, scale, stretch)]
    if original.batch_norm_momentum is not None:
        recipe["batch_norm_momentum"] = float(f"{1 - (1 - original.batch_norm_momentum) ** float(1 / scale):.4g}")
        notes.append(f"BatchNorm momentum: {recipe['batch_norm_momentum']} instead of {original.batch_norm_momentum}")
    grids = sweep["grid"] if isinstance(sweep["grid"], list) else [sweep["grid"]]
    notes += [_thin(grid, scale, stretch) for grid in grids]
    heading = [f"{sweep['name']} at scale {exact_text(scale)}:", *(f"  {note}" for note in notes)]
    sweep["name"] += f"-scale-{exact_text(scale).replace('/', '-of-')}" + (f"-{stand_in}" if stand_in else "")
    sweep["store"] = f"runs/{sweep['name']}"
    body = yaml.safe_dump(sweep, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    return "".join(f"# {line}\n" for line in heading) + body


def _replace_data(sweep: Sweep, stand_in: str) -> str:
    """Use another data set, with the augmentation that suits its images; return a note of it."""
    named = sweep["dataset"]
    if (named if isinstance(named, str) else named["name"]) not in _OF_IMAGES:
        message = f"`--dataset` has images, but the networks of this preset translate sentences: {stand_in}"
        raise InputError(message, hint="give the folder of its data with `--data`")
    if stand_in not in STAND_INS:
        raise InputError(f"unknown data set without files: `{stand_in}`", hint=closest(stand_in, STAND_INS))
    recipe = sweep["recipe"]
    recipe.pop("random_resized_crop", None)
    recipe["normalization"] = "per_image"
    if stand_in == "digits":
        sweep["dataset"] = {"name": "digits"}
        recipe |= {"crop_padding": 1, "horizontal_flip": False}
        return "data: digits of 8×8 pixels, neither mirrored nor moved by more than one"
    sweep["dataset"] = {"name": "synthetic", "channels": 3, "size": 32}
    recipe["crop_padding"] = 4
    return "data: made-up images of 32×32 pixels in 10 classes"


def _take_part(sweep: Sweep, original: Preset, scale: Fraction) -> tuple[str, Fraction]:
    """Use fewer examples, if the data set can do so; return a note, and the factor for numbers of epochs."""
    named = sweep["dataset"]
    dataset = {"name": named} if isinstance(named, str) else named
    whole = preset("digits").data if dataset["name"] == "digits" else original.data
    part = part_of(DATASETS[dataset["name"]].arguments, whole)
    if part:
        dataset |= {key: _fewer(count, scale) for key, count in part.items()}
        sweep["dataset"] = dataset
    all_train, all_test = counts(whole)
    train, test = [int(dataset[key]) for key in part] if part else [all_train, all_test]
    share = scale * counts(original.data)[0]
    stretch = Fraction(1) if train == round(share) else share / train
    noun = whole.get("noun", "image")
    return f"{several(noun)}: {train:,} of {all_train:,} to train on, {test:,} of {all_test:,} to test", stretch


def part_of(arguments: Collection[str], facts: Mapping[str, Any]) -> dict[str, int]:
    """The arguments of a data set that ask for a part of it, with the counts of all of it; empty if it has none."""
    for part in PARTS:
        if part.keys() <= set(arguments):
            return {key: facts[fact] for key, fact in part.items()}
    return {}


def counts(facts: Mapping[str, Any]) -> tuple[int, int]:
    """How many examples a data set has to train on, and to test."""
    [names] = [list(part.values()) for part in PARTS if set(part.values()) <= facts.keys()]
    return facts[names[0]], facts[names[1]]


def _fewer(examples: int, scale: Fraction) -> int:
    return min(examples, max(LEAST_EXAMPLES, round(examples * scale)))


def _shorten(recipe: Sweep, scale: Fraction, stretch: Fraction) -> str:
    before = recipe["duration"]
    recipe["duration"] = _shorter(before, scale, stretch)
    _shorten_schedule(recipe, scale, stretch)
    return f"training: {recipe['duration']} instead of {before}"


def _shorten_schedule(recipe: Sweep, scale: Fraction, stretch: Fraction) -> None:
    """Move boundaries and the end of the warm-up; leave out those in steps that are no longer within the training."""
    schedule = recipe["schedule"]
    moments = [_shorter(boundary, scale, stretch) for boundary in schedule["boundaries"]]
    schedule["boundaries"] = [moment for moment in dict.fromkeys(moments) if _is_within(moment, recipe)]
    if not schedule["boundaries"]:
        recipe["schedule"] = schedule = {key: schedule[key] for key in ("warmup", "warmup_from") if key in schedule}
        schedule["name"] = "constant"
    if "warmup" in schedule:
        schedule["warmup"] = _shorter(schedule["warmup"], scale, stretch)
        if not _is_within(schedule["warmup"], recipe):
            del schedule["warmup"]
            schedule.pop("warmup_from", None)


def _is_within(moment: str, recipe: Sweep) -> bool:
    """Whether a moment in steps is before the end of a training in steps; others keep their shares of it."""
    at, end = Duration.parse(moment), Duration.parse(recipe["duration"])
    return at.unit != end.unit or at.value < end.value


def _shorter(text: str, scale: Fraction, stretch: Fraction) -> str:
    duration = Duration.parse(text)
    if duration.unit == "it":
        return str(Duration(Fraction(math.ceil(duration.value * scale)), "it"))
    return str(Duration(duration.value * stretch, "ep")) if duration.unit == "ep" else text


def _thin(grid: Sweep, scale: Fraction, stretch: Fraction) -> str:
    """Keep fewer points of each axis except the techniques; return a note of how many."""
    kept = []
    for axis, name in (
        ("density", "densities"),
        ("compression", "ratios"),
        ("levels", "levels"),
        ("budget", "budgets"),
    ):
        if isinstance(points := grid.get(axis), list):
            count = _fewer_points(len(points), scale)
            grid[axis] = [points[round(index * (len(points) - 1) / max(1, count - 1))] for index in range(count)]
            kept.append(f"{count} of {len(points)} {name}")
    if iterative := grid.get("iterative"):
        rounds = iterative["rounds"]
        grid["iterative"] = iterative | {"rounds": _fewer_points(rounds, scale)}
        kept.append(f"{grid['iterative']['rounds']} of {rounds} rounds")
    budgets = grid["budget"]
    grid["budget"] = (
        [_shorter(budget, scale, stretch) for budget in budgets]
        if isinstance(budgets, list)
        else _shorter(budgets, scale, stretch)
    )
    replicates = grid["replicates"]
    grid["replicates"] = math.ceil(replicates * scale)
    return f"grid: {', '.join(kept)}, {grid['replicates']} of {replicates} replicates"


def _fewer_points(count: int, scale: Fraction) -> int:
    return min(count, max(LEAST_POINTS, math.ceil(count * scale)))
