"""Commands that show results: status, table, export, report."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import (
    AsJson,
    FormatName,
    MetricName,
    NetworkName,
    Only,
    ResultsArgument,
    ScheduleName,
    StoreArgument,
    SweepName,
    WithRetired,
    only_of,
    store_of,
)
from orchestrator.cli.output import name_unreadable, note_published, show
from orchestrator.cli.reading import (
    Baseline,
    Budget,
    Caption,
    Columns,
    Compact,
    Label,
    Output,
    OutputFile,
    Rows,
    SplitName,
    StatisticName,
    ValueName,
)
from workers.errors import InputError
from workers.machine.terminal import say
from workers.paths import expanded
from workers.store import Store
from workers.trial import ACCURACY

if TYPE_CHECKING:
    from orchestrator.upkeep.status import Status


@app.command()
def status(
    store: StoreArgument = None,
    sweep: SweepName = None,
    with_retired: WithRetired = False,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--watch",
            metavar="[SECONDS]",
            min=0.1,
            help="Refresh the status every so many seconds (default 2) until the driver of the store ends.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the progress of each sweep, and which trials failed and why."""
    from orchestrator.cli.watching import watch

    def show(status: Status) -> str:
        return json.dumps(status.to_json(), indent=None if seconds else 1) if as_json else str(status)

    location = store_of(store)
    read = partial(api.status, location, sweep, retired=with_retired)
    shown = read() if seconds is None else watch(read, show, seconds)
    print(show(shown))
    name_unreadable(shown.unreadable)


@app.command()
def table(
    store: ResultsArgument = None,
    sweep: SweepName = None,
    with_retired: WithRetired = False,
    only: Only = None,
    network: NetworkName = None,
    schedule: ScheduleName = None,
    metric: MetricName = None,
    value: ValueName = "score",
    budget: Budget = None,
    statistic: StatisticName = "median",
    baseline: Baseline = None,
    split: SplitName = "test",
    rows: Rows = None,
    columns: Columns = None,
    compact: Compact = False,
    format_: FormatName = None,
    as_json: AsJson = False,
    file: OutputFile = None,
    label: Label = None,
    caption: Caption = None,
) -> None:
    """Print accuracy by technique and compression, for a store or the published study (renda2020)."""
    output = Output.of(format_, as_json, file, compact=compact, label=label, caption=caption)
    if baseline is not None and statistic != "ci":
        raise InputError(f"`--baseline` does not change this statistic: {statistic}", hint="add `--statistic ci`")
    location = store_of(store)
    note_published([location])
    report = api.table(
        location,
        sweep=sweep,
        retired=with_retired,
        filters=only_of(only, network, schedule),
        metric=metric,
        value=value,
        budget=budget,
        statistic=statistic,
        split=split,
        rows=rows,
        columns=columns,
        baseline=baseline or "fine_tuning",
    )
    show(report, output)
    name_unreadable(report.unreadable)


@app.command()
def export(
    store: ResultsArgument = None,
    to: Annotated[Path, typer.Option("--to", "-o", help="The folder to write to.")] = Path("export"),
    figures: Annotated[
        Literal["accuracy", "paper"],
        typer.Option(
            "--figures",
            help="Accuracy against compression, or, for each grid, the figures of the paper: accuracy, retraining "
            "time, safety and dominance.",
        ),
    ] = "accuracy",
    sweep: SweepName = None,
    with_retired: WithRetired = False,
    only: Only = None,
    network: NetworkName = None,
    schedule: ScheduleName = None,
    metric: MetricName = None,
    value: ValueName = "score",
    budget: Budget = None,
    statistic: StatisticName = "median",
    baseline: Baseline = None,
    split: SplitName = "test",
) -> None:
    """Write tables (Parquet, CSV) and figures (PNG, SVG, PDF).

    The tables have all cells, the layers of their networks, their learning curves, and statistics over replicates.
    `--budget` and `--statistic` apply to the accuracy figure; the statistics file has all budgets and statistics. The
    figures of the paper show medians of differences, and budgets chosen on validation. `--metric` applies to statistics
    and figures; the other tables have the scores of all metrics.
    """
    from orchestrator.results.exports.details import read_details
    from orchestrator.results.exports.export import export as write
    from orchestrator.results.exports.export import select, write_statistics
    from orchestrator.results.exports.folder import check_folder
    from orchestrator.results.figures.accuracy import accuracy_vs_compression
    from orchestrator.results.figures.files import save
    from orchestrator.results.figures.paper import SkippedFigure, attempt, paper_figures
    from orchestrator.results.load import is_published, rows_of
    from orchestrator.results.recorded_metrics import judged_by

    for option, given in (("--budget", budget is not None), ("--statistic", statistic != "median")):
        if figures == "paper" and given:
            raise InputError(f"`{option}` does not change these figures: paper", hint=f"omit `{option}`")
    location, filters = store_of(store), only_of(only, network, schedule)
    note_published([location])
    joined = rows_of(location, sweep, retired=with_retired)
    judged = judged_by(joined.rows, metric)
    rows = joined.rows if filters is None else select(joined.rows, filters)
    folder = Path(expanded(to))
    check_folder(str(folder))
    tables = {"results": rows}
    unreadable = dict(joined.unreadable)
    if not is_published(location):
        details = read_details(Store(location), rows)
        tables |= {"layers": details.layers, "curves": details.curves}
        unreadable |= details.unreadable
    for name, tidy in tables.items():
        for suffix in ("parquet", "csv"):
            print(write(tidy, folder / f"{name}.{suffix}"))
    shown: dict[str, Any] = {"value": value, "split": split, "filters": filters}
    print(write_statistics(judged, folder / "statistics.csv", **shown, baseline=baseline or "fine_tuning"))
    if figures == "paper":
        drawn = paper_figures(judged, split=split, filters=filters)
    else:
        draw = partial(accuracy_vs_compression, judged, budget=budget, statistic=statistic, **shown)
        shown_metric = next(iter(judged.column("metric").to_pylist()), ACCURACY)
        drawn = iter([attempt(f"{shown_metric}_vs_compression", draw)])
    try:
        for figure in drawn:
            if isinstance(figure, SkippedFigure):
                say(f"warning: no figure `{figure.name}`: {figure.error.message}")
            else:
                print(*save(figure.chart, folder / figure.name), sep="\n")
    except InputError as error:
        say(f"warning: no figures: {error}")
    name_unreadable(unreadable)


@app.command()
def report(
    store: ResultsArgument = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path("report.html"),
    sweep: SweepName = None,
    with_retired: WithRetired = False,
    only: Only = None,
    network: NetworkName = None,
    schedule: ScheduleName = None,
    metric: MetricName = None,
    baseline: Baseline = None,
) -> None:
    """Write one HTML page with all answers, figures and tables; it opens offline in any browser."""
    location = store_of(store)
    note_published([location])
    filters = only_of(only, network, schedule)
    written = api.report(
        location,
        output,
        sweep=sweep,
        retired=with_retired,
        filters=filters,
        metric=metric,
        baseline=baseline or "fine_tuning",
    )
    print(written.path)
    name_unreadable(written.unreadable)
