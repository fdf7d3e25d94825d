"""Checks of what a sweep file prunes, single weights or filters, and of how far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.sweep.problems import KeyPath, Problem
from workers.pruning.filters import LAYERS

_OF_SINGLE_WEIGHTS = ("distribution", "exclude", "include")


def check_structure(path: KeyPath, pruning: Mapping[str, Any]) -> Iterator[Problem]:
    """The keys of a pruning must be those of its structure."""
    if not _of_filters(pruning):
        if pruning.get("layers") is not None:
            yield Problem(
                (*path, "layers"),
                "has no effect on single weights",
                "remove it, or add `structure: filters`",
                at_key=True,
                follows_from=("structure",),
            )
        return
    if pruning.get("layers") is None:
        hint = f"add what to remove from each layer: {', '.join(LAYERS)}"
        yield Problem(path, "`layers` is missing", hint, show=False, missing=("layers",))
    for key in _OF_SINGLE_WEIGHTS:
        if pruning.get(key) not in (None, "global"):
            hint = "remove it: `layers` says what to prune"
            yield Problem((*path, key), "has no effect on whole filters", hint, at_key=True)


def check_levels(path: KeyPath, grid: Mapping[str, Any], prunings: list[Any]) -> Iterator[Problem]:
    """An entry must prune filters by levels, or single weights by ratios."""
    of_filters = [_of_filters(pruning) for pruning in prunings]
    if grid.get("levels") is not None and not any(of_filters):
        hint = "use `compression` or `density`, or a `pruning` with `structure: filters`"
        message, causes = "prunes filters, but this entry prunes single weights", ("pruning", "structure")
        yield Problem((*path, "levels"), message, hint, follows_from=causes)
    elif any(of_filters) and not all(of_filters):
        hint = "write two entries, each with its `pruning`"
        yield Problem(path, "cannot prune both single weights and filters", hint, show=False)
    elif any(of_filters) and grid.get("levels") is None:
        hint = "add how often to apply `layers`, for example `levels: [1, 2, 3, 4, 5]`, and remove any ratio"
        yield Problem(path, "`levels` is missing, which pruning filters needs", hint, show=False, missing=("levels",))


def _of_filters(pruning: Any) -> bool:
    return isinstance(pruning, dict) and pruning.get("structure") == "filters"
