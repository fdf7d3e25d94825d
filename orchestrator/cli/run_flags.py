"""The options that `run`, `resume` and `prune` share: where to run, when to stop, whom to tell."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from orchestrator.cli.options import (
    Address,
    Cpus,
    FailFast,
    Gpus,
    InProcess,
    MaxConcurrent,
    Notify,
    OnEnd,
    SaveEvery,
    StopAfter,
    Track,
    Wait,
)
from orchestrator.driver.options import RunOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFlags:
    """What a command that runs trials is given on the command line, in the order of its help."""

    in_process: InProcess = False
    address: Address = None
    cpus: Cpus = None
    gpus: Gpus = None
    max_concurrent: MaxConcurrent = None
    wait_for_resources: Wait = False
    stop_after: StopAfter = None
    checkpoint_seconds: SaveEvery = 60.0
    fail_fast: FailFast = None
    notify: Notify = None
    on_end: OnEnd = None
    track: Track = None

    def options(self, *, retry_failed: str | None, quiet: bool) -> RunOptions:
        """The checked options of a run. Raises InputError as `RunOptions` does."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        parsed = {"fail_fast": _outcomes(self.fail_fast), "track": tuple(self.track or ())}
        return RunOptions(**given | parsed, retry=_outcomes(retry_failed), quiet=quiet)


def takes_run_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options of `RunFlags` on the command line, in the place of its parameter `flags`.

    Typer makes one option from each parameter that a signature shows, so the signature shows the fields of `RunFlags`
    instead of `flags`.
    """

    @functools.wraps(command)
    def with_flags(**given: Any) -> None:
        flags = RunFlags(**{field.name: given.pop(field.name) for field in dataclasses.fields(RunFlags)})
        command(flags=flags, **given)

    with_flags.__signature__ = inspect.Signature(list(_shown_parameters(command)))  # type: ignore[attr-defined]
    return with_flags


def check_words(app: typer.Typer, words: Sequence[str]) -> None:
    """Raise InputError unless words are options of the command `run` of an application."""
    command = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    given = command.make_context("run", ["sweep.yaml", *words]).params
    flags = RunFlags(**{field.name: given[field.name] for field in dataclasses.fields(RunFlags)})
    flags.options(retry_failed=given["retry_failed"], quiet=given["quiet"])


def _shown_parameters(command: Callable[..., None]) -> Iterator[inspect.Parameter]:
    """The parameters of a command, all keyword-only, with the fields of `RunFlags` instead of `flags`."""
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if parameter.name == "flags":
            yield from inspect.signature(RunFlags, eval_str=True).parameters.values()
        else:
            yield parameter


def _outcomes(words: str | None) -> tuple[str, ...]:
    """The words of `--retry-failed` and `--fail-fast`."""
    return () if words is None else tuple(words.split(","))
