"""From weights to masks: score × distribution × structure. A mask only ever shrinks."""

from __future__ import annotations

from collections.abc import Callable

import torch

from workers.errors import Diverged
from workers.pruning import SCORES, STRUCTURES
from workers.pruning.distributions import Masks, Tensors
from workers.registry import load
from workers.trial import MaskRule

_DEAD = -1.0


def prune(weights: Tensors, masks: Tensors, rule: MaskRule, generator: torch.Generator) -> Masks:
    """Boolean masks (on the CPU, in the weights' shapes) of the weights that a rule keeps.

    `masks` are those of the state that is pruned (True: alive); an empty mapping means that all weights are alive.
    Random numbers come from `generator`, layer by layer. Raises BadInput if the rule's structure refuses it, Diverged
    if a weight is not finite.
    """
    weights = {name: weight.detach().cpu() for name, weight in weights.items()}
    if not all(bool(torch.isfinite(weight).all()) for weight in weights.values()):
        raise Diverged("a weight of the network to prune is not finite")
    score_of = load(SCORES[rule.pruning.score].factory)
    scores = {}
    for name, weight in weights.items():
        alive = masks[name].cpu() if masks else torch.ones_like(weight, dtype=torch.bool)
        scores[name] = score_of(weight, alive, generator).masked_fill(~alive, _DEAD)
    masks_of: Callable[[Tensors, MaskRule], Masks] = load(STRUCTURES[rule.pruning.structure].factory)
    return masks_of(scores, rule)
