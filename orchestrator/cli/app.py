"""The application that the modules of commands beside this one add to."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="Sweeps of neural network pruning and retraining: which technique, how far, at what cost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
