"""The application to which the other modules of this package add their commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from orchestrator.cli.usage import Command, CommandGroup
from workers.machine.version import VERSION

Function = TypeVar("Function", bound=Callable[..., Any])


class _Application(typer.Typer):
    """Commands that report all mistakes of a command line at once."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        return super().command(name, cls=Command, **settings)


app = _Application(
    cls=CommandGroup,
    help="Sweeps of neural network pruning and retraining: which technique, how far, at what cost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"prunesweep {VERSION}")
        raise typer.Exit


@app.callback()
def without_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass  # the callback of an option does what it asks for, before a command is looked for
