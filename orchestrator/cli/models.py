"""Commands that write networks: prune, export-model."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import (
    WHAT,
    AcceptChanges,
    AsJson,
    ModelFolder,
    Quiet,
    RetryFailed,
    StoreOption,
    WithRetired,
    store_of,
)
from orchestrator.cli.run_flags import RunFlags, takes_run_flags
from orchestrator.cli.search_output import finish_search, print_files, say_round
from orchestrator.search.settings import DEFAULT_RATE, SearchSettings
from workers.errors import InputError
from workers.machine.terminal import say


@app.command()
@takes_run_flags
def prune(
    *,
    sweep: Annotated[Path, typer.Argument(metavar="SWEEP", help="The sweep file (YAML); it does not need a grid.")],
    tolerance: Annotated[
        str,
        typer.Option(
            "--tolerance",
            help="What the validation score may lose: `0.5` points (or metric units), or `1%` of the dense score.",
            rich_help_panel=WHAT,
        ),
    ],
    rate: Annotated[
        str,
        typer.Option("--rate", help="The share of the remaining weights that each round prunes.", rich_help_panel=WHAT),
    ] = DEFAULT_RATE,
    max_rounds: Annotated[
        int | None, typer.Option("--max-rounds", help="Maximum number of rounds.", min=1, rich_help_panel=WHAT)
    ] = None,
    replicates: Annotated[
        int,
        typer.Option(
            "--replicates",
            help="Number of replicates; the median decides.",
            min=1,
            max=100,
            rich_help_panel=WHAT,
        ),
    ] = 1,
    retry_failed: RetryFailed = None,
    accept_changes: AcceptChanges = False,
    store: StoreOption = None,
    flags: RunFlags,
    to: ModelFolder = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the smallest network within a tolerance: prune, retrain with rewound learning rates, repeat."""
    from orchestrator.search.sweep import has_grid, load_without_grid

    spec = load_without_grid(sweep)
    if has_grid(spec) and not quiet:
        say(f"`prune` does not use the grid of {sweep}, only its network, data and recipe")
    options = flags.options(retry_failed=retry_failed, quiet=quiet)
    settings = SearchSettings(
        name=spec.name, tolerance=tolerance, rate=rate, replicates=replicates, max_rounds=max_rounds, to=to
    )
    settings.check()
    pruned = api.prune(
        spec,
        store,
        tolerance=tolerance,
        rate=rate,
        max_rounds=max_rounds,
        replicates=replicates,
        to=to,
        accept_changes=accept_changes,
        options=options,
        on_round=None if quiet else partial(say_round, tolerance=settings.within),
    )
    finish_search(pruned, settings.within, store or spec.store, settings.command(str(sweep), store), as_json)


@app.command("export-model")
def export_model(
    store: Annotated[
        str,
        typer.Argument(
            metavar="[STORE] CELL",
            help="The store, and a cell: `technique=lr_rewinding,compression=16,replicate=0`, a trial or `TRIAL@STEP`.",
        ),
    ],
    cell: Annotated[str | None, typer.Argument(hidden=True)] = None,
    to: ModelFolder = None,
    with_retired: WithRetired = False,
    as_json: AsJson = False,
) -> None:
    """Write the network of a cell: weights and masks as safetensors, and a JSON card that describes them."""
    if (cell is not None and not cell.strip()) or (cell is None and _is_place(store)):
        example = f"prunesweep export-model {shlex.quote(store)} technique=lr_rewinding,compression=16,replicate=0"
        raise InputError(f"no cell given for store: {store}", hint=f"name one: `{example}`")
    location, wanted = (store_of(None), store) if cell is None else (store, cell)
    print_files(api.export_model(location, wanted, to, retired=with_retired), as_json)


def _is_place(word: str) -> bool:
    """Whether a word is a store rather than one of its cells."""
    return Path(word).exists() or ("/" in word and not set("=<>") & set(word))
