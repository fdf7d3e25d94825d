"""Commands that compare results: compare, headline."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import (
    AsJson,
    FormatName,
    MetricName,
    NetworkName,
    Only,
    OtherSweepName,
    ResultsArgument,
    ScheduleName,
    SweepName,
    WithRetired,
    only_of,
    store_of,
)
from orchestrator.cli.output import name_unreadable, note_published, show
from orchestrator.cli.reading import Budget, Caption, Compact, Label, Output, OutputFile, SplitName, StatisticName


@app.command()
def compare(
    ours: Annotated[str, typer.Argument(metavar="STORE", help="A store.")],
    theirs: Annotated[str, typer.Argument(metavar="OTHER", help="Another store, or `renda2020`: the published study.")],
    sweep: SweepName = None,
    other_sweep: OtherSweepName = None,
    with_retired: WithRetired = False,
    only: Only = None,
    network: NetworkName = None,
    schedule: ScheduleName = None,
    metric: MetricName = None,
    budget: Budget = None,
    statistic: StatisticName = "median",
    split: SplitName = "test",
    compact: Compact = False,
    format_: FormatName = None,
    as_json: AsJson = False,
    file: OutputFile = None,
    label: Label = None,
    caption: Caption = None,
) -> None:
    """Compare two stores, or a store and the published study, cell by cell.

    `--sweep` is read from each store, unless `--other-sweep` names another of OTHER.
    """
    output = Output.of(format_, as_json, file, compact=compact, label=label, caption=caption)
    note_published([ours, theirs])
    filters = only_of(only, network, schedule)
    report = api.compare(
        ours,
        theirs,
        sweep=sweep,
        other_sweep=other_sweep,
        retired=with_retired,
        filters=filters,
        metric=metric,
        budget=budget,
        statistic=statistic,
        split=split,
    )
    show(report, output)
    name_unreadable(report.unreadable)


@app.command()
def headline(
    store: ResultsArgument = None,
    tolerance: Annotated[
        str,
        typer.Option(
            "--tolerance", help="What may be lost: `0.5` points (or units of the metric), or `1%` of the dense score."
        ),
    ] = "0",
    sweep: SweepName = None,
    with_retired: WithRetired = False,
    only: Only = None,
    network: NetworkName = None,
    schedule: ScheduleName = None,
    metric: MetricName = None,
    split: SplitName = "test",
    compact: Compact = False,
    format_: FormatName = None,
    as_json: AsJson = False,
    file: OutputFile = None,
    label: Label = None,
    caption: Caption = None,
) -> None:
    """Print the largest compression at which each technique still matches the dense network."""
    output = Output.of(format_, as_json, file, compact=compact, label=label, caption=caption)
    location = store_of(store)
    note_published([location])
    filters = only_of(only, network, schedule)
    report = api.headline(
        location, tolerance=tolerance, sweep=sweep, retired=with_retired, filters=filters, metric=metric, split=split
    )
    show(report, output)
    name_unreadable(report.unreadable)
