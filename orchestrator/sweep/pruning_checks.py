"""What is pruned together, single weights or filters, and how far: what of it fits together in a sweep file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.sweep.problems import Complaint, Path
from workers.pruning.filters import LAYERS

_OF_SINGLE_WEIGHTS = ("distribution", "exclude", "include")


def check_structure(path: Path, pruning: Mapping[str, Any]) -> Iterator[Complaint]:
    """Whether the keys of one pruning fit its structure."""
    if not _of_filters(pruning):
        if pruning.get("layers") is not None:
            yield Complaint(
                (*path, "layers"), "has no effect on single weights", "add `structure: filters`", at_key=True
            )
        return
    if pruning.get("layers") is None:
        remedy = f"say what to take from each layer: {', '.join(LAYERS)}"
        yield Complaint(path, "`layers` is missing", remedy, show=False)
    for key in _OF_SINGLE_WEIGHTS:
        if pruning.get(key) not in (None, "global"):
            remedy = "remove it; `layers` says what goes"
            yield Complaint((*path, key), "has no effect on whole filters", remedy, at_key=True)


def check_levels(path: Path, grid: Mapping[str, Any], prunings: list[Any]) -> Iterator[Complaint]:
    """Whether an entry says how far to prune in the terms of its prunings: filters by levels, and only filters."""
    of_filters = [_of_filters(pruning) for pruning in prunings]
    if grid.get("levels") is not None and not any(of_filters):
        remedy = "give `compression` or `density`, or a `pruning` with `structure: filters`"
        yield Complaint((*path, "levels"), "is for pruning filters, and this entry prunes single weights", remedy)
    elif any(of_filters) and not all(of_filters):
        remedy = "give each an entry of its own, with its `pruning`"
        yield Complaint(path, "prunes single weights as well as filters", remedy, show=False)
    elif any(of_filters) and grid.get("levels") is None:
        remedy = "write how often `layers` is applied, for example `levels: [1, 2, 3, 4, 5]`, and no other ratio"
        yield Complaint(path, "prunes filters, and `levels` is missing", remedy, show=False)


def _of_filters(pruning: Any) -> bool:
    return isinstance(pruning, dict) and pruning.get("structure") == "filters"
