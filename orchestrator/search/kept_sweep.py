"""The sweep that a search keeps in its store, which grows by a round at a time."""

from __future__ import annotations

from typing import Any

from orchestrator.planning import changes
from orchestrator.planning.plan import Plan
from workers.store import Store


def keep_sweep(plan: Plan, search: dict[str, Any], store: Store) -> str:
    """Keep the sweep of a plan in the store, with what was asked of its search (see `SearchSettings.to_json`).

    Returns its folder.

    It replaces the newest sweep if that is of the same search with fewer rounds. If that has more rounds, because an
    earlier search went further, its rounds stay and only what was asked is replaced.
    """
    sweep, cells = changes.resolved(plan), plan.table()
    sweeps = store.sweeps.folders()
    newest = sweeps[-1] if sweeps else None
    kept = store.sweeps.read(newest) if newest else {}
    if newest is None or not _differs_in_rounds_only(kept, _named_as(kept, sweep, search)):
        return store.sweeps.add(plan.spec.name, sweep | {"search": search}, cells)
    if _rounds(kept) >= _rounds(sweep):
        sweep, cells = kept, store.sweeps.read_cells(newest)
    sweep = _named_as(kept, sweep, search) | {"search": search}
    return store.sweeps.add(plan.spec.name, sweep, cells, grown_from=newest)


def _named_as(kept: dict[str, Any], sweep: dict[str, Any], search: dict[str, Any]) -> dict[str, Any]:
    """A sweep under the name of the one that is kept, which may have been renamed, if both are of the same search."""
    if kept.get("search", {}).get("name") != search["name"]:
        return sweep
    return sweep | {"spec": sweep["spec"] | {"name": kept["spec"]["name"]}}


def _differs_in_rounds_only(kept: dict[str, Any], sweep: dict[str, Any]) -> bool:
    try:
        same_rounds = _with_rounds(sweep, _rounds(kept))
    except (KeyError, IndexError):  # not the sweep of a search
        return False
    return {key: value for key, value in kept.items() if key != "search"} == same_rounds


def _rounds(sweep: dict[str, Any]) -> int:
    return int(sweep["spec"]["grid"][0]["iterative"]["rounds"])


def _with_rounds(sweep: dict[str, Any], rounds: int) -> dict[str, Any]:
    [grid] = sweep["spec"]["grid"]
    same = grid | {"iterative": grid["iterative"] | {"rounds": rounds}}
    return sweep | {"spec": sweep["spec"] | {"grid": [same]}}
