"""Commands that begin from a sweep: init, plan, run, resume."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import (
    Address,
    AsJson,
    Cpus,
    Gpus,
    InProcess,
    MaxConcurrent,
    Only,
    Quiet,
    RetryFailed,
    Save,
    StopAfter,
    StoreArgument,
    StoreOption,
    SweepFile,
    SweepName,
    Wait,
    run_options,
    store_of,
)
from orchestrator.cli.output import finish, name_unreadable, say
from workers.errors import InputError


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("sweep.yaml"),
    preset: Annotated[str, typer.Option("--preset", help="Which; see `prunesweep list presets`.")] = "digits",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented sweep file to begin with."""
    from orchestrator.presets import read_preset

    text = read_preset(preset)
    if file.exists() and not force:
        raise InputError(f"`{file}` is there already\n\nhint: `--force` replaces it")
    file.write_text(text, "utf-8")
    say(f"Wrote {file}. Next: prunesweep plan {file}")


@app.command()
def plan(
    sweep: SweepFile,
    store: StoreOption = None,
    only: Only = None,
    show_layers: Annotated[bool, typer.Option("--layers", help="List the weights that may be pruned instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a sweep comes to: cells, trials, steps, room and time."""
    if show_layers:
        from orchestrator.layers import layers

        listed = layers(api.load(sweep), store)
        print(json.dumps([each.to_json() for each in listed], indent=1) if as_json else "\n\n".join(map(str, listed)))
        return
    from orchestrator.preview import preview

    found = preview(api.load(sweep), store, only)
    print(json.dumps(found.to_json(), indent=1) if as_json else found)
    name_unreadable(found.unreadable)


@app.command()
def run(
    sweep: SweepFile,
    store: StoreOption = None,
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
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Train again what other data, code or numerics gave.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Do what is missing of a sweep. Can be repeated, interrupted and extended."""
    spec = api.load(sweep)
    options = run_options(locals())
    finish(lambda: api.run(spec, store, only=only, accept_changes=accept_changes, options=options), store or spec.store)


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
    """Go on with the newest sweep of a store."""
    location, options = store_of(store), run_options(locals())
    finish(partial(api.resume, location, sweep=sweep, only=only, options=options), location)
