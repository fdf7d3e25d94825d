"""Commands that give networks to take away: prune, export-model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import (
    AcceptChanges,
    Address,
    AsJson,
    Cpus,
    Gpus,
    InProcess,
    MaxConcurrent,
    Quiet,
    RetryFailed,
    Save,
    StopAfter,
    StoreOption,
    Wait,
    run_options,
    store_of,
)
from orchestrator.cli.output import say
from orchestrator.cli.search_output import finish_search, print_files, say_round
from workers.errors import InputError

To = Annotated[
    str | None, typer.Option("--to", help="The folder to write to; default beside the store.", show_default=False)
]


@app.command()
def prune(
    sweep: Annotated[Path, typer.Argument(metavar="SWEEP", help="The sweep file (YAML); it needs no grid.")],
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Points of validation accuracy that may be lost.", min=0, max=100)
    ],
    rate: Annotated[str, typer.Option("--rate", help="The share of the weights left that each round prunes.")] = "20%",
    max_rounds: Annotated[int | None, typer.Option("--max-rounds", help="Rounds at most.", min=1)] = None,
    replicates: Annotated[
        int, typer.Option("--replicates", help="Networks at once; the median decides.", min=1, max=100)
    ] = 1,
    to: To = None,
    store: StoreOption = None,
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
    as_json: AsJson = False,
) -> None:
    """Find the smallest network within a tolerance: prune, retrain with the learning rates rewound, repeat."""
    options = run_options(locals())
    from orchestrator.search.settings import SearchSettings
    from orchestrator.search.sweep import has_grid, load_without_grid

    spec = load_without_grid(sweep)
    if has_grid(spec) and not quiet:
        say(f"The grid of {sweep} is not used: `prune` takes its network, data and recipe")
    asked = SearchSettings(
        name=spec.name, tolerance=tolerance, rate=rate, replicates=replicates, max_rounds=max_rounds, to=to
    )
    found = api.prune(
        spec,
        store,
        tolerance=tolerance,
        rate=rate,
        max_rounds=max_rounds,
        replicates=replicates,
        to=to,
        accept_changes=accept_changes,
        options=options,
        on_round=None if quiet else partial(say_round, tolerance=tolerance),
    )
    finish_search(found, tolerance, store or spec.store, asked.command(str(sweep), store), as_json)


@app.command("export-model")
def export_model(
    store: Annotated[
        str,
        typer.Argument(
            metavar="[STORE] CELL",
            help="The store, and `technique=lr_rewinding,compression=16,replicate=0`, a trial or `TRIAL@STEP`.",
        ),
    ],
    cell: Annotated[str | None, typer.Argument(hidden=True)] = None,
    to: To = None,
    as_json: AsJson = False,
) -> None:
    """Write the network of a cell: weights and masks as safetensors, and a JSON card that describes them."""
    location, wanted = (store_of(None), store) if cell is None else (store, cell)
    if cell is None and _is_place(store):
        example = f"prunesweep export-model {store} technique=lr_rewinding,compression=16,replicate=0"
        raise InputError(f"no cell of store `{store}` is named", hint=f"for example `{example}`")
    print_files(api.export_model(location, wanted, to), as_json)


def _is_place(word: str) -> bool:
    """Whether a word is a store rather than one of its cells."""
    return Path(word).exists() or ("/" in word and not set("=<>") & set(word))
