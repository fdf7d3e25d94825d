"""From weights to masks: score × distribution × structure. A mask only ever shrinks."""

from __future__ import annotations

from collections.abc import Callable

import torch

from workers.errors import Diverged
from workers.pruning import STRUCTURES
from workers.pruning.distributions import Masks, Tensors
from workers.pruning.evidence import Evidence
from workers.pruning.scoring import Scoring
from workers.registry import load
from workers.trial import MaskRule

_DEAD = -1.0


def prune(
    weights: Tensors, masks: Tensors, rule: MaskRule, generator: torch.Generator, evidence: Evidence | None = None
) -> Masks:
    """Boolean masks (on the CPU, in the weights' shapes) of the weights that a rule keeps.

    `masks` are those of the state that is pruned (True: alive); an empty mapping means that all weights are alive.
    Random numbers come from `generator`, layer by layer; `evidence` is for scores that ask for gradients or inputs.
    Raises BadInput if the rule's structure refuses it or the user's own function breaks a rule, Diverged if a weight is
    not finite.
    """
    weights = {name: weight.detach().cpu() for name, weight in weights.items()}
    for name, weight in weights.items():
        if not bool(torch.isfinite(weight).all()):
            raise Diverged(
                f"weight `{name}` of the network to prune is not finite",
                hint="if its layer computes the weight, as parametrizations do, check the divisions in that",
            )
    alive = {
        name: masks[name].cpu() if masks else torch.ones_like(weight, dtype=torch.bool)
        for name, weight in weights.items()
    }
    scores = Scoring(rule.pruning).of(weights, alive, generator, evidence)
    scores = {name: score.masked_fill(~alive[name], _DEAD) for name, score in scores.items()}
    masks_of: Callable[[Tensors, MaskRule], Masks] = load(STRUCTURES[rule.pruning.structure].factory)
    return masks_of(scores, rule)
