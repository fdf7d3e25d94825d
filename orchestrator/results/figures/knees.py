"""The knees of a Pareto front, where the next bit of size or cost begins to buy less, and their names in a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from orchestrator.results.figures.chart import text_width

_AIR = 0.08  # of the height of the data, that names need above the highest point
_GAP = 3  # points between a knee and its name


class Knee(NamedTuple):
    """A member of a front, in the order of x, and its name."""

    x: float
    y: float
    name: str


class _Box(NamedTuple):
    """Where a name would be, in pixels."""

    left: float
    right: float
    bottom: float
    top: float

    def meets(self, other: _Box) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top


def with_air(heights: Sequence[float], *, upward: bool) -> list[float]:
    """Heights in a figure, and how high the names of the knees reach."""
    air = _AIR * (max(heights) - min(heights))
    return [*heights, max(heights) + air if upward else min(heights) - air]


def knees(front: Sequence[Knee], *, upward: bool = True) -> list[Knee]:
    """The corners of the hull of a front over a logarithmic x, on the side of high values, or else of low ones."""
    sign = 1 if upward else -1
    hull: list[Knee] = []
    for member in front:
        while len(hull) > 1 and sign * _slope(hull[-2], hull[-1]) <= sign * _slope(hull[-1], member):
            hull.pop()
        hull.append(member)
    return hull


def name_knees(axes: Axes, front: Sequence[Knee], size: float, color: str) -> None:
    """Write the names of the knees above the front, where it has no points; those without room are left out.

    `size` (in points) and `color` are those of the text. The axes' position and limits must be final.
    """
    written: list[_Box] = []
    for knee in knees(front, upward=not axes.yaxis_inverted()):
        following = next((_pixels(axes, member)[0] for member in front if member.x > knee.x), axes.bbox.x1)
        for side in ("right", "left"):
            box = _box(axes, knee, size, side)
            fits = axes.bbox.x0 <= box.left and box.right <= following and box.top <= axes.bbox.y1
            if fits and not any(box.meets(other) for other in written):
                written.append(box)
                _write(axes, knee, size, side, color)
                break


def _slope(first: Knee, second: Knee) -> float:
    return (second.y - first.y) / (math.log(second.x) - math.log(first.x))


def _box(axes: Axes, knee: Knee, size: float, side: str) -> _Box:
    """The box of a name whose `side` is at the knee."""
    x, y = _pixels(axes, knee)
    scale = axes.figure.dpi / 72
    width, gap = text_width(knee.name, size) * 72 * scale, _GAP * scale
    left = x - gap - width if side == "right" else x + gap
    return _Box(left, left + width, y + gap, y + gap + size * scale)


def _write(axes: Axes, knee: Knee, size: float, side: str, color: str) -> None:
    axes.annotate(
        knee.name,
        (knee.x, knee.y),
        xytext=(-_GAP if side == "right" else _GAP, _GAP),
        textcoords="offset points",
        horizontalalignment=side,
        verticalalignment="bottom",
        fontsize=size,
        color=color,
        parse_math=False,
    )


def _pixels(axes: Axes, member: Knee) -> tuple[float, float]:
    x, y = axes.transData.transform((member.x, member.y))
    return float(x), float(y)
