"""Cells as rows of a table: what a plan writes next to a resolved sweep, and all that reading commands need of it."""

from __future__ import annotations

import shlex
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from workers import html
from workers.errors import CorruptFile, InputError
from workers.registry import misspelled
from workers.store import Store, layout
from workers.techniques import DENSE
from workers.text import plural

CELLS = pa.schema(
    [
        pa.field("dataset", pa.string(), nullable=False),  # labels, as in the sweep file
        pa.field("network", pa.string(), nullable=False),
        pa.field("recipe", pa.string(), nullable=False),
        pa.field("pruning", pa.string(), nullable=False),  # `none` for the dense network
        pa.field("schedule", pa.string(), nullable=False),  # `dense`, `one_shot` or `iterative`
        pa.field("technique", pa.string(), nullable=False),  # `dense` for the dense network
        pa.field("round", pa.int32(), nullable=False),  # of pruning; one-shot 1, dense 0
        pa.field("compression", pa.float64(), nullable=False),  # 1 / density; dense 1
        pa.field("density", pa.float64(), nullable=False),
        pa.field("budget", pa.string()),  # as in the sweep file; null for the dense network
        pa.field("budget_epochs", pa.float64()),
        pa.field("replicate", pa.int32(), nullable=False),
        pa.field("search_cost_epochs", pa.float64(), nullable=False),  # retraining up to this cell; dense 0
        pa.field("trial", pa.string(), nullable=False),  # the stop that this cell points to
        pa.field("step", pa.int64(), nullable=False),
        pa.field("evaluation", pa.string(), nullable=False),
        pa.field("dense_trial", pa.string(), nullable=False),  # the stop of the same replicate's dense network
        pa.field("dense_step", pa.int64(), nullable=False),
        pa.field("lineage", pa.list_(pa.string()), nullable=False),  # the trials that it builds on, the dense one first
    ]
)


def in_words(cell: Mapping[str, Any]) -> str:
    """A row of `CELLS` in a few words: `lr_rewinding 16× 90%, round 4, replicate 0`."""
    if cell["technique"] == DENSE:
        return f"dense, replicate {cell['replicate']}"
    number = f", round {cell['round']}" if cell["schedule"] == "iterative" else ""
    return f"{cell['technique']} {cell['compression']:.4g}× {cell['budget']}{number}, replicate {cell['replicate']}"


def place_in_words(cell: Mapping[str, Any]) -> str:
    """Where a row of `CELLS` belongs: `resnet20 · default`."""
    return f"{cell['network']} · {cell['recipe']}"


def first_failed(trial: str, lineage: Iterable[str], failed: Container[str]) -> str | None:
    """The trial that keeps a cell without a record from being done: the first that failed of those it builds on."""
    return next((one for one in (*lineage, trial) if one in failed), None)


def failures_in_words(outcomes: Mapping[str, int], cells_held_up: int) -> str:
    """Failed trials by outcome: `3 trials failed (1 io, 2 diverged), holding up 9 cells`."""
    classes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    held_up = f", holding up {plural(cells_held_up, 'cell')}" if cells_held_up else ""
    return f"{plural(sum(outcomes.values()), 'trial')} failed ({classes}){held_up}"


def missing_sweep(store: Store, name: str | None) -> InputError:
    """The error for a sweep that a store does not have, or, without a name, for a store without any that is shown."""
    folders = ", ".join(store.sweeps.folders())
    if name is not None:
        near = misspelled(name, [*store.sweeps.folders(), *map(layout.sweep_name, store.sweeps.folders())])
        meant = f"did you mean `{near}`? " if near else ""
        return InputError(f"no sweep `{name}` in store `{store.location}`", hint=f"{meant}it has {folders or 'none'}")
    hint = f"`--sweep` names a retired one: {folders}" if folders else "`prunesweep run` adds one"
    return InputError(f"store `{store.location}` has no sweep{' that is not retired' if folders else ''}", hint=hint)


def hidden_sweeps(count: int, store: str) -> str:
    """Retired sweeps that are not shown, and how to see them."""
    return f"{plural(count, 'retired sweep')} (`prunesweep sweeps {shlex.quote(store)}` lists all)"


def check_shown(store: Store) -> None:
    """Raise InputError if a store has sweeps, but all of them are retired, so that a report would be empty."""
    folders = store.sweeps.folders()
    if folders and not store.sweeps.named():
        raise InputError(
            f"all sweeps in the store are hidden: {hidden_sweeps(len(folders), store.location)}",
            hint="`--all` includes retired sweeps, and `--sweep` names one of them; `prunesweep retire --undo` brings "
            "one back",
        )


class Kept(NamedTuple):
    """A sweep that a store keeps: the resolved sweep, and its cells as a table of `CELLS`."""

    sweep: dict[str, Any]
    cells: pa.Table


def read_kept(store: Store, folders: Iterable[str]) -> tuple[dict[str, Kept], dict[str, str]]:
    """Sweeps by folder, in the order given, and those that cannot be read (path: reason)."""
    sweeps, unreadable = {}, {}
    for folder in folders:
        try:
            sweep = store.sweeps.read(folder)
            cells = store.sweeps.read_cells(folder)
            if missing := set(CELLS.names) - set(cells.column_names):
                raise CorruptFile(layout.cells_path(folder), f"has no column `{min(missing)}`")
        except CorruptFile as error:
            unreadable[error.path] = str(error)
        else:
            cells = cells.select(CELLS.names)
            if not cells.schema.equals(CELLS):
                cells = cells.cast(CELLS)  # imports pyarrow.compute, which takes 0.1 s
            sweeps[folder] = Kept(sweep, cells)
    return sweeps, unreadable


_GRID = ("network", "recipe", "pruning", "schedule", "technique")


def html_of_grids(caption: str, cells: Iterable[Mapping[str, Any]]) -> str:
    """Rows of `CELLS` as a table for notebooks: what each technique of each grid has, not thousands of cells."""
    grids: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for cell in cells:
        grids.setdefault(tuple(cell[name] for name in _GRID), []).append(cell)
    rows = [(*grid, *_extent(members), len(members)) for grid, members in grids.items()]
    return html.table(caption, (*_GRID, "compression", "budget", "replicates", "cells"), rows)


def _extent(cells: Sequence[Mapping[str, Any]]) -> tuple[object, ...]:
    """The compressions, the budgets and the number of replicates of cells."""
    compressions = sorted({round(cell["compression"], 2) for cell in cells})
    budgets = dict.fromkeys(cell["budget"] for cell in cells if cell["budget"] is not None)
    ratios = ", ".join(f"{compression:g}×" for compression in compressions)
    return ratios, ", ".join(budgets) or "–", len({cell["replicate"] for cell in cells})
