"""Pydantic's errors in the words of a sweep file."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from orchestrator.sweep.placement import Models, sibling_keys
from orchestrator.sweep.problems import KeyPath, Problem
from orchestrator.sweep.synonyms import pointers
from workers.registry import closest

_EXAMPLES = {
    "version": "version: 1",
    "name": "name: digits",
    "dataset": "dataset: digits",
    "network": "network: resnet20",
    "recipe": "recipe: {duration: 20ep, batch_size: 128, optimizer: {name: SGD, lr: 0.1}}",
    "grid": "grid: {technique: lr_rewinding, compression: [4, 8], budget: 90%}",
    "from": "from: dense-{replicate}.safetensors",
    "duration": "duration: 20ep",
    "batch_size": "batch_size: 128",
    "optimizer": "optimizer: {name: SGD, lr: 0.1}",
    "lr": "lr: 0.1",
    "technique": "technique: lr_rewinding",
    "rounds": "rounds: 10",
    "rate": "rate: 20%",
    "holdout": "holdout: 5000",
    "mean": "mean: [0.5]",
    "std": "std: [0.25]",
}
"""An example of each required key."""

_NAMES = {
    "dataset": "digits",
    "network": "resnet20",
    "optimizer": "SGD",
    "technique": "lr_rewinding",
    "score": "magnitude",
    "distribution": "erk",
    "metric": "rmse",
}
"""An example of a name in each mapping that needs one."""


def problems_of(error: ValidationError, models: Models, prefix: KeyPath = ()) -> Iterator[Problem]:
    """One problem for each error."""
    for fault in error.errors(include_url=False):
        path = (*prefix, *fault["loc"])
        context = fault.get("ctx", {})
        if isinstance(context.get("error"), ValidationError):  # of a mapping where another kind of value is allowed too
            yield from problems_of(context["error"], models, path)
        elif fault["type"] == "extra_forbidden":
            siblings = sibling_keys(path, models)
            hint = next(iter(pointers(str(path[-1]), siblings)), "") or closest(str(path[-1]), siblings)
            only = siblings[0] if len(siblings) == 1 else ""
            yield Problem(path, "unknown key", hint, at_key=True, is_unknown_key=True, stands_for=only)
        elif fault["type"] == "missing":
            hint = f"add it, for example `{_example(path)}`"
            yield Problem(path[:-1], f"`{path[-1]}` is missing", hint, show=False, missing=(str(path[-1]),))
        elif fault["type"] == "refused":
            yield Problem((*path, *context["at"]), context["message"], context["hint"])
        else:
            yield Problem(path, "must be a mapping", "write `key: value` pairs below it, or `{key: value}`")


def _example(path: KeyPath) -> str:
    """An example of the required key at the end of a path."""
    key = str(path[-1])
    mapping = next((part for part in reversed(path[:-1]) if isinstance(part, str)), "")
    return f"name: {_NAMES[mapping]}" if key == "name" and mapping in _NAMES else _EXAMPLES[key]
