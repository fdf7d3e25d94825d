"""Functions of the user's own must be importable on every machine, which is looked at before anything starts."""

from __future__ import annotations

from collections.abc import Iterable

import ray

from orchestrator.sweep.plan import Plan
from workers.errors import InputError
from workers.registry import is_own, load, search


def own_functions(plan: Plan) -> list[str]:
    """The `module:function` names that the trials of a plan use."""
    tasks = {id(planned.trial.task): planned.trial.task for planned in plan.trials.values()}.values()
    names = [name for task in tasks for name in (task.dataset.name, task.network.name, task.recipe.loss)]
    return [name for name in dict.fromkeys(names) if is_own(name)]


def check_importable(functions: Iterable[str], folder: str) -> None:
    """Raise InputError unless every machine of the cluster can import functions, `folder` being searched first."""
    functions = list(functions)
    if not functions:
        return
    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    look = ray.remote(num_cpus=0)(problem_with)
    found = {
        node["NodeManagerAddress"]: look.options(
            scheduling_strategy=strategy(node_id=node["NodeID"], soft=False)
        ).remote(functions, folder)
        for node in ray.nodes()
        if node["Alive"]
    }
    for address, looked in found.items():
        if (problem := ray.get(looked)) is not None:
            raise InputError(
                f"machine {address} cannot use the code of this sweep: {problem}\n\n"
                f"hint: install the package on every machine, or share `{folder}` among them at the same path"
            )


def problem_with(functions: list[str], folder: str) -> str | None:
    """Why one of some functions cannot be imported in this process, or None."""
    search(folder)
    try:
        for function in functions:
            load(function)
    except InputError as error:
        return str(error).partition("\n")[0]
    return None
