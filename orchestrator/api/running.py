"""Plan, run and continue a sweep, and `prune`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestrator.api.locations import Location, folder_for
from orchestrator.planning.cells import missing_sweep
from orchestrator.search.settings import DEFAULT_RATE, SearchSettings
from workers.crashpoints import crash_point
from workers.errors import CorruptFile, InputError, StoreError, UnreadableFile
from workers.machine.terminal import say
from workers.paths import expanded
from workers.store import Store
from workers.store.filesystems.opening import absolute
from workers.store.shard import Shard
from workers.store.store import existing_store, store_to_write

if TYPE_CHECKING:
    from orchestrator.driver.options import RunOptions
    from orchestrator.driver.summary import Summary
    from orchestrator.planning.plan import Plan
    from orchestrator.search.rounds import Round
    from orchestrator.search.search import Pruned
    from orchestrator.sweep.spec import SweepSpec


def load(path: Location) -> SweepSpec:
    """Read a sweep file. Raises SpecError (an InputError) with every problem in it."""
    from orchestrator.sweep.spec import load_spec

    return load_spec(path)


def plan(sweep: SweepSpec | Location, store: Location | Store | None = None) -> Plan:
    """The cells, stops and trials of a sweep, from the facts that `store` has pinned, if there is one. Writes nothing.

    sweep: a sweep, or its file.

    Raises SpecError (an InputError) for problems that show only with the data or the network at hand.
    """
    from orchestrator.planning import expand
    from orchestrator.planning.crossing import find_out

    existing = store if isinstance(store, Store) else existing_store(store)
    return expand.make_plan(find_out(_spec(sweep), existing))


def run(
    sweep: SweepSpec | Location,
    store: Location | None = None,
    *,
    only: str | None = None,
    shard: str | None = None,
    accept_changes: bool = False,
    options: RunOptions | None = None,
) -> Summary:
    """Run whatever is missing from a sweep. Can be repeated, interrupted and extended.

    sweep: what to run, as `load` returns it, or its file.
    store: the folder or bucket for the results; default the `store` of the sweep file.
    only: which cells to run, such as `technique=lr_rewinding,compression=8`; default all.
    shard: the part of these cells to run, such as `3/16`, while other processes run the other parts; default all.
    accept_changes: retrain results made with different data, user code or numerics; otherwise such a store is refused.
    options: where and how to run; default on a local Ray.

    Raises InputError or StoreError before any work starts, for example if another driver has the store. Raises
    StoreError later if another driver takes the store over, or its disk stays full.
    """
    from orchestrator.driver.division import part_of
    from orchestrator.driver.options import RunOptions
    from orchestrator.driver.session import driving
    from orchestrator.planning import changes, expand
    from orchestrator.planning.announcement import announce
    from orchestrator.planning.crossing import find_out
    from orchestrator.planning.select import check_picked, selector

    asked_shard = None if shard is None else Shard.parse(shard)
    sweep, options = _spec(sweep), (options or RunOptions()).checked()
    location = _store_location(sweep, store)
    picks = selector(only) if only is not None else None
    crossing = find_out(sweep, store_to_write(location))
    whole = expand.make_plan(crossing)
    picked = whole if picks is None else whole.only(picks)
    check_picked(bool(picked.cells), only or "", whole.rows())
    part = None if asked_shard is None else part_of(picked, crossing, asked_shard)
    announce(crossing, quiet=options.quiet)
    resolved = changes.resolved(whole)
    with driving(resolved, crossing.facts, location, accept_changes=accept_changes, part=part) as session:
        session.store.sweeps.add(sweep.name, resolved, whole.table())
        crash_point("session.added")
        summary = session.run(iter([picked]), options)
        is_last = part is None or _is_done(picked, session.store)
        if sweep.keep == "results_only" and summary.trained and not summary.interrupted and is_last:
            _delete_unneeded_states(session.store, options.quiet)
        return summary


def _spec(sweep: SweepSpec | Location) -> SweepSpec:
    """A sweep, read from its file if that is what was given."""
    from orchestrator.sweep.spec import SweepSpec

    return sweep if isinstance(sweep, SweepSpec) else load(sweep)


def _is_done(plan: Plan, store: Store) -> bool:
    """Whether no shard needs a state any longer."""
    return not plan.missing(store.records.all_keys(), set(store.states.checkpoint_sizes()))


def _delete_unneeded_states(store: Store, quiet: bool) -> None:
    """Delete the states that no sweep of the store needs any longer, and say so."""
    from orchestrator.upkeep.gc import delete_unneeded

    try:
        garbage = delete_unneeded(store)
    except StoreError as error:  # the run itself is done
        say(f"warning: kept all states: {error}")
        return
    if garbage.bytes and not quiet:
        say(garbage)


def resume(
    store: Location,
    *,
    sweep: str | None = None,
    only: str | None = None,
    shard: str | None = None,
    options: RunOptions | None = None,
    on_round: Callable[[Round], None] | None = None,
) -> Summary | Pruned:
    """Continue the newest sweep of a store, or the search that made it.

    store: the folder or bucket with the sweep.
    sweep: the name of the sweep to continue; default the newest.
    only, shard: which cells to run, as in `run`. A search cannot be limited to some of its cells.
    options: where and how to run; default on a local Ray.
    on_round: called with each round of a search, as in `prune`.

    Returns a Pruned for a search, which continues with its original settings. Raises what `run` raises.
    """
    from orchestrator.sweep.spec import spec_from_dict

    kept = _newest_sweep(store, sweep)
    spec = spec_from_dict(kept["spec"])
    search = SearchSettings.of(kept)
    if search is None:
        return run(spec, store, only=only, shard=shard, options=options)
    if only is not None or shard is not None:
        hint = f"omit `{'only' if only is not None else 'shard'}`"
        raise InputError("a search for the smallest network cannot be limited to some cells", hint=hint)
    settings = {name: value for name, value in search.to_json().items() if name != "name"}
    return prune(spec.model_copy(update={"name": search.name}), store, **settings, options=options, on_round=on_round)


def search_to_resume(store: Location, sweep: str | None = None) -> SearchSettings | None:
    """The settings of the search that `resume` would continue; None if it would continue a sweep of another kind."""
    return SearchSettings.of(_newest_sweep(store, sweep))


def _newest_sweep(store: Location, sweep: str | None) -> dict[str, Any]:
    opened = Store(store)
    folders = opened.sweeps.named(sweep)
    if not folders:
        raise missing_sweep(opened, sweep)
    try:
        return opened.sweeps.read(folders[-1])
    except UnreadableFile as error:
        raise StoreError(error.message, hint=error.remedy) from error
    except CorruptFile as error:
        raise StoreError(error.message, hint=f"{error.remedy}; then `prunesweep run` its sweep file again") from error


def prune(
    sweep: SweepSpec | Location,
    store: Location | None = None,
    *,
    tolerance: float | str,
    rate: str = DEFAULT_RATE,
    replicates: int = 1,
    max_rounds: int | None = None,
    to: Location | None = None,
    accept_changes: bool = False,
    options: RunOptions | None = None,
    on_round: Callable[[Round], None] | None = None,
) -> Pruned:
    """Prune the network of a sweep as far as a tolerance allows, and write the smallest one within it.

    Each round prunes a share of the remaining weights and retrains for the whole training time with learning-rate
    rewinding. The search ends after the first round beyond the tolerance. Only what is missing from the store runs.
    Source: Renda, Frankle, Carbin (ICLR 2020), Algorithm 1.

    sweep: one data set, network and recipe, as a sweep or a sweep file. Its grid is not used; a file may omit it.
    store: the folder or bucket for the results; default the `store` of the sweep file.
    tolerance: what may be lost of the validation score against the dense network (the median over replicates): in
        points of accuracy, or in the unit of another metric, or a share of the dense score such as `1%`.
    rate: the share of the remaining weights that each round prunes.
    replicates: the number of networks pruned at once.
    max_rounds: the maximum number of rounds; default as many as leave a weight.
    to: the folder for the network; default the store's name and `-pruned`.
    accept_changes, options: as in `run`.
    on_round: called with each round, the dense network first.

    Raises what `run` raises.
    """
    from orchestrator.driver.options import RunOptions
    from orchestrator.results.score_columns import primary_metric
    from orchestrator.results.tolerance import Tolerance
    from orchestrator.search.search import search
    from orchestrator.search.sweep import load_without_grid
    from orchestrator.sweep.spec import SweepSpec

    spec = sweep if isinstance(sweep, SweepSpec) else load_without_grid(sweep)
    location = _store_location(spec, store)
    settings = SearchSettings(
        name=spec.name,
        tolerance=Tolerance.of(tolerance).value,
        rate=rate,
        replicates=replicates,
        max_rounds=max_rounds,
        to=None if to is None else absolute(os.fspath(to)),
        metric=primary_metric({"spec": spec.canonical()}),
    )
    return search(
        spec,
        location,
        folder_for(to, f"{location.rstrip('/')}-pruned"),
        settings,
        accept_changes=accept_changes,
        options=(options or RunOptions()).checked(),
        on_round=on_round or (lambda _: None),
    )


def _store_location(sweep: SweepSpec, store: Location | None) -> str:
    """The store that was named, or that of the sweep file. Raises InputError if there is neither."""
    location = expanded(store if store is not None else sweep.store or "")
    if not location:
        raise InputError("no store given, and the sweep file has none", hint="add `store:` to it, or use `--store`")
    return location
