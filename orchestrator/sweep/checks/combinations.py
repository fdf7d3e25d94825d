"""Checks of combinations that are impossible although each value is valid.

They work on the plain data of a file and skip malformed values, which the models report, so that all mistakes show at
once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from math import prod
from typing import Any

from orchestrator.sweep.checks.durations import TrainingLength, check_budget, check_schedule, train_images
from orchestrator.sweep.checks.metrics import check_metrics
from orchestrator.sweep.checks.names import check_named, check_optimizer, key_of_name
from orchestrator.sweep.checks.pruning import check_levels, check_structure
from orchestrator.sweep.dense import check_techniques
from orchestrator.sweep.fields import MOST_CELLS, MOST_REPLICATES, MOST_ROUNDS
from orchestrator.sweep.plain_data import count_at, items_at, mappings_at, words_at
from orchestrator.sweep.problems import KeyPath, Problem
from orchestrator.sweep.values import MOST_DIGITS, Duration, digits, parse_ratio
from workers.data import DATASETS
from workers.models import NETWORKS
from workers.pruning import DISTRIBUTIONS, SCORES
from workers.registry import Entry, closest
from workers.techniques import DENSE, TECHNIQUES
from workers.training.loss_names import LOSSES
from workers.trial import Pruning

_PRUNED_ONLY = ("compression", "density", "iterative", "levels", "budget", "pruning")
_TECHNIQUES = {name: Entry(factory="", summary="") for name in (*TECHNIQUES, DENSE)}
_HOW_FAR = ("compression", "density", "iterative", "levels")

Mappings = list[tuple[KeyPath, dict[str, Any]]]
"""Mappings of a file, with their key paths."""


def check(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Every impossible combination in the plain data of a sweep file."""
    recipes = mappings_at(("recipe",), data)
    grids = mappings_at(("grid",), data)
    for path, mapping in [((), data), *grids]:
        yield from _check_names(path, mapping)
        for place, pruning in mappings_at((*path, "pruning"), mapping):
            yield from check_structure(place, pruning)
            yield from check_named((*place, "score"), pruning.get("score"), SCORES, "score")
            yield from check_named((*place, "distribution"), pruning.get("distribution"), DISTRIBUTIONS, "distribution")
    yield from _check_recipe_names(recipes)
    yield from check_metrics(data)
    everywhere = [data, *(grid for _, grid in grids)]
    yield from _check_holdout(data, everywhere)
    images = _train_images(data, everywhere)
    for path, recipe in recipes:
        yield from check_optimizer((*path, "optimizer"), recipe.get("optimizer"))
        if "loss" in recipe:
            yield from check_named((*path, "loss"), recipe["loss"], LOSSES, "loss")
        yield from check_schedule(path, recipe, images)
        yield from _check_fine_tuning_rate(path, recipe, grids)
    for path, grid in grids:
        yield from _check_axes(path, grid, _axis("pruning", grid, data))
        yield from _check_recipes_of(path, grid, recipes)
        yield from _check_budgets(path, grid, recipes, _train_images(data, [grid if grid.get("dataset") else data]))
    yield from check_techniques(data.get("dense"), grids)
    yield from _check_dense_resources(data)
    yield from _check_size(data, grids)


def _check_dense_resources(data: Mapping[str, Any]) -> Iterator[Problem]:
    """All trials run on GPUs, or none: their results are compared."""
    for place, resources in mappings_at(("resources",), data):
        dense = resources.get("dense")
        if not isinstance(dense, dict) or "gpus" not in dense:
            continue
        if _is_given(dense["gpus"]) != _is_given(resources.get("gpus", 0)):
            hint = "give both `gpus` of a number above 0, or neither"
            yield Problem((*place, "dense", "gpus"), "must be 0 exactly if other trials have no GPU", hint)


def _is_given(gpus: Any) -> bool:
    return gpus not in (0, "0")


def _axis(key: str, grid: Mapping[str, Any], data: Mapping[str, Any]) -> list[Any]:
    """The values that an entry is crossed with: its own, or those of the whole sweep."""
    return [item for _, item in items_at((key,), grid) or items_at((key,), data)]


def _names(key: str, mapping: Mapping[str, Any]) -> list[str]:
    return [name for _, name in words_at((key,), mapping)]


def _check_names(path: KeyPath, mapping: Mapping[str, Any]) -> Iterator[Problem]:
    for key, entries, kind in (("dataset", DATASETS, "dataset"), ("network", NETWORKS, "network")):
        named = items_at((*path, key), mapping)
        for place, item in named:
            yield from check_named(place, item, entries, kind)
        yield from _check_repeated(named, lambda item: item if isinstance(item, dict) else {"name": item})
    yield from _check_repeated(
        items_at((*path, "pruning"), mapping), lambda item: asdict(Pruning()) | item if isinstance(item, dict) else item
    )


def _check_repeated(items: list[tuple[KeyPath, Any]], meaning: Callable[[Any], Any]) -> Iterator[Problem]:
    """Items must differ in their `meaning`, which raises ValueError for what is malformed."""
    seen = set()
    for path, item in items:
        try:
            key = json.dumps(meaning(item), sort_keys=True, default=str)
        except (ValueError, TypeError):
            continue
        if key in seen:
            yield Problem(path, "is given twice", "keep one of them")
        seen.add(key)


def _check_recipe_names(recipes: Mappings) -> Iterator[Problem]:
    if len(recipes) > 1:
        for path, recipe in recipes:
            if "name" not in recipe:
                hint = "name each recipe if there are several"
                yield Problem(path, "`name` is missing", hint, show=False, missing=("name",))
    yield from _check_repeated([((*path, "name"), recipe["name"]) for path, recipe in recipes if "name" in recipe], str)


def _train_images(data: Mapping[str, Any], mappings: list[Mapping[str, Any]]) -> list[int]:
    """The known sizes of the data sets in some mappings of the file, without the examples held out."""
    datasets = [item for mapping in mappings for _, item in items_at(("dataset",), mapping)]
    left = [count - _holdout(data) for item in datasets if (count := train_images(item)) is not None]
    return [count for count in left if count > 0]


def _holdout(data: Mapping[str, Any]) -> int:
    evaluation = data.get("evaluation")
    validation = evaluation.get("validation") if isinstance(evaluation, dict) else None
    return count_at(validation, "holdout") or 0


def _check_holdout(data: Mapping[str, Any], mappings: list[Mapping[str, Any]]) -> Iterator[Problem]:
    datasets = [item for mapping in mappings for _, item in items_at(("dataset",), mapping)]
    smallest = min((count for item in datasets if (count := train_images(item)) is not None), default=None)
    if smallest is not None and 0 < smallest <= _holdout(data):
        path = ("evaluation", "validation", "holdout")
        yield Problem(path, "leaves no examples to train on", f"hold out fewer: the smallest data set has {smallest:,}")


def _check_fine_tuning_rate(path: KeyPath, recipe: dict[str, Any], grids: Mappings) -> Iterator[Problem]:
    schedule = recipe.get("schedule")
    ramp = schedule.get("name") if isinstance(schedule, dict) else None
    if ramp not in ("cosine", "linear") or recipe.get("fine_tuning_rate") is not None:
        return
    for _, grid in grids:
        names = _names("recipe", grid)
        if names and recipe.get("name", "default") not in names:
            continue
        for technique in _names("technique", grid):
            if technique in TECHNIQUES and TECHNIQUES[technique].needs_last_rate:
                message = f"`{technique}` holds the last learning rate, but a `{ramp}` schedule does not end with one"
                hint, missing = "add `fine_tuning_rate`, for example `1e-3`", ("fine_tuning_rate",)
                yield Problem(path, message, hint, show=False, missing=missing)
                return


def _check_axes(path: KeyPath, grid: dict[str, Any], prunings: list[Any]) -> Iterator[Problem]:
    techniques = items_at((*path, "technique"), grid)
    for place, item in techniques:
        yield from check_named(place, item, _TECHNIQUES, "technique")
    yield from _check_repeated_values(path, grid)
    names = [item for _, item in techniques]
    if names and all(item == DENSE for item in names):
        yield from _check_dense_only(path, grid)
    elif names:
        yield from _check_pruned(path, grid, prunings, techniques)


def _check_repeated_values(path: KeyPath, grid: dict[str, Any]) -> Iterator[Problem]:
    yield from _check_repeated(items_at((*path, "technique"), grid), str)
    yield from _check_repeated(items_at((*path, "compression"), grid), parse_ratio)
    yield from _check_repeated(items_at((*path, "density"), grid), parse_ratio)
    yield from _check_repeated(items_at((*path, "levels"), grid), lambda item: item)
    yield from _check_repeated(items_at((*path, "budget"), grid), lambda item: str(Duration.parse(item)))
    if isinstance(grid.get("replicates"), list):
        yield from _check_repeated(items_at((*path, "replicates"), grid), lambda item: item)


def _check_dense_only(path: KeyPath, grid: dict[str, Any]) -> Iterator[Problem]:
    for key in _PRUNED_ONLY:
        if grid.get(key) is not None:
            yield Problem((*path, key), "has no effect on dense networks", "remove it", at_key=True)


def _check_pruned(
    path: KeyPath, grid: dict[str, Any], prunings: list[Any], techniques: list[tuple[KeyPath, Any]]
) -> Iterator[Problem]:
    for place, item in techniques:
        if item == DENSE:
            hint = "remove it: the dense network of every replicate is always part of a sweep"
            yield Problem(place, "cannot be combined with other techniques", hint)
    yield from _check_how_far(path, grid, prunings)
    if grid.get("budget") is None:
        yield Problem(
            path,
            "`budget` is missing",
            "add how long to retrain, for example `budget: 90%`",
            show=False,
            missing=("budget",),
        )
    if grid.get("iterative") is not None:
        yield from _check_iterative(path, grid["iterative"], techniques)


def _check_how_far(path: KeyPath, grid: dict[str, Any], prunings: list[Any]) -> Iterator[Problem]:
    given = [key for key in _HOW_FAR if grid.get(key) is not None]
    level_problems = list(check_levels(path, grid, prunings))
    yield from level_problems
    if not given and not level_problems:
        message = "one of `compression`, `density` and `iterative` is missing"
        yield Problem(
            path, message, "add how far to prune, for example `compression: [4, 8]`", show=False, missing=_HOW_FAR
        )
    for key in given[1:]:
        hint = "keep one of the two"
        if key == "iterative":
            hint += "; every round of iterative pruning is a cell, so it takes no list of ratios"
        yield Problem((*path, key), f"cannot be combined with `{given[0]}`", hint, at_key=True)


def _check_iterative(path: KeyPath, iterative: object, techniques: list[tuple[KeyPath, Any]]) -> Iterator[Problem]:
    for place, item in techniques:
        if isinstance(item, str) and item in TECHNIQUES and not TECHNIQUES[item].iterative:
            hint = "give it a separate entry with `compression` or `density`"
            yield Problem(place, "is one-shot only, but this entry is iterative", hint)
    if not isinstance(iterative, dict):
        return
    rounds = count_at(iterative, "rounds", MOST_ROUNDS) or 1
    try:
        rate = parse_ratio(iterative.get("rate"))
    except ValueError:
        return
    if digits(rate) * rounds > 4 * MOST_DIGITS:
        yield Problem(
            (*path, "iterative", "rate"), "has too many digits for so many rounds", "use a rate such as `20%`"
        )


def _check_recipes_of(path: KeyPath, grid: dict[str, Any], recipes: Mappings) -> Iterator[Problem]:
    names = [name for _, recipe in recipes if isinstance(name := recipe.get(key_of_name(recipe), "default"), str)]
    named = items_at((*path, "recipe"), grid)
    yield from _check_repeated(named, str)
    for place, name in named:
        if isinstance(name, str) and name not in names:
            yield Problem(place, "unknown recipe", closest(name, names), follows_from=("recipe",))


def _check_budgets(path: KeyPath, grid: dict[str, Any], recipes: Mappings, images: list[int]) -> Iterator[Problem]:
    names = _names("recipe", grid)
    for place, budget in items_at((*path, "budget"), grid):
        for _, recipe in recipes:
            name = recipe.get("name", "default")
            training = TrainingLength.of(recipe, images)
            if training and (not names or name in names):
                yield from check_budget(place, budget, training, str(name))


def _check_size(data: Mapping[str, Any], grids: Mappings) -> Iterator[Problem]:
    most = count_at(data.get("limits"), "max_cells") or MOST_CELLS
    factors = [_factors(grid, data) for _, grid in grids]
    cells = sum(prod(counts.values()) for counts in factors)
    if cells > most:
        formula = " + ".join(map(_in_words, factors))
        hint = f"ask for fewer than {formula}, or raise `limits.max_cells`"
        yield Problem(("grid",), f"asks for {cells:,} cells, more than {most:,}", hint, show=False)


def _in_words(factors: Mapping[str, int]) -> str:
    return " × ".join(f"{count:,} {axis}" for axis, count in factors.items() if count > 1)


def _factors(grid: dict[str, Any], data: Mapping[str, Any]) -> dict[str, int]:
    """The length of each axis that a grid multiplies; a malformed axis counts as one."""
    lengths = {
        "datasets": len(_axis("dataset", grid, data)),
        "networks": len(_axis("network", grid, data)),
        "recipes": len(_axis("recipe", grid, data)),
        "prunings": len(_axis("pruning", grid, data)),
        "techniques": len(items_at(("technique",), grid)),
        "ratios": max(len(items_at((key,), grid)) for key in ("compression", "density", "levels")),
        "rounds": count_at(grid.get("iterative"), "rounds", MOST_ROUNDS) or 1,
        "budgets": len(items_at(("budget",), grid)),
        "replicates": count_at(grid, "replicates", MOST_REPLICATES) or len(items_at(("replicates",), grid)),
    }
    return {axis: max(1, length) for axis, length in lengths.items()}
