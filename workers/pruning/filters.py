"""How many filters structured pruning removes from each layer, by the rules of the paper. Imports no torch.

Renda et al. 2020, section 3 and its code, after Li et al. 2017, *Pruning filters for efficient convnets*: one-shot, at
levels 1, 2, ...; variant A prunes little, B much. The densities equal those of the study's data to the last weight.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from workers.errors import InputError

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterRule:
    """The fraction of filters that a level removes from some convolutions of a network.

    `convolutions` is how many spatial ones the network has (1×1 ones do not count); `rates` has the fraction by their
    number, from 1. All of these are the first convolutions of residual blocks of two. `projection_share` is the
    fraction of a projection's input channels that the study's density counts as removed.
    """

    convolutions: int
    rates: Mapping[int, float]
    projection_share: Fraction = Fraction(1)


def _every_second(first: int, last: int, rate: float, skipped: Sequence[int] = ()) -> dict[int, float]:
    return {index: rate for index in range(first, last + 1, 2) if index not in skipped}


LAYERS = {
    "resnet56_a": FilterRule(convolutions=55, rates=_every_second(2, 54, 0.1, (16, 20, 38, 54))),
    "resnet56_b": FilterRule(
        convolutions=55,
        rates=_every_second(2, 14, 0.6) | _every_second(22, 36, 0.3, (34,)) | _every_second(40, 52, 0.1),
    ),
    "resnet110_a": FilterRule(convolutions=109, rates=_every_second(2, 34, 0.5)),
    "resnet110_b": FilterRule(
        convolutions=109,
        rates=_every_second(2, 34, 0.5) | _every_second(40, 72, 0.4) | _every_second(76, 108, 0.3),
    ),
    "resnet34_a": FilterRule(
        convolutions=33,
        rates=_every_second(4, 6, 0.3) | _every_second(10, 12, 0.3) | _every_second(18, 24, 0.3),
        projection_share=Fraction(1, 2),
    ),
    "resnet34_b": FilterRule(
        convolutions=33,
        rates=_every_second(4, 6, 0.5) | _every_second(10, 12, 0.6) | _every_second(18, 24, 0.4),
        projection_share=Fraction(1, 2),
    ),
}


def removed_filters(shapes: Shapes, layers: str, level: int) -> dict[str, int]:
    """How many filters a level of a rule (a name in `LAYERS`) removes, by the names of the convolutions.

    `shapes` are those of all prunable weights, in the network's order. Of n filters it removes
    n · (1 − (1 − rate)^level), rounded up with the probability of the fractional part: one draw per layer, with seed 0,
    as in the study's code. Raises InputError for a network that the rule does not fit.
    """
    rule = LAYERS[layers]
    convolutions = _spatial(shapes)
    if len(convolutions) != rule.convolutions:
        raise InputError(
            f"`layers: {layers}` needs a network with {rule.convolutions} convolutions larger than 1×1, "
            f"not {len(convolutions)}",
            hint=f"the rules are {', '.join(LAYERS)}",
        )
    draws = random.Random(0)
    removed = {}
    for index, rate in rule.rates.items():
        name = convolutions[index - 1]
        exact = shapes[name][0] * (1 - (1 - rate) ** level)
        whole = math.floor(exact)
        removed[name] = whole + (draws.random() < exact - whole)
    return removed


def structured_density(shapes: Shapes, layers: str, removed: Mapping[str, int]) -> Fraction:
    """The density as the study counts it.

    It excludes the weights of removed filters, the input channels of the convolution that follows each, and those of a
    projection in the next block. (The last is an error of the study, since a projection has other inputs; it is below
    0.2%. A record holds the density that the masks achieve, which is higher.)
    """
    rule = LAYERS[layers]
    total = sum(math.prod(shape) for shape in shapes.values())
    convolutions = _spatial(shapes)
    removed_weights = Fraction(0)
    for name, filters in removed.items():
        index = convolutions.index(name)
        following = shapes[convolutions[index + 1]]
        removed_weights += filters * (math.prod(shapes[name][1:]) + math.prod(following) // following[1])
        for projection in _projections(shapes, convolutions[index + 2 : index + 3]):
            removed_weights += filters * shapes[projection][0] * rule.projection_share
    return 1 - removed_weights / total


def _spatial(shapes: Shapes) -> list[str]:
    return [name for name, shape in shapes.items() if len(shape) == 4 and max(shape[2:]) > 1]


def _projections(shapes: Shapes, first_of_block: Sequence[str]) -> list[str]:
    """The 1×1 convolutions in the block whose first convolution is given (`stages.1.0.conv1.weight`: `stages.1.0`)."""
    return [
        name
        for convolution in first_of_block
        for name, shape in shapes.items()
        if name.startswith(convolution.rsplit(".", 2)[0] + ".") and tuple(shape[2:]) == (1, 1)
    ]
