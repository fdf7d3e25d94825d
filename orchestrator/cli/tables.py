"""Commands that show what came out: status, table, export."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import AsJson, Only, StoreArgument, SweepName, store_of
from orchestrator.cli.output import name_unreadable, say, terminal_width
from workers.errors import InputError

Value = Literal["accuracy", "delta"]
Format = Literal["text", "markdown", "csv", "latex", "json"]


@app.command()
def status(store: StoreArgument = None, sweep: SweepName = None, as_json: AsJson = False) -> None:
    """Show how far sweeps are, and what failed and why."""
    found = api.status(store_of(store), sweep)
    print(json.dumps(found.to_json(), indent=1) if as_json else found)
    name_unreadable(found.unreadable)


@app.command()
def table(
    store: StoreArgument = None,
    sweep: SweepName = None,
    value: Annotated[Value, typer.Option("--value", help="`delta` is points to the dense network.")] = "accuracy",
    budget: Annotated[
        str | None, typer.Option("--budget", help="A budget of the sweep, or `best`: chosen on validation.")
    ] = None,
    statistic: Annotated[
        Literal["median", "mean"], typer.Option("--statistic", help="Median [min, max], or mean ± sd.")
    ] = "median",
    split: Annotated[Literal["test", "validation"], typer.Option("--split", help="Of which images.")] = "test",
    only: Only = None,
    format_: Annotated[Format, typer.Option("--format", "-f", help="How to print it.")] = "text",
    as_json: AsJson = False,
) -> None:
    """Print accuracy by technique and compression."""
    from orchestrator.results.frame import join
    from orchestrator.results.table import table as make_table
    from workers.store import Store

    joined = join(Store(store_of(store)), None if sweep is None else [sweep])
    found = make_table(joined.rows, value=value, budget=budget, statistic=statistic, split=split, filters=only)
    writers: dict[Format, Callable[[], str]] = {
        "text": lambda: found.to_text(terminal_width()),
        "markdown": found.to_markdown,
        "csv": found.to_csv,
        "latex": found.to_latex,
        "json": found.to_json,
    }
    print(writers["json" if as_json else format_]())
    name_unreadable(joined.unreadable)


@app.command()
def export(
    store: StoreArgument = None,
    to: Annotated[Path, typer.Option("--to", help="The folder to write to.")] = Path("export"),
    sweep: SweepName = None,
    only: Only = None,
    value: Annotated[Value, typer.Option("--value", help="What the figure shows.")] = "delta",
    budget: Annotated[str | None, typer.Option("--budget", help="The figure's budget; default `best`.")] = None,
) -> None:
    """Write one tidy table (Parquet and CSV, one row a cell) and the accuracy-vs-compression figure (PNG and SVG)."""
    from orchestrator.results.export import export as write
    from orchestrator.results.figure import accuracy_vs_compression, save
    from orchestrator.results.frame import join
    from orchestrator.select import check_picked, selector
    from workers.store import Store

    joined = join(Store(store_of(store)), None if sweep is None else [sweep])
    rows = joined.rows
    if only is not None:
        wanted = selector(only)
        rows = rows.filter([wanted(row) for row in rows.to_pylist()])
        check_picked(rows.num_rows > 0, only)
    to.mkdir(parents=True, exist_ok=True)
    for suffix in ("parquet", "csv"):
        print(write(rows, to / f"results.{suffix}"))
    try:
        figure = accuracy_vs_compression(rows, value=value, budget=budget)
    except InputError as error:
        say(f"warning: no figure: {error}")
    else:
        for path in save(figure, to / "accuracy_vs_compression"):
            print(path)
    name_unreadable(joined.unreadable)
