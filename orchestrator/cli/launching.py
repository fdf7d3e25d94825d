"""The command that hands a sweep to what starts jobs: launch."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestrator import api
from orchestrator.cli.app import app
from orchestrator.cli.options import WHERE, StoreOption
from orchestrator.cli.run_flags import check_words
from workers.errors import InputError, collecting, raise_all
from workers.machine.terminal import say
from workers.paths import expanded
from workers.store.filesystems.opening import absolute

if TYPE_CHECKING:
    from orchestrator.launching.order import LaunchOrder
    from orchestrator.launching.submission import Submission

MACHINES = "Machines"
SITE = "Of one way to launch"

Via = Literal["job", "slurm", "kuberay"]
_USES: dict[str, tuple[Via, ...]] = {
    "nodes": ("slurm", "kuberay"),
    "cpus": ("slurm", "kuberay"),
    "gpus": ("slurm", "kuberay"),
    "shards": ("slurm",),
    "address": ("job",),
    "image": ("kuberay",),
    "claim": ("kuberay",),
    "namespace": ("kuberay",),
}
"""The options that only some ways to launch have."""

_SET_HERE = ("--store", "--address", "--in-process", "--shard")
_OF_MACHINES = ("--cpus", "--gpus")


@app.command()
def launch(
    sweep: Annotated[Path, typer.Argument(metavar="SWEEP", help="The sweep file (YAML).", show_default=False)],
    via: Annotated[
        Via,
        typer.Option(
            "--via",
            help="`job`: a Ray cluster that runs; `slurm`: an allocation or a job array; `kuberay`: Kubernetes.",
        ),
    ],
    run_options: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- OPTIONS", help="Options of `prunesweep run`, after `--`.", show_default=False),
    ] = None,
    store: StoreOption = None,
    nodes: Annotated[
        int | None, typer.Option("--nodes", help="Number of machines (default: 1).", min=1, rich_help_panel=MACHINES)
    ] = None,
    cpus: Annotated[
        int | None,
        typer.Option(
            "--cpus", help="CPUs of each machine (default: as a trial needs).", min=1, rich_help_panel=MACHINES
        ),
    ] = None,
    gpus: Annotated[
        int | None,
        typer.Option(
            "--gpus", help="GPUs of each machine (default: as a trial needs).", min=0, rich_help_panel=MACHINES
        ),
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option(
            "--shards",
            help="slurm: a job array of so many tasks, each a shard, instead of one allocation.",
            min=1,
            rich_help_panel=SITE,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            help="job: the job server of the cluster, such as `http://head:8265` (default: $RAY_API_SERVER_ADDRESS).",
            rich_help_panel=SITE,
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", help="kuberay: the image that `docker/Dockerfile` builds.", rich_help_panel=SITE),
    ] = None,
    claim: Annotated[
        str | None,
        typer.Option(
            "--claim",
            help="kuberay: the volume claim to mount at `/store` (default: `prunesweep-store`).",
            rich_help_panel=SITE,
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", help="kuberay: the namespace, if not the current one.", rich_help_panel=SITE),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            help="A word for `sbatch`, `ray job submit` or `kubectl apply`, such as `--option=--partition=gpu`; "
            "may be repeated.",
            rich_help_panel=SITE,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what would be submitted, and submit nothing.", rich_help_panel=WHERE),
    ] = False,
) -> None:
    """Submit a sweep to a Ray cluster, to Slurm or to Kubernetes, and say how to follow, stop and continue it."""
    given = {"nodes": nodes, "cpus": cpus, "gpus": gpus, "shards": shards, "image": image}
    given |= {"claim": claim, "namespace": namespace, "address": address}
    errors = [
        InputError(
            f"`--{name}` cannot be combined with `--via {via}`", hint=f"drop it, or use `--via {_USES[name][0]}`"
        )
        for name, value in given.items()
        if value is not None and via not in _USES[name]
    ]
    if shards is not None and nodes is not None:
        errors.append(InputError("`--nodes` cannot be combined with `--shards`", hint="each shard gets one machine"))
    with collecting(errors):
        _check_run_options(run_options or (), via, address="auto" if shards is None else "local")
    with collecting(errors):
        order = _order(sweep, store, via, tuple(run_options or ()), nodes or 1, cpus, gpus, tuple(option or ()))
    raise_all(errors)
    elsewhere = order.code_elsewhere()
    if via != "slurm":  # there a job runs in the folder from which it is submitted
        _note_code_elsewhere(elsewhere)
    if via == "job":
        _through_job_server(order, address, dry_run)
    elif via == "slurm":
        from orchestrator.launching import slurm

        _hand_over(slurm.on_allocation(order) if shards is None else slurm.as_array(order, shards), dry_run)
    else:
        from orchestrator.launching import kuberay

        if not image:
            raise InputError(
                "no image given for Kubernetes", hint="build `docker/Dockerfile`, push it and name it: `--image`"
            )
        _hand_over(kuberay.as_ray_job(order, image, claim or "prunesweep-store", namespace), dry_run)


def _order(
    sweep: Path,
    store: str | None,
    via: Via,
    options: tuple[str, ...],
    nodes: int,
    cpus: int | None,
    gpus: int | None,
    extra: tuple[str, ...],
) -> LaunchOrder:
    from orchestrator.launching.order import LaunchOrder

    spec = api.load(sweep)
    location = store or spec.store
    if not location:
        raise InputError("no store given, and the sweep file has none", hint="add `store:` to it, or use `--store`")
    order = LaunchOrder(
        file=sweep,
        spec=spec,
        store=location if via == "kuberay" else absolute(expanded(location)),
        folder=Path.cwd(),
        at=datetime.now(UTC),
        options=options,
        nodes=nodes,
        cpus=cpus,
        gpus=gpus,
        extra=extra,
        given=("prunesweep", *sys.argv[1:]),
    )
    order.check_machines()
    return order


def _note_code_elsewhere(modules: Sequence[str]) -> None:
    for module in modules:
        say(f"note: `{module}` is not in the current folder, so it must be installed where trials run")


def _check_run_options(words: Sequence[str], via: Via, address: str) -> None:
    """Raise InputError for words that `run` does not take at an address, and for options that `launch` sets."""
    names = [word.partition("=")[0] for word in words]
    instead = "use `--max-concurrent` to run fewer trials at once" if via == "job" else "give it before `--`"
    hints = dict.fromkeys(_SET_HERE, "`launch` sets it") | dict.fromkeys(_OF_MACHINES, instead)
    raise_all(
        [InputError(f"`{name}` cannot be given after `--`", hint=hint) for name, hint in hints.items() if name in names]
    )
    check_words(app, ["--address", address, *words])


def _through_job_server(order: LaunchOrder, address: str | None, dry_run: bool) -> None:
    from orchestrator.launching import job

    server = job.JobServer.parse(address or os.environ.get("RAY_API_SERVER_ADDRESS"))
    if dry_run:
        _hand_over(job.on_cluster(order, server, "FOLDER"), dry_run)
        say(f"FOLDER would be a copy of:  {' '.join(order.files(job.MOST_BYTES))}")
        return
    server.check()
    with job.to_upload(order) as folder:
        _hand_over(job.on_cluster(order, server, folder), dry_run)


def _hand_over(submission: Submission, dry_run: bool) -> None:
    if dry_run:
        print(submission)
        if submission.document:
            say(f"Would be submitted by:  {shlex.join(submission.command)}")
        return
    say(f"Submitted\n\n{submission.submit()}")
