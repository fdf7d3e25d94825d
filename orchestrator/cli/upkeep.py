"""Commands that look after stores and machines: logs, sweeps, retire, rename, merge, verify, gc, list, doctor."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.app import app
from orchestrator.cli.options import Address, AsJson, StoreArgument, store_of
from orchestrator.cli.output import leave, name_unreadable
from workers.errors import InputError
from workers.machine.terminal import say
from workers.paths import expanded, is_uri

if TYPE_CHECKING:
    from workers.registry import Entry
    from workers.techniques import Technique


@app.command()
def logs(
    store: StoreArgument = None,
    trial: Annotated[
        str | None, typer.Argument(metavar="TRIAL", help="A trial id or its beginning; STORE may be omitted.")
    ] = None,
    attempt: Annotated[
        int | None, typer.Option("--attempt", help="Which attempt (default: the latest).", min=1)
    ] = None,
    tail: Annotated[int | None, typer.Option("--tail", help="Show only the last N lines.", min=0)] = None,
) -> None:
    """Print the log of a trial: where and when it ran, warnings, and how it ended."""
    from orchestrator.upkeep.logs import read_log
    from workers.store import Store

    location, name = (None, store) if trial is None else (store, trial)
    if name is None or (trial is None and (is_uri(name) or os.path.isdir(expanded(name)))):
        raise InputError(
            f"no trial given for store: {store_of(name)}",
            hint="run `prunesweep logs STORE TRIAL`; `prunesweep status STORE` lists failed trials",
        )
    print(read_log(Store(store_of(location)), name, attempt, tail))


_AnySweep = Annotated[str, typer.Argument(metavar="SWEEP", help="A sweep's name, or its folder such as `0001-big`.")]
_StoreFirst = Annotated[str, typer.Argument(metavar="STORE", help="The store.")]


@app.command()
def sweeps(store: StoreArgument = None, as_json: AsJson = False) -> None:
    """List the sweeps of a store: how far each is, its newest result, and whether it is retired."""
    from orchestrator.upkeep.sweeps import list_sweeps

    listed = list_sweeps(store_of(store))
    print(json.dumps(listed.to_json(), indent=1) if as_json else listed)
    name_unreadable(listed.unreadable)


@app.command()
def retire(
    store: _StoreFirst,
    sweep: _AnySweep,
    undo: Annotated[bool, typer.Option("--undo", help="Bring a retired sweep back.")] = False,
) -> None:
    """Leave a sweep out of status, tables, figures and exports, unless it is named. Deletes nothing."""
    from orchestrator.upkeep.sweeps import retire as retire_sweep

    folder = retire_sweep(store, sweep, undo=undo)
    if undo:
        say(f"Sweep {folder} is no longer retired")
        return
    place = shlex.quote(str(store))
    say(
        f"Sweep {folder} is retired; its results are kept\n\n"
        f"Bring it back:     prunesweep retire {place} {shlex.quote(folder)} --undo\n"
        f"Free its states:   prunesweep gc {place}"
    )


@app.command()
def rename(
    store: _StoreFirst,
    sweep: _AnySweep,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
) -> None:
    """Give a sweep another name. Its number and its results stay."""
    from orchestrator.upkeep.sweeps import rename as rename_sweep

    folder = rename_sweep(store, sweep, name)
    say(f"The sweep is now {folder}; change `name:` in its sweep file, too")


@app.command()
def merge(
    stores: Annotated[list[str], typer.Argument(metavar="STORE", help="The stores to read.")],
    into: Annotated[str, typer.Option("--into", metavar="STORE", help="The store to write; may be new.")],
    as_json: AsJson = False,
) -> None:
    """Put the sweeps, results and states of several stores into one. Merging again changes nothing."""
    from orchestrator.upkeep.merge import merge as merge_stores

    merged = merge_stores(stores, into)
    print(json.dumps(merged.to_json(), indent=1) if as_json else merged)
    name_unreadable(merged.unreadable)
    sys.exit(3 if merged.conflicts or merged.unreadable else 0)


@app.command()
def verify(
    store: StoreArgument = None,
    repair: Annotated[bool, typer.Option("--repair", help="Move files with a problem to `quarantine/`.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read every file of a store and name what is damaged, half-written, orphaned, foreign or conflicting."""
    from orchestrator.upkeep.verify import verify as verify_store
    from workers.store import Store

    verification = verify_store(Store(store_of(store), unmarked=True), repair=repair)
    print(json.dumps(verification.to_json(), indent=1) if as_json else verification)
    sys.exit(3 if verification.problems else 0)


@app.command()
def gc(
    store: StoreArgument = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Delete the quarantine too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete states that no sweep needs any longer. Records are never deleted."""
    from orchestrator.upkeep.gc import collect
    from workers.store import Store

    garbage = collect(Store(store_of(store)), dry_run=dry_run, quarantine=quarantine)
    print(json.dumps(garbage.to_json(), indent=1) if as_json else garbage)


@app.command("list")
def list_names(
    what: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="techniques, networks, datasets, losses, metrics, scores, distributions, structures or presets.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """List the names of a kind that a sweep file can use, or the presets of `init`."""
    from workers.data import DATASETS
    from workers.metrics import METRICS
    from workers.models import NETWORKS
    from workers.pruning import DISTRIBUTIONS, SCORES, STRUCTURES
    from workers.registry import closest
    from workers.techniques import LENGTHS, TECHNIQUES
    from workers.training.loss_names import LOSSES

    kinds: dict[str, Mapping[str, Entry | Technique]] = {
        "techniques": TECHNIQUES,
        "networks": NETWORKS,
        "datasets": DATASETS,
        "losses": LOSSES,
        "metrics": METRICS,
        "scores": SCORES,
        "distributions": DISTRIBUTIONS,
        "structures": STRUCTURES,
    }
    if what == "presets":
        _list_presets(as_json)
        return
    if what not in kinds:
        raise InputError(f"unknown kind: `{what}`", hint=closest(what, [*kinds, "presets"]))
    if as_json:
        print(json.dumps({name: entry.summary for name, entry in kinds[what].items()}, indent=1))
        return
    width = max(map(len, kinds[what]))
    for name, entry in kinds[what].items():
        print(f"{name:<{width}}  {entry.summary}")
    if what == "techniques":
        print(f"\n{LENGTHS}")


def _list_presets(as_json: bool) -> None:
    """Names, and their cost in epochs: with trials shared, and with each cell trained alone from its dense network."""
    from orchestrator.presets import presets
    from orchestrator.presets.cost import cost as cost_of

    costs = {name: cost_of(preset) for name, preset in presets().items()}
    if as_json:
        listed = {name: {"summary": presets()[name].summary, **asdict(cost)} for name, cost in costs.items()}
        print(json.dumps(listed, indent=1))
        return
    width = max(map(len, costs))
    print(f"{'':{width}}  {'cells':>6}  {'epochs':>9}  {'unshared':>9}")
    for name, cost in costs.items():
        numbers = f"{cost.cells:>6,}  {cost.epochs:>9,.0f}  {cost.epochs_without_sharing:>9,.0f}"
        print(f"{name:<{width}}  {numbers}  {presets()[name].summary}")
    print("\nepochs: length of all training; unshared: the same with every cell trained alone from its dense network")


@app.command()
def doctor(store: StoreArgument = None, address: Address = None, as_json: AsJson = False) -> None:
    """Check this machine: versions, GPUs, CPUs, and whether a store or a cluster can be used."""
    from orchestrator.upkeep.doctor import examine

    named = store or "PRUNESWEEP_STORE" in os.environ
    checks = []
    for check in examine(store_of(store) if named else None, address):
        checks.append(check)
        if not as_json:
            print("\n".join(check.lines()), flush=True)
    if as_json:
        print(json.dumps([check._asdict() for check in checks], indent=1))
    leave(0 if all(check.good for check in checks) else 1)
