"""How techniques look in every figure: one color, marker and dash for each, so that color never says it alone.

The colors of Okabe and Ito, which people with any color vision can tell apart, without their yellow. In gray print,
markers and dashes remain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice, product
from typing import Any, NamedTuple

from orchestrator.results.printing.names import TECHNIQUES
from workers.techniques import in_order

INK = "#333333"  # text
GRAY = "#767676"  # the dense network, axes; 4.5:1 on white
PALE = "#e6e6e6"  # grids
DIVERGING = "PuOr"  # orange below zero, violet above: readable with any color vision


class Look(NamedTuple):
    """How a technique is drawn, in every figure."""

    name: str
    color: str
    marker: str
    dash: Any


LOOKS = {
    "fine_tuning": Look(TECHNIQUES["fine_tuning"], "#D55E00", "s", (0, (5, 2))),
    "weight_rewinding": Look(TECHNIQUES["weight_rewinding"], "#0072B2", "^", (0, (1.5, 1.5))),
    "lr_rewinding": Look(TECHNIQUES["lr_rewinding"], "#009E73", "o", "solid"),
    "low_lr_weight_rewinding": Look(TECHNIQUES["low_lr_weight_rewinding"], "#56B4E9", "v", (0, (5, 2, 1, 2))),
    "reinitialization": Look(TECHNIQUES["reinitialization"], "#CC79A7", "D", (0, (8, 2))),
    "scaled_lr_restarting": Look(TECHNIQUES["scaled_lr_restarting"], "#E69F00", "P", (0, (3, 1))),
    "cyclic_lr_restarting": Look(TECHNIQUES["cyclic_lr_restarting"], "#000000", "X", (0, (1, 1))),
    "linear_lr_restarting": Look(TECHNIQUES["linear_lr_restarting"], "#8C510A", "h", (0, (6, 1, 1, 1))),
    "adaptive_linear_lr_restarting": Look(
        TECHNIQUES["adaptive_linear_lr_restarting"], "#5E3C99", "p", (0, (4, 1, 1, 1, 1, 1))
    ),
}
_COLORS = ("#666666", "#B15928", "#00695C", "#AD1457")
_MARKERS = ("<", ">", "8", "d", "*")
_DASHES = ((0, (3, 1, 1, 1)), (0, (2, 2)), (0, (7, 1, 3, 1)))
_FURTHER = tuple(product(_MARKERS, _DASHES, _COLORS))


def looks_of(techniques: Iterable[str]) -> dict[str, Look]:
    """The look of each technique, in the order of tables; those of the user's own get a look from their name.

    Two of the user's own techniques never share a look, unless there are more than 60 of them.
    """
    looks = {}
    taken: set[tuple[Any, ...]] = set()
    for technique in in_order(techniques):
        look = LOOKS.get(technique) or _own_look(technique, taken)
        taken.add(look[1:])
        looks[technique] = look
    return looks


def _own_look(technique: str, taken: set[tuple[Any, ...]]) -> Look:
    """The look that the hash of a name picks, or the next one that is free."""
    start = int.from_bytes(hashlib.sha256(technique.encode()).digest()[:4], "big") % len(_FURTHER)
    for marker, dash, color in islice(_FURTHER + _FURTHER, start, start + len(_FURTHER)):
        if (color, marker, dash) not in taken:
            break
    return Look(technique.replace("_", " "), color, marker, dash)
