"""Calling distribution functions, registered ones and the user's own: what they get, and what they must return.

A distribution gets the `scores` of every layer (below 0: dead) and `k`, how many weights to keep, and arguments of the
sweep file. It returns boolean masks by layer, or how many weights each layer keeps: then those are the largest scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from workers.errors import BadInput
from workers.pruning import DISTRIBUTIONS
from workers.pruning.distributions import Masks, Tensors, in_each
from workers.registry import call, is_own, lookup
from workers.text import plural
from workers.trial import Pruning

_RULE = (
    "return `{layer: count}` with whole numbers that sum to `k`, none above the weights of its layer that are alive, "
    "or a boolean mask by layer"
)


def distribute(scores: Tensors, k: int, pruning: Pruning) -> Masks:
    """Masks of exactly `k` weights in total, none of them dead.

    Raises BadInput, which names the function and where possible the layer, for what the user's function returns
    against the rules.
    """
    name = pruning.distribution
    entry = lookup(DISTRIBUTIONS, name, "distribution")
    offered = {layer: score.clone() for layer, score in scores.items()} if is_own(name) else scores
    kept = call(entry, "distribution", name, {"scores": offered, "k": k, **pruning.distribution_arguments})
    return _checked(kept, scores, k, name) if is_own(name) else kept


def _checked(kept: object, scores: Tensors, k: int, name: str) -> Masks:
    subject = f"distribution `{name}` must return"
    if not isinstance(kept, Mapping):
        raise BadInput(
            f"{subject} a dict by layer of masks or of numbers of weights, not {type(kept).__name__}", hint=_RULE
        )
    for layer in scores:
        if layer not in kept:
            raise BadInput(f"{subject} a mask or a number of weights for layer `{layer}`", hint=_RULE)
    for layer in kept:
        if layer not in scores:
            raise BadInput(f"{subject} only layers that it was given, not `{layer}`", hint=_RULE)
    if all(isinstance(kept[layer], Tensor) and kept[layer].ndim for layer in scores):
        masks = {layer: _mask(kept[layer], scores[layer], layer, subject) for layer in scores}
    else:
        counts = [_count(kept[layer], scores[layer], layer, subject) for layer in scores]
        masks = in_each(scores, counts)
    total = sum(int(mask.sum()) for mask in masks.values())
    if total != k:
        raise BadInput(
            f"distribution `{name}` must keep exactly {plural(k, 'weight')} in all layers, not {total:,}", hint=_RULE
        )
    return masks


def _mask(mask: Tensor, score: Tensor, layer: str, subject: str) -> Tensor:
    if mask.dtype != torch.bool or mask.shape != score.shape:
        expected = f"a boolean mask of shape {tuple(score.shape)} for layer `{layer}`"
        raise BadInput(f"{subject} {expected}, not {mask.dtype} of shape {tuple(mask.shape)}", hint=_RULE)
    mask = mask.detach().to("cpu", copy=True)
    if dead := int((mask & (score < 0)).sum()):
        raise BadInput(
            f"{subject} masks without {plural(dead, 'dead weight')} of layer `{layer}`: scores below 0", hint=_RULE
        )
    return mask


def _count(value: Any, score: Tensor, layer: str, subject: str) -> int:
    """A number of weights to keep in a layer."""
    number = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    alive = int((score >= 0).sum())
    if isinstance(number, bool) or not isinstance(number, int):
        shown = f"{type(value).__name__} {value}" if isinstance(value, int | float) else type(value).__name__
        raise BadInput(
            f"{subject} a whole number of weights or a boolean mask for layer `{layer}`, not {shown}", hint=_RULE
        )
    if not 0 <= number <= alive:
        raise BadInput(
            f"{subject} from 0 to {alive:,} weights for layer `{layer}` (those alive), not {number:,}", hint=_RULE
        )
    return number
