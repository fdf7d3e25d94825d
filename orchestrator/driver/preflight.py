"""Checks before anything starts: every node needs the store, the user's code and the data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from orchestrator.driver.on_ray.nodes import Lost, Node, Nodes, name_of
from orchestrator.planning.plan import Plan
from workers.data import DATASETS
from workers.errors import InputError, PrunesweepError
from workers.registry import is_own, load_own, lookup
from workers.registry.fresh_modules import add_import_folder, import_afresh
from workers.store import Store, layout
from workers.text import plural
from workers.trial import Dataset, Job

NODE_SECONDS = 120.0
"""How long a node may take to answer: it may first import torch from a cold network disk."""


def check_this_machine(plan: Plan, datasets: Sequence[Dataset], folder: str) -> None:
    """Raise InputError unless this process can run a plan that needs data sets. `folder` has the user's own code."""
    import_afresh(folder)
    check_gpus(plan.spec.resources.gpus)
    problem = data_problem(datasets, folder)
    if problem is not None:
        raise InputError(problem.message, hint=problem.hint) from problem


def check_cluster(plan: Plan, datasets: Sequence[Dataset], folder: str, store: Store, nodes: Nodes) -> None:
    """Raise InputError unless every node of the cluster can run a plan that needs data sets, and sees the store."""
    check_shared(store, nodes)
    check_importable(own_functions(plan), folder, nodes)
    check_data(datasets, folder, nodes)


def check_shared(store: Store, nodes: Nodes) -> None:
    """Raise InputError unless every node sees the same store."""
    if len(nodes.alive) < 2:
        return
    token = layout.probe_path()
    store.files.write(token, b"")
    try:
        answers = _answers(nodes, nodes.alive, _sees, store.location, token, seconds=NODE_SECONDS)
        blind = [name_of(node) for node, seen in answers if not seen]
    finally:
        store.files.delete(token)
    if blind:
        raise InputError(
            f"store `{store.location}` is not the same on every node; not found on: {', '.join(sorted(blind))}",
            hint="put it on a filesystem or object store that all nodes share, at the same path",
        )


def _sees(location: str, token: str) -> bool:
    from workers.store.filesystems.opening import open_files

    return open_files(location).exists(token)


def own_functions(plan: Plan) -> list[str]:
    """The `module:function` names that the trials of a plan use."""
    names: dict[str, None] = {}
    for trial in (planned.trial for planned in plan.trials.values()):
        names |= dict.fromkeys((trial.task.dataset.name, trial.task.network.name, trial.task.recipe.loss))
        if trial.mask is not None:
            names |= dict.fromkeys((trial.mask.pruning.score, trial.mask.pruning.distribution))
    return [name for name in names if is_own(name)]


def check_importable(functions: Sequence[str], folder: str, nodes: Nodes) -> None:
    """Raise InputError unless every node can import the functions; `folder` is searched last."""
    if not functions:
        return
    for node, problem in _answers(nodes, nodes.alive, import_problem, functions, folder, seconds=NODE_SECONDS):
        if problem is not None:
            raise InputError(
                f"node {name_of(node)} cannot use the code of this sweep: {problem.message}",
                hint=f"install the package on every node, or share `{folder}` among them at the same path",
            )


def import_problem(functions: Sequence[str], folder: str) -> InputError | None:
    """Why one of the functions cannot be imported in this process, or None."""
    add_import_folder(folder)
    try:
        for function in functions:
            load_own(function)
    except InputError as error:
        return error
    return None


def check_gpus(gpus: Fraction) -> None:
    """Raise InputError if trials need GPUs and this process has none."""
    import torch

    if gpus and not torch.cuda.is_available():
        count = plural(int(gpus), "GPU") if gpus.denominator == 1 else f"{gpus} GPU"
        raise InputError(
            f"each trial needs {count}, but torch sees none on this machine",
            hint="remove `gpus` from `resources` in the sweep file, or run `prunesweep doctor`",
        )


def unseen_data(jobs: Iterable[Job], loaded: Collection[str] = ()) -> list[Dataset]:
    """The data sets of jobs that are not part of the package and have not just been loaded to plan the jobs.

    `loaded` are fingerprints. Facts that come with the package do not show whether the data are there.
    """
    datasets = {id(job.trial.task): job.trial.task.dataset for job in jobs}.values()
    entries = [(dataset, lookup(DATASETS, dataset.name, "data set")) for dataset in datasets]
    return [
        dataset
        for dataset, entry in entries
        if entry.facts or ((entry.required or entry.open) and dataset.fingerprint not in loaded)
    ]


def check_data(datasets: Sequence[Dataset], folder: str, nodes: Nodes) -> None:
    """Raise InputError unless every node has the data sets as planned. `folder` has the user's own code.

    The first node goes alone: if it downloads the data, nodes that share its files find them. That may take any time.
    """
    if not datasets:
        return
    for part in (nodes.alive[:1], nodes.alive[1:]):
        for node, problem in _answers(nodes, part, data_problem, datasets, folder):
            if problem is not None:
                raise InputError(f"node {name_of(node)}: {problem.message}", hint=problem.hint)


def data_problem(datasets: Sequence[Dataset], folder: str) -> PrunesweepError | None:
    """Why one of the data sets cannot be loaded in this process, or differs from what was planned, or None."""
    from workers.data.images import load_images

    add_import_folder(folder)
    try:
        for dataset in datasets:
            load_images(dataset)
    except PrunesweepError as error:
        return error
    return None


def _answers(
    nodes: Nodes, part: Sequence[Node], function: Callable[..., Any], *arguments: Any, seconds: float | None = None
) -> Iterator[tuple[Node, Any]]:
    """What a function returns on a part of the nodes; says which do not answer in time."""
    silent = {node["NodeID"]: node for node in part}
    for node, answer in nodes.ask(part, function, *arguments, seconds=seconds):
        if not isinstance(answer, Lost):
            del silent[node["NodeID"]]
            yield node, answer
    for node in silent.values():
        print(f"warning: node {name_of(node)} does not answer, so it is not checked", file=sys.stderr)
