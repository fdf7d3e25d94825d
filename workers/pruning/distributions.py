"""How many weights each layer keeps: one function per distribution, each keeping exactly k weights in total.

A distribution takes the scores of every layer (by name, of any shape; below 0: dead, and never kept) and k, at most
the number of weights that are alive, and returns boolean masks of the same shapes. Of equal scores, the first is kept:
in the order of the layers, then of the flattened tensor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import torch

from workers.errors import BadInput
from workers.pruning import protected_weights
from workers.text import plural

Tensors = Mapping[str, torch.Tensor]
Masks = dict[str, torch.Tensor]


def globally(scores: Tensors, k: int) -> Masks:
    """The k largest scores over all layers: Renda et al. 2020, section 2."""
    keep = largest(torch.cat([score.flatten() for score in scores.values()]), k)
    pieces = keep.split([score.numel() for score in scores.values()])
    return {name: piece.view(score.shape) for (name, score), piece in zip(scores.items(), pieces, strict=True)}


def uniform(scores: Tensors, k: int) -> Masks:
    """The same density in every layer: the baseline of Zhu & Gupta 2017."""
    return _layerwise(scores, [score.numel() for score in scores.values()], k)


def uniform_plus(scores: Tensors, k: int) -> Masks:
    """Uniform, except that the first convolution stays dense and the last linear layer at most 80% sparse.

    Gale, Elsen, Hooker 2019, *The state of sparsity in deep neural networks*, section 5.2. The other layers share one
    density, and so does the last one while that is above 20%. Raises BadInput for a k below the protected weights.
    """
    room = [int((score >= 0).sum()) for score in scores.values()]
    protected = protected_weights({name: tuple(score.shape) for name, score in scores.items()})
    least = [min(protected.get(name, 0), alive) for name, alive in zip(scores, room, strict=True)]
    if k < sum(least):
        raise BadInput(f"`uniform+` must keep at least {plural(sum(least), 'weight')} of these layers, not {k:,}")
    fixed = {layer: count for layer, count in enumerate(least) if count == room[layer] > 0}
    counts = _uniform_except(fixed, scores, room, k)
    short = {layer: count for layer, count in enumerate(least) if counts[layer] < count}
    return in_each(scores, _uniform_except(fixed | short, scores, room, k) if short else counts)


def erdos_renyi_kernel(scores: Tensors, k: int) -> Masks:
    """Densities proportional to the sum over the product of a layer's dimensions, including those of the kernel.

    Evci et al. 2020, *Rigging the lottery*, section 3 (after Mocanu et al. 2018). Layers that would exceed density 1
    stay dense, and the others are solved again.
    """
    return _layerwise(scores, [sum(score.shape) for score in scores.values()], k)


def lamp(scores: Tensors, k: int) -> Masks:
    """Layer-adaptive: each squared score over the sum of those in its layer that are at least as large; global.

    Lee et al. 2021, *Layer-adaptive sparsity for the magnitude-based pruning*, equation 1. The largest score of every
    layer is 1, so no layer is emptied while k is at least the number of layers.
    """
    return globally({name: _adapted(score) for name, score in scores.items()}, k)


def largest(scores: torch.Tensor, k: int) -> torch.Tensor:
    """A mask of exactly the k largest scores (one dimension); of equal scores, the first positions are kept."""
    if k == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    threshold = torch.kthvalue(scores, scores.numel() - k + 1).values
    keep = scores > threshold
    ties = scores == threshold
    missing = k - int(keep.sum())
    return keep | (ties & (ties.cumsum(0) <= missing))


def allot(shares: Sequence[int], room: Sequence[int], k: int) -> list[int]:
    """Distribute k weights over layers in proportion to `shares`, in no layer more than its `room`.

    Layers that would overflow are filled, and the others are solved again. The weights left by rounding down go to the
    largest remainders; of equal ones, to the first layer.
    """
    quotas = [Fraction(size) for size in room]
    unfilled = list(range(len(room)))
    while unfilled:
        rest = k - sum(room[layer] for layer in range(len(room)) if layer not in unfilled)
        scale = Fraction(rest, sum(shares[layer] for layer in unfilled))
        overflowing = [layer for layer in unfilled if shares[layer] * scale > room[layer]]
        if not overflowing:
            for layer in unfilled:
                quotas[layer] = shares[layer] * scale
            break
        unfilled = [layer for layer in unfilled if layer not in overflowing]
    counts = [math.floor(quota) for quota in quotas]
    by_remainder = sorted(range(len(room)), key=lambda layer: counts[layer] - quotas[layer])
    for layer in by_remainder[: k - sum(counts)]:
        counts[layer] += 1
    return counts


def in_each(scores: Tensors, counts: Sequence[int]) -> Masks:
    """The given number of largest scores in each layer."""
    return {
        name: largest(score.flatten(), count).view(score.shape)
        for (name, score), count in zip(scores.items(), counts, strict=True)
    }


def _layerwise(scores: Tensors, shares: Sequence[int], k: int) -> Masks:
    room = [int((score >= 0).sum()) for score in scores.values()]
    return in_each(scores, allot(shares, room, k))


def _uniform_except(fixed: Mapping[int, int], scores: Tensors, room: Sequence[int], k: int) -> list[int]:
    """k weights over layers: the given number in those that are `fixed`, the same density in the others."""
    sizes = [score.numel() for score in scores.values()]
    free = [layer for layer in range(len(room)) if layer not in fixed]
    left = allot([sizes[layer] for layer in free], [room[layer] for layer in free], k - sum(fixed.values()))
    counts = dict(fixed) | dict(zip(free, left, strict=True))
    return [counts[layer] for layer in range(len(room))]


def _adapted(score: torch.Tensor) -> torch.Tensor:
    """The LAMP scores of one layer; a living weight of 0 has score 0, and dead ones stay below 0."""
    flat = score.flatten().double()
    order = flat.argsort(descending=True, stable=True)[: int((flat >= 0).sum())]
    squares = flat[order].square()
    adapted = flat.clone()
    adapted[order] = (squares / squares.cumsum(0)).nan_to_num(0)  # 0/0 if the whole layer is 0
    return adapted.view(score.shape)
