"""Combinations that cannot be, though each value may be fine alone.

Works on the plain data of a file and skips whatever is malformed (the models complain of that), so that all
mistakes show at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from math import prod
from typing import Any

from orchestrator.sweep.dense import check_techniques
from orchestrator.sweep.duration_checks import TrainingLength, check_budget, check_schedule, train_images
from orchestrator.sweep.fields import LARGEST, MOST_CELLS, MOST_REPLICATES, MOST_ROUNDS
from orchestrator.sweep.name_checks import check_named, check_optimizer
from orchestrator.sweep.problems import KeyPath, Problem
from orchestrator.sweep.pruning_checks import check_levels, check_structure
from orchestrator.sweep.values import MOST_DIGITS, Duration, digits, parse_ratio
from workers.data import DATASETS
from workers.models import NETWORKS
from workers.registry import closest
from workers.techniques import DENSE, TECHNIQUES
from workers.trial import Pruning

_PRUNED_ONLY = ("compression", "density", "iterative", "levels", "budget", "pruning")
_HOW_FAR = ("compression", "density", "iterative", "levels")


def check(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything that is impossible in a sweep, given as in a file."""
    recipes = [(path, recipe) for path, recipe in _items(("recipe",), data) if isinstance(recipe, dict)]
    grids = [(path, grid) for path, grid in _items(("grid",), data) if isinstance(grid, dict)]
    for path, place in [((), data), *grids]:
        yield from _check_names(path, place)
        for here, pruning in _items((*path, "pruning"), place):
            if isinstance(pruning, dict):
                yield from check_structure(here, pruning)
    yield from _check_recipe_names(recipes)
    places = [data, *(grid for _, grid in grids)]
    yield from _check_holdout(data, places)
    images = _train_images(data, places)
    for path, recipe in recipes:
        yield from check_optimizer((*path, "optimizer"), recipe.get("optimizer"))
        yield from check_schedule(path, recipe, images)
        yield from _check_fine_tuning_rate(path, recipe, grids)
    for path, grid in grids:
        yield from _check_axes(path, grid, _values("pruning", grid, data))
        yield from _check_recipes_of(path, grid, recipes)
        yield from _check_budgets(path, grid, recipes, _train_images(data, [grid if grid.get("dataset") else data]))
    yield from check_techniques(data.get("dense"), grids)
    yield from _check_size(data, grids)


def _items(path: KeyPath, settings: Mapping[str, Any]) -> list[tuple[KeyPath, Any]]:
    """One, or each of a list of them, under the last key of a path; none if there is nothing."""
    value = settings.get(str(path[-1]))
    if isinstance(value, list):
        return [((*path, index), item) for index, item in enumerate(value)]
    return [] if value is None else [(path, value)]


def _count(settings: object, key: str, most: int = LARGEST) -> int | None:
    """A whole number above 0 under a key; None for anything else, and for more than may be there."""
    value = settings.get(key) if isinstance(settings, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most else None


def _values(key: str, grid: Mapping[str, Any], data: Mapping[str, Any]) -> list[Any]:
    """What an entry is crossed with: its own, or the whole sweep's."""
    return [item for _, item in _items((key,), grid) or _items((key,), data)]


def _words(settings: Mapping[str, Any], key: str) -> list[str]:
    return [item for _, item in _items((key,), settings) if isinstance(item, str)]


def _check_names(path: KeyPath, place: Mapping[str, Any]) -> Iterator[Problem]:
    for key, entries, kind in (("dataset", DATASETS, "dataset"), ("network", NETWORKS, "network")):
        found = _items((*path, key), place)
        for here, item in found:
            yield from check_named(here, item, entries, kind)
        yield from _check_repeated(found, lambda item: item if isinstance(item, dict) else {"name": item})
    yield from _check_repeated(
        _items((*path, "pruning"), place), lambda item: asdict(Pruning()) | item if isinstance(item, dict) else item
    )


def _check_repeated(items: list[tuple[KeyPath, Any]], meaning: Callable[[Any], Any]) -> Iterator[Problem]:
    """Every item that means what an earlier one does. `meaning` raises ValueError for what is malformed."""
    seen = set()
    for path, item in items:
        try:
            key = json.dumps(meaning(item), sort_keys=True, default=str)
        except (ValueError, TypeError):
            continue
        if key in seen:
            yield Problem(path, "is given twice", "keep one of them")
        seen.add(key)


def _check_recipe_names(recipes: list[tuple[KeyPath, dict[str, Any]]]) -> Iterator[Problem]:
    if len(recipes) > 1:
        for path, recipe in recipes:
            if "name" not in recipe:
                yield Problem(path, "`name` is missing", "with more than one recipe each needs a name", show=False)
    yield from _check_repeated([((*path, "name"), recipe["name"]) for path, recipe in recipes if "name" in recipe], str)


def _train_images(data: Mapping[str, Any], places: list[Mapping[str, Any]]) -> list[int]:
    """The sizes of the data sets named in some places, where they are known; what is held out counts no more."""
    named = [item for place in places for _, item in _items(("dataset",), place)]
    left = [count - _holdout(data) for item in named if (count := train_images(item)) is not None]
    return [count for count in left if count > 0]


def _holdout(data: Mapping[str, Any]) -> int:
    evaluation = data.get("evaluation")
    validation = evaluation.get("validation") if isinstance(evaluation, dict) else None
    return _count(validation, "holdout") or 0


def _check_holdout(data: Mapping[str, Any], places: list[Mapping[str, Any]]) -> Iterator[Problem]:
    named = [item for place in places for _, item in _items(("dataset",), place)]
    smallest = min((count for item in named if (count := train_images(item)) is not None), default=None)
    if smallest is not None and 0 < smallest <= _holdout(data):
        path = ("evaluation", "validation", "holdout")
        yield Problem(path, "leaves no image to train on", f"the smallest data set has {smallest:,} in all")


def _check_fine_tuning_rate(
    path: KeyPath, recipe: dict[str, Any], grids: list[tuple[KeyPath, dict[str, Any]]]
) -> Iterator[Problem]:
    schedule = recipe.get("schedule")
    ramp = schedule.get("name") if isinstance(schedule, dict) else None
    if ramp not in ("cosine", "linear") or recipe.get("fine_tuning_rate") is not None:
        return
    for _, grid in grids:
        names = _words(grid, "recipe")
        if names and recipe.get("name", "default") not in names:
            continue
        for technique in _words(grid, "technique"):
            if technique in TECHNIQUES and TECHNIQUES[technique].needs_last_rate:
                message = f"`{technique}` holds the last learning rate, and a {ramp} schedule does not end with one"
                yield Problem(path, message, "add `fine_tuning_rate`, for example `1e-3`", show=False)
                return


def _check_axes(path: KeyPath, grid: dict[str, Any], prunings: list[Any]) -> Iterator[Problem]:
    techniques = _items((*path, "technique"), grid)
    yield from _check_repeated(techniques, str)
    yield from _check_repeated(_items((*path, "compression"), grid), parse_ratio)
    yield from _check_repeated(_items((*path, "density"), grid), parse_ratio)
    yield from _check_repeated(_items((*path, "levels"), grid), lambda item: item)
    yield from _check_repeated(_items((*path, "budget"), grid), lambda item: str(Duration.parse(item)))
    if isinstance(grid.get("replicates"), list):
        yield from _check_repeated(_items((*path, "replicates"), grid), lambda item: item)
    if not techniques:
        return
    if all(item == DENSE for _, item in techniques):
        for key in _PRUNED_ONLY:
            if grid.get(key) is not None:
                yield Problem((*path, key), "has no effect on dense networks", "remove it", at_key=True)
        return
    for here, item in techniques:
        if item == DENSE:
            hint = "remove it: the dense network of every replicate is always part of a sweep"
            yield Problem(here, "cannot stand beside other techniques", hint)
    yield from _check_how_far(path, grid, prunings)
    if grid.get("budget") is None:
        yield Problem(path, "`budget` is missing", "add how long to retrain, for example `budget: 90%`", show=False)
    if grid.get("iterative") is not None:
        yield from _check_iterative(path, grid["iterative"], techniques)


def _check_how_far(path: KeyPath, grid: dict[str, Any], prunings: list[Any]) -> Iterator[Problem]:
    given = [key for key in _HOW_FAR if grid.get(key) is not None]
    unfit = list(check_levels(path, grid, prunings))
    yield from unfit
    if not given and not unfit:
        message = "one of `compression`, `density` and `iterative` is missing"
        yield Problem(path, message, "say how far to prune, for example `compression: [4, 8]`", show=False)
    for key in given[1:]:
        hint = "keep one of the two"
        if key == "iterative":
            hint += "; every round of iterative pruning is a cell, so it takes no list of ratios"
        yield Problem((*path, key), f"cannot be given beside `{given[0]}`", hint, at_key=True)


def _check_iterative(path: KeyPath, iterative: object, techniques: list[tuple[KeyPath, Any]]) -> Iterator[Problem]:
    for here, item in techniques:
        if isinstance(item, str) and item in TECHNIQUES and not TECHNIQUES[item].iterative:
            hint = "give it an entry of its own, with `compression` or `density`"
            yield Problem(here, "is one-shot only, and this entry is iterative", hint)
    if not isinstance(iterative, dict):
        return
    rounds = _count(iterative, "rounds", MOST_ROUNDS) or 1
    try:
        rate = parse_ratio(iterative.get("rate"))
    except ValueError:
        return
    if digits(rate) * rounds > 4 * MOST_DIGITS:
        yield Problem((*path, "iterative", "rate"), "has too many digits for so many rounds", "for example `20%`")


def _check_recipes_of(
    path: KeyPath, grid: dict[str, Any], recipes: list[tuple[KeyPath, dict[str, Any]]]
) -> Iterator[Problem]:
    known = [name for _, recipe in recipes if isinstance(name := recipe.get("name", "default"), str)]
    named = _items((*path, "recipe"), grid)
    yield from _check_repeated(named, str)
    for here, name in named:
        if isinstance(name, str) and name not in known:
            yield Problem(here, "no recipe has this name", closest(name, known))


def _check_budgets(
    path: KeyPath, grid: dict[str, Any], recipes: list[tuple[KeyPath, dict[str, Any]]], images: list[int]
) -> Iterator[Problem]:
    names = _words(grid, "recipe")
    for here, budget in _items((*path, "budget"), grid):
        for _, recipe in recipes:
            name = recipe.get("name", "default")
            training = TrainingLength.of(recipe, images)
            if training and (not names or name in names):
                yield from check_budget(here, budget, training, str(name))


def _check_size(data: Mapping[str, Any], grids: list[tuple[KeyPath, dict[str, Any]]]) -> Iterator[Problem]:
    most = _count(data.get("limits"), "max_cells") or MOST_CELLS
    factors = [_factors(grid, data) for _, grid in grids]
    cells = sum(prod(each.values()) for each in factors)
    if cells > most:
        formulas = (" × ".join(f"{count:,} {axis}" for axis, count in each.items() if count > 1) for each in factors)
        hint = f"they are {' + '.join(formulas)}; ask for fewer, or raise `limits.max_cells`"
        yield Problem(("grid",), f"asks for {cells:,} cells, more than {most:,}", hint, show=False)


def _factors(grid: dict[str, Any], data: Mapping[str, Any]) -> dict[str, int]:
    """How many of what a grid multiplies; what is malformed counts as one."""
    count = {
        "datasets": len(_values("dataset", grid, data)),
        "networks": len(_values("network", grid, data)),
        "recipes": len(_values("recipe", grid, data)),
        "prunings": len(_values("pruning", grid, data)),
        "techniques": len(_items(("technique",), grid)),
        "ratios": max(len(_items((key,), grid)) for key in ("compression", "density", "levels")),
        "rounds": _count(grid.get("iterative"), "rounds", MOST_ROUNDS) or 1,
        "budgets": len(_items(("budget",), grid)),
        "replicates": _count(grid, "replicates", MOST_REPLICATES) or len(_items(("replicates",), grid)),
    }
    return {axis: max(1, number) for axis, number in count.items()}
