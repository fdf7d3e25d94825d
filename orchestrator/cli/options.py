"""Arguments and options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workers.errors import InputError, collecting, raise_all
from workers.paths import expanded
from workers.store.shard import Shard
from workers.text import parse_duration

if TYPE_CHECKING:
    from orchestrator.presets import PresetChoice

WHAT = "What to run"
WHERE = "Where"
STOP = "When to stop"
TELL = "Whom to tell"
PRESETS = "Presets"
OUTPUT = "Output"
"""The groups of options in `--help`."""

_CELLS = "Only these cells: `compression>=8,round=1`, both; `budget=50%|90%`, either."

# What to run
SweepFile = Annotated[
    Path | None, typer.Argument(metavar="SWEEP", help="The sweep file (YAML); or use `--preset`.", show_default=False)
]
SweepToResume = Annotated[
    str | None,
    typer.Option("--sweep", help="Name of the sweep to continue; default the newest.", rich_help_panel=WHAT),
]
OnlyRun = Annotated[str | None, typer.Option("--only", help=_CELLS, rich_help_panel=WHAT)]
ShardToRun = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N",
        help="Only one of several parts, while other processes run the others: `3/16` is the third of 16.",
        rich_help_panel=WHAT,
    ),
]
RetryFailed = Annotated[
    str | None,
    typer.Option(
        "--retry-failed",
        help="Run failed trials again: `all`, or outcomes such as `diverged,io`.",
        rich_help_panel=WHAT,
    ),
]
AcceptChanges = Annotated[
    bool,
    typer.Option(
        "--accept-changes",
        help="Retrain results that were made with different data, code or numerics.",
        rich_help_panel=WHAT,
    ),
]

# Presets
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset", help="A sweep that comes with prunesweep; see `prunesweep list presets`.", rich_help_panel=PRESETS
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        "--scale",
        help="Scale the preset down: `0.05` of its training length, data and grid.",
        rich_help_panel=PRESETS,
    ),
]
Data = Annotated[str | None, typer.Option("--data", help="The folder with the preset's data.", rich_help_panel=PRESETS)]
StandIn = Annotated[
    str | None,
    typer.Option(
        "--dataset", help="Train without the data, on `digits` or `synthetic` images.", rich_help_panel=PRESETS
    ),
]
OnCpu = Annotated[
    bool,
    typer.Option("--on-cpu", help="Train each trial of the preset on one CPU, without a GPU.", rich_help_panel=PRESETS),
]

# Where
StoreOption = Annotated[
    str | None,
    typer.Option("--store", help="The store; default `store` of the sweep file.", rich_help_panel=WHERE),
]
InProcess = Annotated[
    bool,
    typer.Option(
        "--in-process", help="Run without Ray: one trial after another, in this process.", rich_help_panel=WHERE
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar="RAY_ADDRESS",
        help="A Ray cluster that this machine is part of, such as `auto`.",
        rich_help_panel=WHERE,
    ),
]
Cpus = Annotated[
    int | None,
    typer.Option("--cpus", help="Number of this machine's CPUs that a local Ray uses.", min=1, rich_help_panel=WHERE),
]
Gpus = Annotated[
    int | None,
    typer.Option("--gpus", help="Number of this machine's GPUs that a local Ray uses.", min=0, rich_help_panel=WHERE),
]
MaxConcurrent = Annotated[
    int | None,
    typer.Option("--max-concurrent", help="Run at most this many trials at once.", min=1, rich_help_panel=WHERE),
]
Wait = Annotated[
    bool,
    typer.Option(
        "--wait-for-resources", help="Wait for nodes to join the cluster instead of refusing.", rich_help_panel=WHERE
    ),
]

# When to stop
StopAfter = Annotated[
    float | None,
    typer.Option(
        "--stop-after",
        parser=parse_duration,
        metavar="DURATION",
        help="Stop in time for a job limit: `23h`, `90min`.",
        rich_help_panel=STOP,
    ),
]
SaveEvery = Annotated[
    float,
    typer.Option(
        "--checkpoint-seconds", help="Seconds between saves of a running trial's state.", min=0, rich_help_panel=STOP
    ),
]

FailFast = Annotated[
    str | None,
    typer.Option(
        "--fail-fast",
        metavar="OUTCOMES",
        help="Stop at the first failed trial with one of these outcomes: `bug`, `bug,diverged` or `all`.",
        rich_help_panel=STOP,
    ),
]

# Whom to tell
Notify = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="URL",
        help="Post JSON to this URL at the end, at the first failure of each class, and when the sweep stalls.",
        rich_help_panel=TELL,
    ),
]
OnEnd = Annotated[
    str | None,
    typer.Option(
        "--on-end",
        metavar="COMMAND",
        help="Run this shell command at the end, with the outcome in $PRUNESWEEP_OUTCOME and as JSON on stdin.",
        rich_help_panel=TELL,
    ),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="TRACKER",
        help="Send losses and results to `tensorboard:FOLDER`, `mlflow:URI` or `wandb:PROJECT`; may be repeated.",
        rich_help_panel=TELL,
    ),
]

# What to read
StoreArgument = Annotated[
    str | None,
    typer.Argument(metavar="STORE", help="The store; default $PRUNESWEEP_STORE or this folder.", show_default=False),
]
ResultsArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="STORE",
        help="The store; default $PRUNESWEEP_STORE or this folder. `renda2020` is the published study.",
        show_default=False,
    ),
]
SweepName = Annotated[str | None, typer.Option("--sweep", help="Only the sweep of this name.")]
OtherSweepName = Annotated[
    str | None, typer.Option("--other-sweep", help="The sweep of OTHER, if its name is not that of `--sweep`.")
]
WithRetired = Annotated[bool, typer.Option("--all", help="Include retired sweeps.")]
Only = Annotated[str | None, typer.Option("--only", "--where", help=_CELLS)]
NetworkName = Annotated[str | None, typer.Option("--network", help="Short for `--only network=...`.")]
MetricName = Annotated[
    str | None,
    typer.Option("--metric", help="A recorded metric, which also chooses budgets then; default the primary one."),
]
ScheduleName = Annotated[
    Literal["one_shot", "iterative"] | None, typer.Option("--schedule", help="Short for `--only schedule=...`.")
]

# Output
Format = Literal["text", "markdown", "csv", "latex", "html", "json", "xlsx"]
FormatName = Annotated[
    Format | None,
    typer.Option("--format", "-f", help="How to print the result.", show_default="text", rich_help_panel=OUTPUT),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=OUTPUT)]
ModelFolder = Annotated[
    str | None,
    typer.Option(
        "--to",
        "-o",
        help="The folder to write to; default next to the store.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]


def choice_of(
    sweep: Path | None, *, preset: str | None, scale: str | None, data: str | None, dataset: str | None, on_cpu: bool
) -> PresetChoice | None:
    """The chosen preset, or None for a sweep file. Raises InputError unless exactly one of the two is given."""
    if preset is None:
        for_presets = {"scale": scale, "data": data, "dataset": dataset, "on-cpu": on_cpu}
        hint = "add `--preset`; `prunesweep list presets` names them"
        given = [option for option, value in for_presets.items() if value]
        errors = [InputError(f"`--{option}` is for presets", hint=hint) for option in given]
        if sweep is None and not errors:
            hint = "name a sweep file, or a preset (`prunesweep list presets`)"
            errors.append(InputError("no sweep given", hint=hint))
        raise_all(errors)
        return None
    errors = [] if sweep is None else [InputError("give a sweep file or `--preset`, not both")]
    with collecting(errors):
        choice = preset_choice(preset, scale=scale, data=data, dataset=dataset, on_cpu=on_cpu)
    raise_all(errors)
    return choice


def preset_choice(
    preset: str, *, scale: str | None, data: str | None, dataset: str | None, on_cpu: bool
) -> PresetChoice:
    """A preset with its options."""
    from orchestrator.presets import PresetChoice

    return PresetChoice(name=preset, scale=scale, data=data, stand_in=dataset, cpu=on_cpu)


def check_only(only: str | None) -> None:
    """Raise InputError for a selection of cells that cannot be read."""
    from orchestrator.planning.select import selector

    if only is not None:
        selector(only)


def check_shard(shard: str | None) -> None:
    """Raise InputError for a shard that cannot be read."""
    if shard is not None:
        Shard.parse(shard)


def store_of(given: str | None) -> str:
    """The store that was named, or $PRUNESWEEP_STORE, or the current folder."""
    return expanded(given or os.environ.get("PRUNESWEEP_STORE") or ".")


def only_of(only: str | None, network: str | None, schedule: str | None) -> str | None:
    """One selection of cells from `--only` and its short forms."""
    short = {"network": network, "schedule": schedule}
    terms = [f"{column}={value}" for column, value in short.items() if value is not None]
    terms += [] if only is None else [only]
    return ",".join(terms) if terms else None
