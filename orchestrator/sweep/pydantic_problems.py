"""Pydantic's errors in the words of a sweep file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel, ValidationError

from orchestrator.sweep.problems import KeyPath, Problem
from workers.registry import closest

_EXAMPLES = {
    "version": "version: 1",
    "name": "name: digits",
    "dataset": "dataset: digits",
    "network": "network: resnet20",
    "recipe": "recipe: {duration: 20ep, batch_size: 128, optimizer: {name: SGD, lr: 0.1}}",
    "grid": "grid: {technique: lr_rewinding, compression: [4, 8], budget: 90%}",
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


_MEANT = {
    "sparsity": {"density": "use `density`, the share of the weights that is kept: 1 − sparsity"},
    "amount": {"density": "use `density`, the share of the weights that is kept: 1 − amount"},
    "pruning_ratio": {"density": "use `density`, the share of the weights that is kept: 1 − pruning_ratio"},
    "ratio": {"compression": "use `compression`"},
    "runs": {"replicates": "use `replicates`: every replicate has its own seeds"},
    "repeats": {"replicates": "use `replicates`: every replicate has its own seeds"},
    "seed": {"replicates": "use `replicates`: every replicate has its own seeds"},
    "seeds": {"replicates": "use `replicates`: every replicate has its own seeds"},
    "epochs": {"duration": "use `duration`, such as `20ep`", "budget": "use `budget`, such as `20ep`"},
    "steps": {"duration": "use `duration`, such as `1000it`", "budget": "use `budget`, such as `1000it`"},
    "bs": {"batch_size": "use `batch_size`"},
    "model": {"network": "use `network`"},
    "data": {"dataset": "use `dataset`"},
    "method": {"technique": "use `technique`"},
    "lr": {"optimizer": "use `optimizer: {name: SGD, lr: 0.1}`"},
    "learning_rate": {"optimizer": "use `optimizer: {name: SGD, lr: 0.1}`"},
}
"""Other programs' words for a key: the key that is meant, and what to say, by the mappings that have that key."""


def pointers(key: str, siblings: Iterable[str]) -> list[str]:
    """What to write instead of a key that has another name here; empty if that is unknown."""
    meant = _MEANT.get(key, {})
    return [meant[sibling] for sibling in siblings if sibling in meant]


def is_meant(key: str, wanted: str) -> bool:
    """Whether a key of a file is most likely a wrong spelling of another, or another word for it."""
    return wanted in _MEANT.get(key, {}) or bool(difflib.get_close_matches(key, [wanted], n=1))


def problems_of(
    error: ValidationError, models: Mapping[str, type[BaseModel]], prefix: KeyPath = ()
) -> Iterator[Problem]:
    """One problem for each error. `models` has the model of the mapping under each key; `""` is the whole file."""
    for fault in error.errors(include_url=False):
        path = (*prefix, *fault["loc"])
        context = fault.get("ctx", {})
        if isinstance(context.get("error"), ValidationError):  # of a mapping where another kind of value is allowed too
            yield from problems_of(context["error"], models, path)
        elif fault["type"] == "extra_forbidden":
            siblings = _sibling_keys(path, models)
            hint = next(iter(pointers(str(path[-1]), siblings)), "") or closest(str(path[-1]), siblings)
            yield Problem(path, "unknown key", hint, at_key=True, is_unknown_key=True)
        elif fault["type"] == "missing":
            hint = f"add it, for example `{_EXAMPLES[str(path[-1])]}`"
            yield Problem(path[:-1], f"`{path[-1]}` is missing", hint, show=False, missing=(str(path[-1]),))
        elif fault["type"] == "refused":
            yield Problem((*path, *context["at"]), context["message"], context["hint"])
        else:
            yield Problem(path, "must be a mapping", "write `key: value` pairs below it, or `{key: value}`")


def _sibling_keys(path: KeyPath, models: Mapping[str, type[BaseModel]]) -> list[str]:
    parent = next((part for part in reversed(path[:-1]) if isinstance(part, str)), "")
    return [field.alias or key for key, field in models[parent].model_fields.items()]
