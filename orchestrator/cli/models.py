"""Commands that give networks to take away: prune, export-model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

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
from orchestrator.text import plural, size

if TYPE_CHECKING:
    from orchestrator.model_export import ExportedModel
    from orchestrator.search import Pruned, Round

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
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Train again what other data, code or numerics gave.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the smallest network within a tolerance: prune, retrain with the learning rates rewound, repeat."""
    options = run_options(locals())
    from orchestrator.sweep.chain import has_grid, load_without_grid

    spec = load_without_grid(sweep)
    if has_grid(spec) and not quiet:
        say(f"The grid of {sweep} is not used: `prune` takes its network, data and recipe")
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
        on_round=lambda made: None if quiet else _say_round(made, tolerance),
    )
    if found.kept is None or found.model is None:
        _say_unfinished(found, store or spec.store)
        sys.exit(found.exit_code)
    say(f"\n{_why(found, tolerance)}")
    say(_kept(found.kept, found.model))
    _print_files(found.model, as_json)


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
    _print_files(api.export_model(location, wanted, to), as_json)


def _say_round(made: Round, tolerance: float) -> None:
    """One line of the curve; medians where there are several replicates."""
    if made.number == 0:
        say("round  compression  validation  change      test  change")
    validation, test = median(made.validation_accuracy), median(made.test_accuracy)
    changes = [f"{median(each):+.2f}" if made.number else "" for each in (made.validation_change, made.test_change)]
    note = "" if made.is_within(tolerance) else f"more than {tolerance:g}"
    line = (
        f"{made.number or 'dense':>5}  {made.compression:>10.2f}×  {100 * validation:>9.2f}%  {changes[0]:>6}  "
        f"{100 * test:>7.2f}%  {changes[1]:>6}  {note}"
    )
    say(line.rstrip())


def _why(found: Pruned, tolerance: float) -> str:
    last = found.rounds[-1]
    fallen = f"validation accuracy fell by {-median(last.validation_change):.2f} points, more than {tolerance:g}"
    reasons = {
        "tolerance": f"Stopped: in round {last.number} {fallen}",
        "max_rounds": f"Stopped: {plural(last.number, 'round')} asked for, and still within {tolerance:g} points",
        "nothing_left": f"Stopped: another round would leave no weight, and still within {tolerance:g} points",
    }
    assert found.reason is not None
    return reasons[found.reason]


def _kept(kept: Round, model: ExportedModel) -> str:
    card = model.card
    if kept.number == 0:
        return "No pruned network is within the tolerance: the dense one was kept"
    return (
        f"Kept round {kept.number}, replicate {card['replicate']}: {kept.compression:.2f}× "
        f"({card['kept_weights']:,} of {plural(card['prunable_weights'], 'weight')}), "
        f"test {100 * card['accuracy']['test']:.2f}% ({card['accuracy']['test_change']:+.2f} points)"
    )


def _print_files(model: ExportedModel, as_json: bool) -> None:
    print(json.dumps(model.card, indent=1) if as_json else f"{model.model}\n{model.card_file}")
    say(
        f"\n{size(model.bytes)}. Load it with\n\n"
        "  from safetensors.torch import load_file\n\n"
        f'  tensors = load_file("{model.model}")\n'
        '  masks = {name: tensors.pop(name) for name in list(tensors) if name.endswith(".mask")}\n'
        "  network.load_state_dict(tensors)"
    )


def _say_unfinished(found: Pruned, store: str | None) -> None:
    summary = found.summary
    if summary.failed:
        classes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(summary.outcomes.items()))
        done = max(len(found.rounds) - 1, 0)
        say(f"\n{plural(summary.failed, 'trial')} failed ({classes}), and {plural(done, 'round')} are done")
        say(f"\nSee why:    prunesweep status {store}\nTry again:  the same command with --retry-failed")
        if done > 0:
            say(f"Keep what there is:  the same command with --max-rounds {done}")
    else:
        say("\nContinue with the same command: all that is done is kept")
