"""What is pruned together, single weights or filters, and how far: what of it fits together in a sweep file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.sweep.problems import KeyPath, Problem
from workers.pruning.filters import LAYERS

_OF_SINGLE_WEIGHTS = ("distribution", "exclude", "include")


def check_structure(path: KeyPath, pruning: Mapping[str, Any]) -> Iterator[Problem]:
    """Whether the keys of one pruning fit its structure."""
    if not _of_filters(pruning):
        if pruning.get("layers") is not None:
            yield Problem((*path, "layers"), "has no effect on single weights", "add `structure: filters`", at_key=True)
        return
    if pruning.get("layers") is None:
        hint = f"say what to take from each layer: {', '.join(LAYERS)}"
        yield Problem(path, "`layers` is missing", hint, show=False)
    for key in _OF_SINGLE_WEIGHTS:
        if pruning.get(key) not in (None, "global"):
            hint = "remove it; `layers` says what goes"
            yield Problem((*path, key), "has no effect on whole filters", hint, at_key=True)


def check_levels(path: KeyPath, grid: Mapping[str, Any], prunings: list[Any]) -> Iterator[Problem]:
    """Whether an entry says how far to prune in the terms of its prunings: filters by levels, and only filters."""
    of_filters = [_of_filters(pruning) for pruning in prunings]
    if grid.get("levels") is not None and not any(of_filters):
        hint = "give `compression` or `density`, or a `pruning` with `structure: filters`"
        yield Problem((*path, "levels"), "is for pruning filters, and this entry prunes single weights", hint)
    elif any(of_filters) and not all(of_filters):
        hint = "give each an entry of its own, with its `pruning`"
        yield Problem(path, "prunes single weights as well as filters", hint, show=False)
    elif any(of_filters) and grid.get("levels") is None:
        hint = "write how often `layers` is applied, for example `levels: [1, 2, 3, 4, 5]`, and no other ratio"
        yield Problem(path, "prunes filters, and `levels` is missing", hint, show=False)


def _of_filters(pruning: Any) -> bool:
    return isinstance(pruning, dict) and pruning.get("structure") == "filters"
