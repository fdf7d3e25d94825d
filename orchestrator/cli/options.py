"""Arguments and options that several commands share, and what they come to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workers.errors import InputError

if TYPE_CHECKING:
    from orchestrator.presets import Choice

SweepFile = Annotated[
    Path | None, typer.Argument(metavar="SWEEP", help="The sweep file (YAML); or give `--preset`.", show_default=False)
]
Preset = Annotated[
    str | None, typer.Option("--preset", help="A sweep inside the package; see `prunesweep list presets`.")
]
Scale = Annotated[
    str | None, typer.Option("--scale", help="The preset in small: `0.05` of its training length, data and grid.")
]
Data = Annotated[str | None, typer.Option("--data", help="The folder with the preset's data.")]
StandIn = Annotated[
    str | None, typer.Option("--dataset", help="Rehearse without the data: on `digits` or `synthetic` images.")
]
OnCpu = Annotated[bool, typer.Option("--cpu", help="Give the preset's trials a CPU each, and no GPU.")]
StoreArgument = Annotated[
    str | None,
    typer.Argument(metavar="[STORE]", help="The store; default $PRUNESWEEP_STORE or this folder.", show_default=False),
]
StoreOption = Annotated[str | None, typer.Option("--store", help="The store; default `store` of the sweep file.")]
SweepName = Annotated[str | None, typer.Option("--sweep", help="Only the sweep of this name.")]
Only = Annotated[str | None, typer.Option("--only", help="Only these cells: `technique=lr_rewinding,compression>=8`.")]
NetworkName = Annotated[str | None, typer.Option("--network", help="Short for `--only network=...`.")]
ScheduleName = Annotated[
    Literal["one_shot", "iterative"] | None, typer.Option("--schedule", help="Short for `--only schedule=...`.")
]
Format = Literal["text", "markdown", "csv", "latex", "html", "json"]
FormatName = Annotated[Format, typer.Option("--format", "-f", help="How to print it.")]
ResultsArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[STORE]",
        help="The store; default $PRUNESWEEP_STORE or this folder. `renda2020` is what the paper's study published.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
InProcess = Annotated[bool, typer.Option("--in-process", help="Without Ray: one trial after the other, here.")]
Address = Annotated[
    str | None,
    typer.Option("--address", envvar="RAY_ADDRESS", help="A Ray cluster that this machine is part of, such as `auto`."),
]
Cpus = Annotated[int | None, typer.Option("--cpus", help="CPUs of this machine for a local Ray.", min=1)]
Gpus = Annotated[int | None, typer.Option("--gpus", help="GPUs of this machine for a local Ray.", min=0)]
MaxConcurrent = Annotated[int | None, typer.Option("--max-concurrent", help="Trials at once, at most.", min=1)]
Wait = Annotated[bool, typer.Option("--wait-for-resources", help="Wait for machines instead of refusing.")]
StopAfter = Annotated[str | None, typer.Option("--stop-after", help="Stop in time for a job limit: `23h`, `90min`.")]
Save = Annotated[float, typer.Option("--checkpoint-seconds", help="How often a running trial saves its state.", min=0)]
AcceptChanges = Annotated[
    bool, typer.Option("--accept-changes", help="Train again what other data, code or numerics gave.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
RetryFailed = Annotated[
    str | None,
    typer.Option("--retry-failed", help="Run failed trials again: `all`, or outcomes such as `diverged,io`."),
]


def choice_of(given: dict[str, Any]) -> Choice | None:
    """The preset that was chosen, or None for a sweep file. Raises InputError unless there is one of the two."""
    sweep, name = given.get("sweep"), given["preset"]
    if name is None:
        for word in ("scale", "data", "dataset", "cpu"):
            if given[word]:
                hint = "add `--preset`; `prunesweep list presets` names them"
                raise InputError(f"`--{word}` is for presets", hint=hint)
        if sweep is None:
            raise InputError("no sweep", hint="name a sweep file, or a preset (`prunesweep list presets`)")
        return None
    if sweep is not None:
        raise InputError("a sweep file and `--preset` cannot both be meant", hint="drop one of them")
    from orchestrator.presets import Choice

    same = {word: given[word] for word in ("scale", "data", "cpu")}
    return Choice(name=name, stand_in=given["dataset"], **same)


def store_of(given: str | None) -> str:
    """The store that was named, or $PRUNESWEEP_STORE, or the current folder."""
    return given or os.environ.get("PRUNESWEEP_STORE") or "."


def only_of(only: str | None, network: str | None, schedule: str | None) -> str | None:
    """One selection of cells from `--only` and its short forms."""
    short = {"network": network, "schedule": schedule}
    terms = [f"{column}={value}" for column, value in short.items() if value is not None]
    terms += [] if only is None else [only]
    return ",".join(terms) if terms else None


def run_options(given: dict[str, Any]) -> Any:
    from orchestrator.driver.options import RunOptions
    from workers.text import parse_duration

    stop_after, retry = given["stop_after"], given["retry_failed"]
    same = ("in_process", "address", "cpus", "gpus", "max_concurrent", "wait_for_resources", "quiet")
    return RunOptions(
        **{name: given[name] for name in same},
        checkpoint_seconds=given["checkpoint_seconds"],
        stop_after=None if stop_after is None else parse_duration(stop_after),
        retry=tuple(retry.split(",")) if retry else (),
    )
