"""Commands that start from a sweep: init, plan, run, resume."""

from __future__ import annotations

import json
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import (
    WHAT,
    AcceptChanges,
    AsJson,
    Data,
    OnCpu,
    OnlyRun,
    Preset,
    Quiet,
    RetryFailed,
    Scale,
    ShardToRun,
    StandIn,
    StoreArgument,
    StoreOption,
    SweepFile,
    SweepToResume,
    check_only,
    check_shard,
    choice_of,
    preset_choice,
    store_of,
)
from orchestrator.cli.output import finish, name_unreadable
from orchestrator.cli.run_flags import RunFlags, takes_run_flags
from orchestrator.cli.search_output import finish_search, say_round
from workers.errors import InputError, collecting, raise_all
from workers.machine.terminal import say
from workers.paths import file_to_write
from workers.store.filesystems.output import write_output

if TYPE_CHECKING:
    from orchestrator.presets import PresetChoice
    from orchestrator.search.search import Pruned
    from orchestrator.sweep.spec import SweepSpec


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("sweep.yaml"),
    preset: Preset = "digits",
    scale: Scale = None,
    data: Data = None,
    dataset: StandIn = None,
    on_cpu: OnCpu = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented sweep file to start from."""
    choice = preset_choice(preset or "digits", scale=scale, data=data, dataset=dataset, on_cpu=on_cpu)
    text = choice.text()
    path = file_to_write(file)
    if path.exists() and not force:
        raise InputError(f"file already exists: {path}", hint="`--force` replaces it")
    write_output(path, text.encode())
    say(f"Wrote {path}. Next: prunesweep plan {shlex.quote(str(path))}")


@app.command()
def plan(
    sweep: SweepFile = None,
    only: OnlyRun = None,
    show_layers: Annotated[
        bool,
        typer.Option(
            "--layers",
            help="List the prunable weights of each layer instead, and what is left out.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    probing: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="Measure a few steps of each task on this machine, for the time (and the price) of the sweep.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    store: StoreOption = None,
    preset: Preset = None,
    scale: Scale = None,
    data: Data = None,
    dataset: StandIn = None,
    on_cpu: OnCpu = False,
    as_json: AsJson = False,
) -> None:
    """Preview a sweep: cells, trials, training steps, disk space, time."""
    errors: list[InputError] = []
    with collecting(errors):
        check_only(only)
    with collecting(errors):
        choice = choice_of(sweep, preset=preset, scale=scale, data=data, dataset=dataset, on_cpu=on_cpu)
        spec = _read(sweep, choice)
    raise_all(errors)
    facts = choice.known_facts() if choice else None
    if show_layers:
        from orchestrator.planning.prunable_layers import layers

        tables = layers(spec, store, facts)
        print(json.dumps([table.to_json() for table in tables], indent=1) if as_json else "\n\n".join(map(str, tables)))
        return
    from orchestrator.planning.preview import preview

    shown = preview(spec, store, only, facts, probing=probing)
    print(json.dumps(shown.to_json(), indent=1) if as_json else shown)
    for share in shown.prunable:
        if share.is_low:
            say(f"warning: {share.warning}")
    name_unreadable(shown.unreadable)


@app.command()
@takes_run_flags
def run(
    *,
    sweep: SweepFile = None,
    only: OnlyRun = None,
    shard: ShardToRun = None,
    retry_failed: RetryFailed = None,
    accept_changes: AcceptChanges = False,
    store: StoreOption = None,
    flags: RunFlags,
    preset: Preset = None,
    scale: Scale = None,
    data: Data = None,
    dataset: StandIn = None,
    on_cpu: OnCpu = False,
    quiet: Quiet = False,
) -> None:
    """Run a sweep: train whatever the store does not have yet. Can be repeated, interrupted and extended."""
    errors: list[InputError] = []
    with collecting(errors):
        options = flags.options(retry_failed=retry_failed, quiet=quiet)
    with collecting(errors):
        check_only(only)
    with collecting(errors):
        check_shard(shard)
    with collecting(errors):
        choice = choice_of(sweep, preset=preset, scale=scale, data=data, dataset=dataset, on_cpu=on_cpu)
        spec = _read(sweep, choice.with_data() if choice else None)
    raise_all(errors)
    work = partial(api.run, spec, store, only=only, shard=shard, accept_changes=accept_changes, options=options)
    finish(work, store or spec.store, shard)


def _read(sweep: Path | None, choice: PresetChoice | None) -> SweepSpec:
    """A sweep file, or a preset, with a note of what is scaled down in it."""
    if choice is None:
        assert sweep is not None
        return api.load(sweep)
    for line in choice.notes():
        say(line)
    return choice.spec()


@app.command()
@takes_run_flags
def resume(
    *,
    store: StoreArgument = None,
    sweep: SweepToResume = None,
    only: OnlyRun = None,
    shard: ShardToRun = None,
    retry_failed: RetryFailed = None,
    flags: RunFlags,
    quiet: Quiet = False,
) -> None:
    """Continue the newest sweep of a store, or the search that made it."""
    location = store_of(store)
    errors: list[InputError] = []
    with collecting(errors):
        options = flags.options(retry_failed=retry_failed, quiet=quiet)
    with collecting(errors):
        check_only(only)
    with collecting(errors):
        check_shard(shard)
    raise_all(errors)
    search = api.search_to_resume(location, sweep)
    if search is None:
        finish(partial(api.resume, location, sweep=sweep, only=only, shard=shard, options=options), location, shard)
        return
    say(f"Search: {search}")
    on_round = None if quiet else partial(say_round, tolerance=search.within)
    pruned = cast(
        "Pruned", api.resume(location, sweep=sweep, only=only, shard=shard, options=options, on_round=on_round)
    )
    again = shlex.join(["prunesweep", "resume", location, *(["--sweep", sweep] if sweep else [])])
    finish_search(pruned, search.within, location, again)
