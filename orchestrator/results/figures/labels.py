"""Names at the ends of a panel's lines, pushed apart if they would overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OFFSET = 16  # points between a line's end and its name
_LEADING = 1.3  # line heights from one name to the next


class Label(NamedTuple):
    """The name of a line that ends at (x, y), in data coordinates."""

    text: str
    color: str
    x: float
    y: float


def fits(axes: Axes, labels: Sequence[Label], fontsize: float) -> bool:
    """Whether names fit at the ends: all lines end at the same x, and the panel is high enough for all names."""
    height = axes.bbox.height * 72 / axes.figure.dpi
    return len({label.x for label in labels}) <= 1 and len(labels) * fontsize * _LEADING <= height


def write(axes: Axes, labels: Sequence[Label], fontsize: float) -> None:
    """Write names next to the ends of their lines, each with a leader. The axes' position must be final."""
    scale = 72 / axes.figure.dpi
    ends = [float(axes.transData.transform((label.x, label.y))[1]) * scale for label in labels]
    for label, end, height in zip(labels, ends, spread(ends, fontsize * _LEADING), strict=True):
        axes.annotate(
            label.text,
            xy=(label.x, label.y),
            xytext=(_OFFSET, height - end),
            textcoords="offset points",
            verticalalignment="center",
            fontsize=fontsize,
            parse_math=False,
            arrowprops={"arrowstyle": "-", "color": label.color, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 4},
        )


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """The nearest positions (least squares) in the same order that are at least `gap` apart.

    Isotonic regression by pooling adjacent violators, after a shift that turns the gap into zero.
    """
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    pools: list[tuple[float, int]] = []  # (mean, members) of shifted positions, never falling
    for rank, index in enumerate(order):
        mean, members = positions[index] - rank * gap, 1
        while pools and pools[-1][0] > mean:
            last_mean, last_members = pools.pop()
            total = members + last_members
            mean, members = (mean * members + last_mean * last_members) / total, total
        pools.append((mean, members))
    shifted = [mean for mean, members in pools for _ in range(members)]
    moved = [0.0] * len(positions)
    for rank, index in enumerate(order):
        moved[index] = shifted[rank] + rank * gap
    return moved
