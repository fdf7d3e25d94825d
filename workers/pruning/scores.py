"""How much each weight matters: one function per score.

A score function takes a layer's weights, which of them are alive (boolean, the same shape) and a seeded generator on
the CPU, and returns scores of the same shape, at least 0: the largest are kept. It may leave out what it does not need,
and ask for gradients and inputs (see `workers.pruning.scoring`).
"""

from __future__ import annotations

import torch


def magnitude(weight: torch.Tensor, alive: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """|w|: Renda et al. 2020, section 2."""
    return weight.abs()


def random(weight: torch.Tensor, alive: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Uniformly random scores, independent of the weights.

    The baseline of Liu et al. 2022, *The unreasonable effectiveness of random pruning*, section 3.
    """
    return torch.rand(weight.shape, generator=generator, dtype=torch.float64)


def shuffled(weight: torch.Tensor, alive: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """|w| shuffled among a layer's living weights: as many weights of each layer as by magnitude, at random places.

    The sanity check of Su et al. 2020, *Sanity-checking pruning methods*, section 3 (layerwise rearranging).
    """
    scores = magnitude(weight, alive, generator)
    living = scores[alive]
    scores[alive] = living[torch.randperm(len(living), generator=generator)]
    return scores
