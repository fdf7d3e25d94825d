"""What every machine must have, looked at before anything starts: the store, code and data.

Ray is imported only to ask other machines: a run in this process does without.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from fractions import Fraction
from typing import Any

from orchestrator.planning.plan import Plan
from workers.data import DATASETS
from workers.errors import InputError, PrunesweepError
from workers.registry import is_own, load, lookup, search
from workers.store.store import Store
from workers.trial import Dataset, Job


def _look(function: Callable[..., Any], arguments: Sequence[Any], nodes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What a function returns on each of some machines, by address."""
    import ray

    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    task = ray.remote(num_cpus=0)(function)
    looking = {
        node["NodeManagerAddress"]: task.options(
            scheduling_strategy=strategy(node_id=node["NodeID"], soft=False)
        ).remote(*arguments)
        for node in nodes
    }
    return {address: ray.get(looked) for address, looked in looking.items()}


def _alive() -> list[dict[str, Any]]:
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def check_shared(store: Store) -> None:
    """Raise InputError unless every machine of the cluster sees this very store."""
    nodes = _alive()
    if len(nodes) < 2:
        return
    token = f"cache/shared-{os.getpid()}-{time.time_ns()}"
    store.files.write(token, b"")
    try:
        blind = [address for address, seen in _look(_sees, (store.location, token), nodes).items() if not seen]
    finally:
        store.files.delete(token)
    if blind:
        raise InputError(
            f"store `{store.location}` is not the same on every machine: {', '.join(sorted(blind))} cannot see it",
            hint="put it on a filesystem or object store that all of them share, at the same path",
        )


def _sees(location: str, token: str) -> bool:
    from workers.store.files import open_files

    return open_files(location).exists(token)


def own_functions(plan: Plan) -> list[str]:
    """The `module:function` names that the trials of a plan use."""
    tasks = {id(planned.trial.task): planned.trial.task for planned in plan.trials.values()}.values()
    names = [name for task in tasks for name in (task.dataset.name, task.network.name, task.recipe.loss)]
    return [name for name in dict.fromkeys(names) if is_own(name)]


def check_importable(functions: Sequence[str], folder: str) -> None:
    """Raise InputError unless every machine of the cluster can import functions, `folder` being searched first."""
    if not functions:
        return
    for address, problem in _look(problem_with, (functions, folder), _alive()).items():
        if problem is not None:
            raise InputError(
                f"machine {address} cannot use the code of this sweep: {problem}",
                hint=f"install the package on every machine, or share `{folder}` among them at the same path",
            )


def problem_with(functions: Sequence[str], folder: str) -> str | None:
    """Why one of some functions cannot be imported in this process, or None."""
    search(folder)
    try:
        for function in functions:
            load(function)
    except InputError as error:
        return str(error).partition("\n")[0]
    return None


def gpu_problem(gpus: Fraction) -> str | None:
    """Why trials that ask for GPUs cannot run in this process, or None."""
    import torch

    if not gpus or torch.cuda.is_available():
        return None
    return (
        f"a trial is to have {gpus} GPUs, and torch finds none on this machine\n\n"
        "hint: remove `gpus` from `resources` in the sweep file, or look at `prunesweep doctor`"
    )


def unseen_data(jobs: Iterable[Job], loaded: Collection[str] = ()) -> list[Dataset]:
    """The data sets of some jobs that lie outside the package, and that nobody has loaded just now to plan them.

    `loaded` are fingerprints. Facts that are known beforehand say nothing of whether the data are there.
    """
    datasets = {id(job.trial.task): job.trial.task.dataset for job in jobs}.values()
    entries = [(dataset, lookup(DATASETS, dataset.name, "data set")) for dataset in datasets]
    return [
        dataset
        for dataset, entry in entries
        if entry.facts or ((entry.required or entry.open) and dataset.fingerprint not in loaded)
    ]


def check_data(datasets: Sequence[Dataset], folder: str) -> None:
    """Raise InputError unless every machine of the cluster has some data sets, as planned. `folder` has own code.

    One machine goes first: where it may download them, the others find them if they share its files.
    """
    if not datasets:
        return
    nodes = _alive()
    for part in (nodes[:1], nodes[1:]):
        for address, problem in _look(data_problem, (datasets, folder), part).items():
            if problem is not None:
                raise InputError(f"machine {address}: {problem}")


def data_problem(datasets: Sequence[Dataset], folder: str) -> str | None:
    """Why one of some data sets cannot be loaded in this process, or is not what was planned; None if all are."""
    from workers.data.images import load_images

    search(folder)
    try:
        for dataset in datasets:
            load_images(dataset)
    except PrunesweepError as error:
        return str(error)
    return None
