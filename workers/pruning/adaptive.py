"""How much a pruning has taken away, and so at what rate to begin again."""

from __future__ import annotations

import math

from workers.pruning.distributions import Masks, Tensors


def rate_factor(weights: Tensors, before: Tensors, after: Masks, lowest: float) -> float:
    """The share of the highest rate at which ALLR begins: r / √s, between `lowest` and 1.

    r is how much of their norm the prunable weights have lost (the removed ones' norm over all of them's), s how many
    of the weights that were alive `before` (empty: all) are not `after`. `lowest` is retraining over dense training.
    Zimmer, Spiegel, Pokutta 2023, *How I learned to stop worrying and love retraining*, section 3.1.
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
