"""Small layers, and masks of them, for the tests of pruning."""

from __future__ import annotations

from fractions import Fraction

import torch

from workers.pruning.masks import prune
from workers.trial import MaskRule, Pruning, Stop


def pruned(weights, density: Fraction, masks=None, seed: int = 0, **pruning) -> dict[str, torch.Tensor]:
    """The masks of tensors by name."""
    rule = MaskRule(source=Stop("t", 0), density=density, pruning=Pruning(**pruning))
    return prune(weights, masks or {}, rule, torch.Generator().manual_seed(seed))


def masks_of(weights, density: Fraction, masks=None, **pruning) -> dict[str, list]:
    """The masks of lists by name, as lists."""
    weights = {name: torch.tensor(values) for name, values in weights.items()}
    masks = {name: torch.tensor(values) for name, values in (masks or {}).items()}
    return {name: mask.tolist() for name, mask in pruned(weights, density, masks, **pruning).items()}


def kept(masks) -> dict[str, int]:
    return {name: int(mask.sum()) for name, mask in masks.items()}


def network(seed: int = 0) -> dict[str, torch.Tensor]:
    """216, 576, 128 and 160 weights, 1,080 in all, of very different sizes."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"a": (8, 3, 3, 3), "b": (8, 8, 3, 3), "c": (16, 8, 1, 1), "d": (10, 16)}
    scales = {"a": 3.0, "b": 0.3, "c": 1.0, "d": 0.01}
    return {name: torch.randn(shape, generator=generator) * scales[name] for name, shape in shapes.items()}
