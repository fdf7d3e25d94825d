"""Checks of one machine before anything starts: it needs the user's code, the data and perhaps GPUs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction

from orchestrator.planning.plan import Plan
from workers.data import DATASETS
from workers.errors import InputError, PrunesweepError
from workers.registry import is_own, load_own, lookup
from workers.registry.fresh_modules import add_import_folder, import_afresh
from workers.text import plural
from workers.trial import Dataset, Job


def check_this_machine(gpus: Fraction, datasets: Sequence[Dataset], folder: str) -> None:
    """Raise InputError unless this process has what trials need. `folder` has the user's own code."""
    import_afresh(folder)
    check_gpus(gpus)
    problem = data_problem(datasets, folder)
    if problem is not None:
        raise InputError(problem.message, hint=problem.hint) from problem


def own_functions(plan: Plan) -> list[str]:
    """The `module:function` names that the trials of a plan use."""
    names: dict[str, None] = {}
    for trial in (planned.trial for planned in plan.trials.values()):
        names |= dict.fromkeys((trial.task.dataset.name, trial.task.network.name, trial.task.recipe.loss))
        if trial.mask is not None:
            names |= dict.fromkeys((trial.mask.pruning.score, trial.mask.pruning.distribution))
    names |= dict.fromkeys(metric.name for metric in plan.evaluation.metrics)
    return [name for name in names if is_own(name)]


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
    """Raise InputError if a trial needs more GPUs than this process has."""
    import torch

    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if math.ceil(gpus) > seen:
        count = plural(int(gpus), "GPU") if gpus.denominator == 1 else f"{gpus} GPU"
        raise InputError(
            f"a trial needs {count}, but torch sees {seen or 'none'} on this machine",
            hint=f"{'lower' if seen else 'remove'} `gpus` in `resources` of the sweep file, or run `prunesweep doctor`",
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


def data_problem(datasets: Sequence[Dataset], folder: str) -> PrunesweepError | None:
    """Why one of the data sets cannot be loaded in this process, or differs from what was planned, or None."""
    from workers.data.loading import load_source

    add_import_folder(folder)
    try:
        for dataset in datasets:
            load_source(dataset)
    except PrunesweepError as error:
        return error
    return None
