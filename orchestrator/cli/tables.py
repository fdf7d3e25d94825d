"""Commands that show results: status, table, export."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    StoreArgument,
    SweepName,
    WithRetired,
    only_of,
    store_of,
)
from orchestrator.cli.output import name_unreadable, note_published, say, show
from orchestrator.results.statistics import Split, Statistic, Value
from workers.errors import InputError
from workers.paths import expanded

if TYPE_CHECKING:
    from orchestrator.upkeep.status import Status

Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        help="A budget of the sweep, or a rule: `best` (chosen on validation), `longest`, or `single` (the longest, "
        "for weight_rewinding at most 90%). Default `best`, unless there is only one.",
    ),
]


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
            help="Show it again every so many seconds (default 2) until nothing drives the store any longer.",
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
    value: Annotated[
        Value, typer.Option("--value", help="`delta`: difference from the dense network, in points.")
    ] = "accuracy",
    budget: Budget = None,
    statistic: Annotated[
        Statistic, typer.Option("--statistic", help="Median (min, max), mean ± sd, or mean with 95 % interval (`ci`).")
    ] = "median",
    split: Annotated[Split, typer.Option("--split", help="Score on `test` or `validation` images.")] = "test",
    only: Only = None,
    network: NetworkName = None,
    schedule: ScheduleName = None,
    format_: FormatName = "text",
    as_json: AsJson = False,
) -> None:
    """Print accuracy by technique and compression, for a store or the published study (renda2020)."""
    from orchestrator.results.load import read
    from orchestrator.results.table import table as make_table

    location, filters = store_of(store), only_of(only, network, schedule)
    note_published([location])
    joined = read(location, None if sweep is None else [sweep], retired=with_retired)
    report = make_table(joined.rows, value=value, budget=budget, statistic=statistic, split=split, filters=filters)
    show(report, format_, as_json)
    name_unreadable(joined.unreadable)


@app.command()
def export(
    store: ResultsArgument = None,
    to: Annotated[Path, typer.Option("--to", help="The folder to write to.")] = Path("export"),
    sweep: SweepName = None,
    with_retired: WithRetired = False,
    only: Only = None,
    network: NetworkName = None,
    schedule: ScheduleName = None,
    value: Annotated[Value, typer.Option("--value", help="What the figure shows.")] = "delta",
    budget: Annotated[str | None, typer.Option("--budget", help="The figure's budget; default `best`.")] = None,
) -> None:
    """Write a tidy table (Parquet and CSV, one row per cell) and the accuracy-vs-compression figure (PNG, SVG, PDF)."""
    from orchestrator.results.exports.export import export as write
    from orchestrator.results.exports.export import select
    from orchestrator.results.exports.folder import check_folder
    from orchestrator.results.figures.accuracy import accuracy_vs_compression
    from orchestrator.results.figures.files import save
    from orchestrator.results.load import read

    location, filters = store_of(store), only_of(only, network, schedule)
    note_published([location])
    joined = read(location, None if sweep is None else [sweep], retired=with_retired)
    rows = joined.rows if filters is None else select(joined.rows, filters)
    folder = Path(expanded(to))
    check_folder(str(folder))
    for suffix in ("parquet", "csv"):
        print(write(rows, folder / f"results.{suffix}"))
    try:
        figure = accuracy_vs_compression(joined.rows, value=value, budget=budget, filters=filters)
    except InputError as error:
        say(f"warning: no figure: {error}")
    else:
        for path in save(figure, folder / "accuracy_vs_compression"):
            print(path)
    name_unreadable(joined.unreadable)
