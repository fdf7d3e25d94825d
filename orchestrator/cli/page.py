"""The command that writes the report page: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import (
    NetworkName,
    Only,
    ResultsArgument,
    ScheduleName,
    SweepName,
    WithRetired,
    only_of,
    store_of,
)
from orchestrator.cli.output import name_unreadable, note_published
from orchestrator.cli.reading import Baseline


@app.command()
def report(
    store: ResultsArgument = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path("report.html"),
    sweep: SweepName = None,
    with_retired: WithRetired = False,
    only: Only = None,
    network: NetworkName = None,
    schedule: ScheduleName = None,
    baseline: Baseline = None,
) -> None:
    """Write one HTML page with all answers, figures and tables; it opens offline in any browser."""
    location = store_of(store)
    note_published([location])
    filters = only_of(only, network, schedule)
    written = api.report(
        location, output, sweep=sweep, retired=with_retired, filters=filters, baseline=baseline or "fine_tuning"
    )
    print(written.path)
    name_unreadable(written.unreadable)
