"""From weights to masks: score × distribution × structure. This module lists the choices of each.

Importing this module imports no torch. The room imports no store, no network and no training code.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from workers.registry import Entry


def kept_weights(total: int, density: Fraction) -> int:
    """k = round(N · density), with halves rounded to even. Density is absolute: over all prunable weights."""
    return round(total * density)


def protected_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """How many weights of which layers the distribution `uniform+` never prunes.

    These are all of the first convolution and a fifth of the last linear layer. `shapes` are those of all prunable
    weights, in the network's order.
    """
    convolutions = [name for name, shape in shapes.items() if len(shape) > 2]
    linear = [name for name, shape in shapes.items() if len(shape) == 2]
    whole = {name: math.prod(shapes[name]) for name in convolutions[:1]}
    return whole | {name: math.ceil(math.prod(shapes[name]) / 5) for name in linear[-1:]}


SCORES = {
    "magnitude": Entry(factory="workers.pruning.scores:magnitude", summary="the absolute value of a weight"),
    "random": Entry(factory="workers.pruning.scores:random", summary="random scores: a baseline"),
    "shuffled": Entry(
        factory="workers.pruning.scores:shuffled",
        summary="as many weights of each layer as by magnitude, at random places: a sanity check",
    ),
}

DISTRIBUTIONS = {
    "global": Entry(factory="workers.pruning.distributions:globally", summary="the largest scores over all layers"),
    "uniform": Entry(factory="workers.pruning.distributions:uniform", summary="the same density in every layer"),
    "uniform+": Entry(
        factory="workers.pruning.distributions:uniform_plus",
        summary="uniform, but the first convolution stays dense and the last linear layer at most 80% sparse",
    ),
    "erk": Entry(
        factory="workers.pruning.distributions:erdos_renyi_kernel",
        summary="Erdős–Rényi kernel: density proportional to the sum over the product of a layer's dimensions",
    ),
    "lamp": Entry(
        factory="workers.pruning.distributions:lamp",
        summary="layer-adaptive: squared scores over the sum of those in the layer that are at least as large",
    ),
}

STRUCTURES = {
    "unstructured": Entry(factory="workers.pruning.structures:single_weights", summary="single weights"),
    "filters": Entry(
        factory="workers.pruning.structures:filters",
        summary="whole filters of convolutions, by the rule that `layers` names",
    ),
}
