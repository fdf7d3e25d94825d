"""Commands that look after stores and machines: logs, verify, gc, list, doctor."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from orchestrator.cli.app import app
from orchestrator.cli.options import Address, AsJson, StoreArgument, store_of
from workers.errors import InputError


@app.command()
def logs(
    store: Annotated[str, typer.Argument(metavar="[STORE] TRIAL", help="The store, and a trial or how its id begins.")],
    trial: Annotated[str | None, typer.Argument(hidden=True)] = None,
    attempt: Annotated[int | None, typer.Option("--attempt", help="Which; default the latest.", min=1)] = None,
    tail: Annotated[int | None, typer.Option("--tail", help="Only so many lines, the last.", min=0)] = None,
) -> None:
    """Print the log of a trial: where and when it ran, its warnings, and how it ended."""
    from orchestrator.upkeep.logs import read_log
    from workers.store.store import Store

    location, name = (store_of(None), store) if trial is None else (store, trial)
    print(read_log(Store(location), name, attempt, tail))


@app.command()
def verify(
    store: StoreArgument = None,
    repair: Annotated[bool, typer.Option("--repair", help="Move what was found to `quarantine/`.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read every file of a store and name what is damaged, half-written, orphaned, foreign or conflicting."""
    from orchestrator.upkeep.verify import verify as look
    from workers.store.store import Store

    found = look(Store(store_of(store), unmarked=True), repair=repair)
    print(json.dumps(found.to_json(), indent=1) if as_json else found)
    sys.exit(3 if found.findings else 0)


@app.command()
def gc(
    store: StoreArgument = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Delete the quarantine too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete states that no sweep needs any more. Records are never deleted."""
    from orchestrator.upkeep.gc import collect
    from workers.store.store import Store

    found = collect(Store(store_of(store)), dry_run=dry_run, quarantine=quarantine)
    print(json.dumps(found.to_json(), indent=1) if as_json else found)


@app.command("list")
def list_names(
    what: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="techniques, networks, datasets, scores, distributions, structures or presets."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """List what a sweep file can name of a kind, or the presets of `init`."""
    from workers.data import DATASETS
    from workers.models import NETWORKS
    from workers.pruning import DISTRIBUTIONS, SCORES, STRUCTURES
    from workers.registry import closest
    from workers.techniques import TECHNIQUES

    kinds = {
        "techniques": lambda: {name: technique.summary for name, technique in TECHNIQUES.items()},
        "networks": lambda: {name: entry.summary for name, entry in NETWORKS.items()},
        "datasets": lambda: {name: entry.summary for name, entry in DATASETS.items()},
        "scores": lambda: {name: entry.summary for name, entry in SCORES.items()},
        "distributions": lambda: {name: entry.summary for name, entry in DISTRIBUTIONS.items()},
        "structures": lambda: {name: entry.summary for name, entry in STRUCTURES.items()},
    }
    if what == "presets":
        _list_presets(as_json)
        return
    if what not in kinds:
        raise InputError(f"unknown kind `{what}`", hint=closest(what, [*kinds, "presets"]))
    entries = kinds[what]()
    if as_json:
        print(json.dumps(entries, indent=1))
        return
    width = max(map(len, entries))
    for name, summary in entries.items():
        print(f"{name:<{width}}  {summary}")


def _list_presets(as_json: bool) -> None:
    """Names, and what they cost in epochs: every trajectory once, and each cell alone with its dense network."""
    from orchestrator.presets import presets
    from orchestrator.presets.cost import cost

    costs = {name: cost(preset) for name, preset in presets().items()}
    if as_json:
        listed = {name: {"summary": presets()[name].summary, **asdict(each)} for name, each in costs.items()}
        print(json.dumps(listed, indent=1))
        return
    width = max(map(len, costs))
    print(f"{'':{width}}  {'cells':>6}  {'epochs':>9}  {'unshared':>9}")
    for name, each in costs.items():
        numbers = f"{each.cells:>6,}  {each.epochs:>9,.0f}  {each.epochs_without_sharing:>9,.0f}"
        print(f"{name:<{width}}  {numbers}  {presets()[name].summary}")


@app.command()
def doctor(store: StoreArgument = None, address: Address = None, as_json: AsJson = False) -> None:
    """Check this machine: versions, GPUs, room, and whether a store or a cluster can be used."""
    from orchestrator.upkeep.doctor import examine

    findings = examine(store or os.environ.get("PRUNESWEEP_STORE"), address)
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        for finding in findings:
            print(f"{'✔' if finding.good else '✘'} {finding.what}: {finding.found}")
    sys.exit(0 if all(finding.good for finding in findings) else 1)
