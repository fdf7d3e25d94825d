"""The Python API; the command line is a thin shell over it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.search.settings import DEFAULT_RATE, SearchSettings
from workers.crashpoints import crash_point
from workers.errors import SET_ASIDE, CorruptFile, InputError, StoreError
from workers.store.opening import absolute
from workers.store.store import Store, existing_store, store_to_write

if TYPE_CHECKING:
    import pandas as pd

    from orchestrator.driver.options import RunOptions
    from orchestrator.driver.summary import Summary
    from orchestrator.planning.plan import Plan
    from orchestrator.results.comparison import Side
    from orchestrator.results.comparison_report import Comparison
    from orchestrator.results.headline import Headline
    from orchestrator.results.model_export import ExportedModel
    from orchestrator.search.rounds import Round
    from orchestrator.search.search import Pruned
    from orchestrator.sweep.spec import SweepSpec
    from orchestrator.upkeep.status import Status

Location = str | os.PathLike[str]


def load(path: Location) -> SweepSpec:
    """Read a sweep file. Raises SpecError (an InputError) with every problem in it."""
    from orchestrator.sweep.spec import load_spec

    return load_spec(Path(path))


def plan(sweep: SweepSpec, store: Location | Store | None = None) -> Plan:
    """What a sweep comes to. Facts that an existing store has pinned are used; nothing is written."""
    from orchestrator.planning import expand
    from orchestrator.planning.crossing import find_out

    existing = store if isinstance(store, Store) else existing_store(store)
    return expand.make_plan(sweep, find_out(sweep, existing))


def run(
    sweep: SweepSpec,
    store: Location | None = None,
    *,
    only: str | None = None,
    accept_changes: bool = False,
    options: RunOptions | None = None,
) -> Summary:
    """Do what is missing of a sweep; can be repeated. `store` defaults to the sweep file's own.

    `only` picks cells (`technique=lr_rewinding,compression=8`). What is in the store under other data, user code
    or numerics is not trained again unless `accept_changes`.
    Raises InputError or StoreError before any work starts, StoreError also when another driver has the store, takes
    it over, or there is no room in it.
    """
    from orchestrator.driver.options import RunOptions
    from orchestrator.driver.session import driving
    from orchestrator.planning import changes, expand
    from orchestrator.planning.crossing import find_out
    from orchestrator.planning.select import check_picked, selector

    location = store_location(sweep, store)
    wanted = selector(only) if only is not None else None
    known = find_out(sweep, store_to_write(location))
    whole = expand.make_plan(sweep, known)
    part = whole if wanted is None else whole.only(wanted)
    check_picked(bool(part.cells), only or "")
    options = options or RunOptions()
    resolved = changes.resolved(whole)
    with driving(resolved, known, location, accept_changes=accept_changes) as session:
        session.store.add_sweep(sweep.name, resolved, whole.table())
        crash_point("session.added")
        summary = session.run(iter([part]), options)
        if sweep.keep == "results_only" and summary.trained and not summary.interrupted:
            _delete_unneeded_states(session.store, options.quiet)
        return summary


def _delete_unneeded_states(store: Store, quiet: bool) -> None:
    """Delete the states that no sweep of the store needs any more, and say so."""
    from orchestrator.upkeep.gc import delete_unneeded

    try:
        garbage = delete_unneeded(store)
    except StoreError as error:  # the run itself is done
        print(f"warning: kept all states: {error}", file=sys.stderr)
        return
    if garbage.bytes and not quiet:
        print(garbage, file=sys.stderr)


def resume(
    store: Location,
    *,
    sweep: str | None = None,
    only: str | None = None,
    options: RunOptions | None = None,
    on_round: Callable[[Round], None] | None = None,
) -> Summary | Pruned:
    """Do what is missing of the newest sweep of a store (or the newest named `sweep`).

    If that is a search, go on with it as `prune` does, for what was asked of it then; `on_round` is that of `prune`.
    """
    from orchestrator.sweep.spec import spec_from_dict

    kept = _newest_sweep(store, sweep)
    spec = spec_from_dict(kept["spec"])
    search = SearchSettings.of(kept)
    if search is None:
        return run(spec, store, only=only, options=options)
    if only is not None:
        raise InputError("a search for the smallest network cannot be done in part", hint="leave `--only` out")
    asked = {name: value for name, value in search.to_json().items() if name != "name"}
    return prune(spec.model_copy(update={"name": search.name}), store, **asked, options=options, on_round=on_round)


def search_to_resume(store: Location, sweep: str | None = None) -> SearchSettings | None:
    """What was asked of the search that `resume` would go on with; None where that is no search."""
    return SearchSettings.of(_newest_sweep(store, sweep))


def _newest_sweep(store: Location, sweep: str | None) -> dict[str, Any]:
    opened = Store(store)
    folders = [name for name in opened.sweeps() if sweep in (None, name, name.partition("-")[2])]
    if not folders:
        raise InputError(f"store `{opened.location}` has no sweep{f' `{sweep}`' if sweep else ''}")
    try:
        return opened.read_sweep(folders[-1])
    except CorruptFile as error:
        raise StoreError(error.message, hint=f"{SET_ASIDE}; then `prunesweep run` its sweep file again") from error


def prune(
    sweep: SweepSpec | Location,
    store: Location | None = None,
    *,
    tolerance: float,
    rate: str = DEFAULT_RATE,
    replicates: int = 1,
    max_rounds: int | None = None,
    to: Location | None = None,
    accept_changes: bool = False,
    options: RunOptions | None = None,
    on_round: Callable[[Round], None] | None = None,
) -> Pruned:
    """Prune the network of a sweep (or of a sweep file, which needs no grid) as far as a tolerance allows; write it.

    Prunes `rate` of the weights that are left and retrains with learning-rate rewinding for the whole training time,
    round after round, until validation accuracy has fallen by more than `tolerance` (points, against the dense
    network; with several replicates the median of their changes), or `max_rounds` are done. The last network
    before that is written to the folder `to` (default: the store's name and `-pruned`). `on_round` is told of every
    round, the dense network first. Does only what is missing in the store. Raises as `run` does.
    Source: Renda, Frankle, Carbin (ICLR 2020), Algorithm 1.
    """
    from orchestrator.driver.options import RunOptions
    from orchestrator.search.search import search
    from orchestrator.search.sweep import load_without_grid
    from orchestrator.sweep.spec import SweepSpec

    spec = sweep if isinstance(sweep, SweepSpec) else load_without_grid(sweep)
    location = store_location(spec, store)
    asked = SearchSettings(
        name=spec.name,
        tolerance=tolerance,
        rate=rate,
        replicates=replicates,
        max_rounds=max_rounds,
        to=None if to is None else absolute(os.fspath(to)),
    )
    return search(
        spec,
        location,
        _folder(to, f"{location.rstrip('/')}-pruned"),
        asked,
        accept_changes=accept_changes,
        options=options or RunOptions(),
        on_round=on_round or (lambda made: None),
    )


def export_model(store: Location, cell: str, to: Location | None = None) -> ExportedModel:
    """Write the network of a cell to the folder `to` (default: the store's name and `-models`).

    `cell` picks exactly one, as `technique=lr_rewinding,compression=16,replicate=0`, or is its trial (or how that
    begins), or `TRIAL@STEP`. Raises InputError where it does not, or where there is no network to be had.
    """
    from orchestrator.results.model_export import export_cell

    opened = Store(store)
    return export_cell(opened, cell, _folder(to, f"{opened.location.rstrip('/')}-models"))


def status(store: Location, sweep: str | None = None) -> Status:
    """How far the sweeps of a store are, and what failed."""
    from orchestrator.upkeep.status import read_status

    return read_status(Store(store), sweep)


def frame(store: Location, sweep: str | None = None) -> pd.DataFrame:
    """The results: one row a cell of all sweeps in a store (or of those named `sweep`).

    `renda2020` is the published study (`orchestrator.results.reference`); a store of that name is `./renda2020`.
    """
    from orchestrator.results.frame import to_frame
    from orchestrator.results.load import read

    return to_frame(read(store, None if sweep is None else [sweep]))


def compare(
    ours: Location, theirs: Location, *, budget: str = "best", filters: Mapping[str, Any] | str | None = None
) -> Comparison:
    """Two stores beside each other, or a store and the published study (`renda2020`), cell by cell.

    `budget` and `filters` are those of `table`, for both. Raises InputError where they have no cell in common.
    """
    from orchestrator.results.comparison_report import compare

    return compare(_side(ours), _side(theirs), budget=budget, filters=filters)


def headline(store: Location, *, tolerance: float = 0.0, filters: Mapping[str, Any] | str | None = None) -> Headline:
    """The largest compression at which each technique still matches the dense network within `tolerance` points.

    `store` can be the published study, `renda2020`; `filters` are those of `table`.
    """
    from orchestrator.results.headline import headline
    from orchestrator.results.load import read

    joined = read(store)
    return replace(headline(joined.rows, tolerance=tolerance, filters=filters), unreadable=joined.unreadable)


def _side(location: Location) -> Side:
    from orchestrator.results.comparison import Side
    from orchestrator.results.load import is_published, read
    from orchestrator.results.reference import citation

    joined = read(location)
    published = str(citation()) if is_published(location) else None
    return Side(os.fspath(location), joined.rows, published, joined.unreadable)


def _folder(to: Location | None, default: str) -> str:
    return default if to is None else os.fspath(to).rstrip("/") or "/"


def store_location(sweep: SweepSpec, store: Location | None) -> str:
    """The store that was named, or the sweep file's own. Raises InputError where there is neither."""
    location = os.fspath(store if store is not None else sweep.store or "")
    if not location:
        raise InputError("no store: the sweep file has none", hint="add `store:` to it, or give `--store`")
    return location


__all__ = ["compare", "export_model", "frame", "headline", "load", "plan", "prune", "resume", "run", "status"]
