"""How much of a network pruning has removed, and so at which learning rate retraining starts."""

from __future__ import annotations

import math

from workers.pruning.distributions import Masks, Tensors


def rate_factor(weights: Tensors, before: Tensors, after: Masks, lowest: float) -> float:
    """The fraction of the highest rate at which ALLR starts: r / √s, between `lowest` and 1.

    r is the norm of the removed weights over the norm of all prunable ones, s the fraction removed of the weights that
    were alive `before` (empty: all). `lowest` is the length of retraining over that of the dense training.
    Zimmer, Spiegel, Pokutta 2023, *How I learned to stop worrying and love retraining*, section 3.1; the norm in their
    code is that of all parameters, which makes r and the rate smaller.
    """
    alive = {name: before[name].cpu() if before else after[name].new_ones(after[name].shape) for name in weights}
    living = sum(int(mask.sum()) for mask in alive.values())
    left = sum(int(mask.sum()) for mask in after.values())
    squares = {name: weights[name].detach().cpu().double().square() * alive[name] for name in weights}
    norm = math.fsum(float(square.sum()) for square in squares.values())
    lost = math.fsum(float(square[~after[name]].sum()) for name, square in squares.items())
    if left == living or norm == 0:
        return lowest
    return min(1.0, max(lowest, math.sqrt(lost / norm) / math.sqrt(1 - left / living)))
