"""Commands that compare results: compare, headline."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import (
    AsJson,
    FormatName,
    NetworkName,
    Only,
    ResultsArgument,
    ScheduleName,
    only_of,
    store_of,
)
from orchestrator.cli.output import name_unreadable, note_published, show


@app.command()
def compare(
    ours: Annotated[str, typer.Argument(metavar="STORE", help="A store.")],
    theirs: Annotated[str, typer.Argument(metavar="OTHER", help="Another store, or `renda2020`: the published study.")],
    budget: Annotated[
        str,
        typer.Option(
            "--budget", help="`best`, `longest`, `single`, or a length: a share of the dense training, or epochs."
        ),
    ] = "best",
    only: Only = None,
    network: NetworkName = None,
    schedule: ScheduleName = None,
    format_: FormatName = "text",
    as_json: AsJson = False,
) -> None:
    """Compare two stores, or a store and the published study, cell by cell."""
    note_published([ours, theirs])
    report = api.compare(ours, theirs, budget=budget, filters=only_of(only, network, schedule))
    show(report, format_, as_json)
    name_unreadable(report.unreadable)


@app.command()
def headline(
    store: ResultsArgument = None,
    tolerance: Annotated[float, typer.Option("--tolerance", help="Accuracy that may be lost, in points.", min=0)] = 0.0,
    only: Only = None,
    network: NetworkName = None,
    schedule: ScheduleName = None,
    format_: FormatName = "text",
    as_json: AsJson = False,
) -> None:
    """Print the largest compression at which each technique still matches the dense network."""
    location = store_of(store)
    note_published([location])
    report = api.headline(location, tolerance=tolerance, filters=only_of(only, network, schedule))
    show(report, format_, as_json)
    name_unreadable(report.unreadable)
