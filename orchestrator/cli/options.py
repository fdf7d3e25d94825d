"""Arguments and options that several commands share, and what they come to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="The sweep file (YAML).")]
StoreArgument = Annotated[
    str | None,
    typer.Argument(metavar="[STORE]", help="The store; default $PRUNESWEEP_STORE or this folder.", show_default=False),
]
StoreOption = Annotated[str | None, typer.Option("--store", help="The store; default `store` of the sweep file.")]
SweepName = Annotated[str | None, typer.Option("--sweep", help="Only the sweep of this name.")]
Only = Annotated[str | None, typer.Option("--only", help="Only these cells: `technique=lr_rewinding,compression>=8`.")]
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
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
RetryFailed = Annotated[
    str | None,
    typer.Option("--retry-failed", help="Run failed trials again: `all`, or outcomes such as `diverged,io`."),
]


def store_of(given: str | None) -> str:
    """The store that was named, or $PRUNESWEEP_STORE, or the current folder."""
    return given or os.environ.get("PRUNESWEEP_STORE") or "."


def run_options(given: dict[str, Any]) -> Any:
    from orchestrator.driver.session import RunOptions
    from orchestrator.text import parse_duration

    stop_after, retry = given["stop_after"], given["retry_failed"]
    same = ("in_process", "address", "cpus", "gpus", "max_concurrent", "wait_for_resources", "quiet")
    return RunOptions(
        **{name: given[name] for name in same},
        checkpoint_seconds=given["checkpoint_seconds"],
        stop_after=None if stop_after is None else parse_duration(stop_after),
        retry=tuple(retry.split(",")) if retry else (),
    )
