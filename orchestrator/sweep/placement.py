"""Keys at the wrong level of a sweep file, and the level where they belong."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from orchestrator.sweep.problems import KeyPath, Problem
from orchestrator.sweep.synonyms import pointers
from workers.data import DATASETS
from workers.metrics import METRICS
from workers.models import NETWORKS
from workers.training.optimizing.optimizer_names import OPTIMIZER_ARGUMENTS

Models = Mapping[str, type[BaseModel]]
"""The model of the mapping under each key; `""` is the whole file."""

_PARENTS = {
    "schedule": "recipe",
    "optimizer": "recipe",
    "normalization": "recipe",
    "validation": "evaluation",
    "iterative": "grid",
    "retries": "failures",
}
"""The mapping that a mapping is in, unless it is at the top level."""

_ARGUMENTS = {
    "network": {key for entry in NETWORKS.values() for key in entry.arguments},
    "dataset": {key for entry in DATASETS.values() for key in entry.arguments},
    "metric": {key for entry in METRICS.values() for key in entry.arguments},
    "optimizer": {key for arguments in OPTIMIZER_ARGUMENTS.values() for key in arguments},
}
"""The arguments of what is chosen by its name."""

COMMON = ("name", "type", "version")
"""Keys that say nothing about where they belong."""


DENSE_RESOURCES = "resources.dense"
"""The level of the mapping `dense` in `resources`: `dense` alone is another one."""


def sibling_keys(path: KeyPath, models: Models) -> list[str]:
    """The keys of the mapping that a key is in; none where the keys are the arguments of a name."""
    level = _level(path)
    return _keys(models[level]) if level in models else []


def with_place(problem: Problem, models: Models) -> Problem:
    """An unknown key with a hint where it belongs, if another level has it; any other problem as it is."""
    key = str(problem.path[-1]) if problem.path else ""
    if not problem.is_unknown_key or key in COMMON or pointers(key, sibling_keys(problem.path, models)):
        return problem
    level = _level(problem.path)
    hint = _elsewhere(key, level, models) or ("" if problem.stands_for else _as_argument(key, level))
    return problem._replace(hint=hint) if hint else problem


def _elsewhere(key: str, level: str, models: Models) -> str:
    others = {other: _keys(model) for other, model in models.items() if other != level}
    for other, keys in others.items():
        if meant := pointers(key, keys):
            return f"{_inside(other)}, {meant[0]}"
    for other, keys in others.items():
        if key in keys:
            return f"move it {_into(other)}"
    return ""


def _as_argument(key: str, level: str) -> str:
    """The hint for an argument of what is chosen by its name, in another mapping than that one's."""
    for other, arguments in _ARGUMENTS.items():
        if key in arguments and other != level:
            return f"move it {_into(other)}, written as `{{name: …, {key}: …}}`"
    return ""


def _level(path: KeyPath) -> str:
    """The key of the mapping that the last key of a path is in."""
    names = [part for part in path[:-1] if isinstance(part, str)]
    return DENSE_RESOURCES if ".".join(names) == DENSE_RESOURCES else next(reversed(names), "")


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or key for key, field in model.model_fields.items()]


def _inside(level: str) -> str:
    return f"in `{_dotted(level)}`" if level else "at the top level"


def _into(level: str) -> str:
    return f"into `{_dotted(level)}`" if level else "to the top level"


def _dotted(level: str) -> str:
    parent = _PARENTS.get(level)
    return f"{parent}.{level}" if parent else level
