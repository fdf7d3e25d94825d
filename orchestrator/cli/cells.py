"""The command that shows one cell, or one sweep: show."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import AsJson, StoreArgument, WithRetired, store_of
from orchestrator.cli.output import name_unreadable
from workers.errors import InputError
from workers.paths import expanded, is_uri

_Sweep = Annotated[
    str | None, typer.Option("--sweep", help="Only the sweep of this name; without CELL, print it as a sweep file.")
]


@app.command()
def show(
    store: StoreArgument = None,
    cell: Annotated[
        str | None,
        typer.Argument(
            metavar="CELL",
            help="A trial's id or its beginning, or words such as `lr_rewinding 16× 90%, replicate 0`, or "
            "`technique=lr_rewinding,compression=16,replicate=0`. It may be the only argument.",
            show_default=False,
        ),
    ] = None,
    sweep: _Sweep = None,
    with_retired: WithRetired = False,
    as_json: AsJson = False,
) -> None:
    """Show everything known of a cell: results, chain, learning curve, layers, cost, settings and files.

    With `--sweep` and without CELL, print that sweep as a file, with every default written out.
    """
    location, name = _split(store, cell, sweep)
    if name is None:
        if as_json:
            raise InputError("a sweep file is YAML", hint="omit `--json`")
        print(api.sweep_file(location, sweep), end="")
        return
    shown = api.show(location, name, sweep, retired=with_retired)
    print(json.dumps(shown.to_json(), indent=1, ensure_ascii=False) if as_json else shown)
    name_unreadable(shown.unreadable)


def _split(store: str | None, cell: str | None, sweep: str | None) -> tuple[str, str | None]:
    """The store, and the cell if one is given: a single argument that is not a store is a cell of the usual one."""
    if cell is None and store is not None and not (is_uri(store) or os.path.isdir(expanded(store))):
        store, cell = None, store
    if cell is not None and not cell.strip():
        cell = None
    if cell is None and sweep is None:
        raise InputError(
            f"no cell given for store: {store_of(store)}",
            hint="run `prunesweep show STORE CELL`, or `prunesweep show STORE --sweep NAME` for the file of a sweep",
        )
    return store_of(store), cell
