"""Other programs' words for what a sweep file or a filter calls by its own name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SEEDS = {"replicates": "use `replicates`: every replicate has its own seeds", "replicate": "use `replicate`"}
_MEANT = {
    "sparsity": {"density": "use `density`, the share of the weights that is kept: 1 − sparsity"},
    "sparsities": {"density": "use `density`, the share of the weights that is kept: 1 − sparsity"},
    "amount": {
        "density": "use `density`, the share of the weights that is kept: 1 − amount",
        "rate": "use `rate`",
    },
    "fraction": {"rate": "use `rate`"},
    "iterations": {"rounds": "use `rounds`"},
    "cycles": {"rounds": "use `rounds`"},
    "pruning_ratio": {"density": "use `density`, the share of the weights that is kept: 1 − pruning_ratio"},
    "ratio": {"compression": "use `compression`"},
    "runs": _SEEDS,
    "repeats": _SEEDS,
    "seed": _SEEDS,
    "seeds": _SEEDS,
    "n_seeds": _SEEDS,
    "num_seeds": _SEEDS,
    "epochs": {"duration": "use `duration`, such as `20ep`", "budget": "use `budget`, such as `20ep`"},
    "steps": {"duration": "use `duration`, such as `1000it`", "budget": "use `budget`, such as `1000it`"},
    "timeout": {"trial_timeout": "use `trial_timeout`, such as `3h`"},
    "bs": {"batch_size": "use `batch_size`"},
    "model": {"network": "use `network`"},
    "type": {"name": "use `name`"},
    "pretrained": {"from": "use `from`"},
    "checkpoint": {"from": "use `from`"},
    "weights": {"from": "use `from`"},
    "data": {"dataset": "use `dataset`"},
    "method": {"technique": "use `technique`"},
    "lr": {"optimizer": "use `optimizer: {name: SGD, lr: 0.1}`"},
    "learning_rate": {"optimizer": "use `optimizer: {name: SGD, lr: 0.1}`", "lr": "use `lr`"},
}
"""Other programs' words for a key: the key that is meant, and what to say, by the mappings that have that key."""


def pointers(key: str, siblings: Iterable[str]) -> list[str]:
    """What to write instead of a key that has another name here; empty if that is unknown."""
    meant = _MEANT.get(_plain(key), {})
    return [meant[sibling] for sibling in siblings if sibling in meant]


def is_meant(key: str, wanted: str) -> bool:
    """Whether a key of a file is most likely a wrong spelling of another, or another word for it."""
    plain = _plain(key)
    return wanted in _MEANT.get(plain, {}) or bool(difflib.get_close_matches(plain, [wanted], n=1))


def _plain(key: str) -> str:
    """`learning-rate` and `Learning_Rate` are `learning_rate`."""
    return key.lower().replace("-", "_")
