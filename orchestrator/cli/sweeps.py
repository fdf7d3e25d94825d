"""Commands that begin from a sweep: init, plan, run, resume."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import (
    AcceptChanges,
    Address,
    AsJson,
    Cpus,
    Data,
    Gpus,
    InProcess,
    MaxConcurrent,
    OnCpu,
    Only,
    Preset,
    Quiet,
    RetryFailed,
    Save,
    Scale,
    StandIn,
    StopAfter,
    StoreArgument,
    StoreOption,
    SweepFile,
    SweepName,
    Wait,
    choice_of,
    run_options,
    store_of,
)
from orchestrator.cli.output import finish, name_unreadable, say
from orchestrator.cli.search_output import finish_search, say_round
from workers.errors import InputError

if TYPE_CHECKING:
    from orchestrator.presets import Choice
    from orchestrator.search.search import Pruned
    from orchestrator.sweep.spec import SweepSpec


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("sweep.yaml"),
    preset: Preset = "digits",
    scale: Scale = None,
    data: Data = None,
    dataset: StandIn = None,
    cpu: OnCpu = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented sweep file to begin with."""
    choice = choice_of(locals())
    assert choice is not None
    text = choice.text()
    if file.exists() and not force:
        raise InputError(f"`{file}` is there already", hint="`--force` replaces it")
    file.write_text(text, "utf-8")
    say(f"Wrote {file}. Next: prunesweep plan {file}")


@app.command()
def plan(
    sweep: SweepFile = None,
    store: StoreOption = None,
    only: Only = None,
    show_layers: Annotated[bool, typer.Option("--layers", help="List the weights that may be pruned instead.")] = False,
    preset: Preset = None,
    scale: Scale = None,
    data: Data = None,
    dataset: StandIn = None,
    cpu: OnCpu = False,
    as_json: AsJson = False,
) -> None:
    """Show what a sweep comes to: cells, trials, steps, room and time."""
    choice = choice_of(locals())
    spec = _read(sweep, choice)
    known = choice.known_facts() if choice else None
    if show_layers:
        from orchestrator.planning.prunable_layers import layers

        listed = layers(spec, store, known)
        print(json.dumps([each.to_json() for each in listed], indent=1) if as_json else "\n\n".join(map(str, listed)))
        return
    from orchestrator.planning.preview import preview

    found = preview(spec, store, only, known)
    print(json.dumps(found.to_json(), indent=1) if as_json else found)
    name_unreadable(found.unreadable)


@app.command()
def run(
    sweep: SweepFile = None,
    store: StoreOption = None,
    only: Only = None,
    preset: Preset = None,
    scale: Scale = None,
    data: Data = None,
    dataset: StandIn = None,
    cpu: OnCpu = False,
    in_process: InProcess = False,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    max_concurrent: MaxConcurrent = None,
    wait_for_resources: Wait = False,
    stop_after: StopAfter = None,
    checkpoint_seconds: Save = 60.0,
    retry_failed: RetryFailed = None,
    accept_changes: AcceptChanges = False,
    quiet: Quiet = False,
) -> None:
    """Do what is missing of a sweep. Can be repeated, interrupted and extended."""
    choice = choice_of(locals())
    options = run_options(locals())
    spec = _read(sweep, choice.with_data() if choice else None)
    finish(lambda: api.run(spec, store, only=only, accept_changes=accept_changes, options=options), store or spec.store)


def _read(sweep: Path | None, choice: Choice | None) -> SweepSpec:
    """A sweep file, or a preset; what is scaled of it is said."""
    if choice is None:
        assert sweep is not None
        return api.load(sweep)
    for line in choice.notes():
        say(line)
    return choice.spec()


@app.command()
def resume(
    store: StoreArgument = None,
    sweep: SweepName = None,
    only: Only = None,
    in_process: InProcess = False,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    max_concurrent: MaxConcurrent = None,
    wait_for_resources: Wait = False,
    stop_after: StopAfter = None,
    checkpoint_seconds: Save = 60.0,
    retry_failed: RetryFailed = None,
    quiet: Quiet = False,
) -> None:
    """Go on with the newest sweep of a store, or with the search that made it."""
    location, options = store_of(store), run_options(locals())
    search = api.search_to_resume(location, sweep)
    if search is None:
        finish(partial(api.resume, location, sweep=sweep, only=only, options=options), location)
        return
    say(f"Search: {search}")
    on_round = None if quiet else partial(say_round, tolerance=search.tolerance)
    found = api.resume(location, sweep=sweep, only=only, options=options, on_round=on_round)
    again = f"prunesweep resume {location}" + (f" --sweep {sweep}" if sweep else "")
    finish_search(cast("Pruned", found), search.tolerance, location, again)
