"""Names at the ends of a panel's lines: outside the axes, so that they cross no line, and pushed apart."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import offset_copy

from orchestrator.results.figures.chart import TEXT
from orchestrator.results.figures.looks import INK
from orchestrator.results.figures.tags import tag
from workers.text import printable

_OFFSET = 9  # points between the edge of the axes and a name
_LETTERS = 16  # in a line of a name
_LEADING = 1.25  # line heights from one line to the next
_GAP = 1.5  # points between two names


class LineName(NamedTuple):
    """The name of a technique's line that ends at (x, y), in data coordinates."""

    technique: str
    text: str
    color: str
    x: float
    y: float

    @property
    def lines(self) -> list[str]:
        return textwrap.wrap(printable(self.text), _LETTERS)[:3]

    @property
    def height(self) -> float:
        """In points."""
        return len(self.lines) * TEXT * _LEADING + _GAP


def fit(axes: Axes, names: Sequence[LineName]) -> bool:
    """Whether names fit at the ends: all lines end at the same x, and the panel is high enough for all names."""
    height = axes.bbox.height * 72 / axes.figure.dpi
    return len({name.x for name in names}) <= 1 and sum(name.height for name in names) <= height


def write(axes: Axes, names: Sequence[LineName]) -> list[Annotation]:
    """Write names to the right of the axes, each with a leader from the end of its line, for `place` to move."""
    return [tag(_annotate(axes, name), name.technique, "name") for name in names]


def place(axes: Axes, names: Sequence[LineName], written: Sequence[Annotation]) -> None:
    """Move names next to the ends of their lines. The axes' position and limits must be final."""
    scale = 72 / axes.figure.dpi
    bottom, height = axes.bbox.y0 * scale, axes.bbox.height * scale
    ends = [float(axes.transData.transform((name.x, name.y))[1]) * scale - bottom for name in names]
    centers = spread(ends, [name.height for name in names], height)
    for name, annotation, center in zip(names, written, centers, strict=True):
        annotation.xy = _visible_end(axes, name)
        annotation.set_position((1.0, center / height))


def _annotate(axes: Axes, name: LineName) -> Annotation:
    return axes.annotate(
        "\n".join(name.lines),
        xy=_visible_end(axes, name),
        xytext=(1.0, 0.5),
        textcoords=offset_copy(axes.transAxes, axes.get_figure(root=True), x=_OFFSET, units="points"),
        verticalalignment="center",
        horizontalalignment="left",
        fontsize=TEXT,
        color=INK,
        linespacing=_LEADING,
        parse_math=False,
        annotation_clip=False,
        arrowprops={
            "arrowstyle": "-",
            "color": name.color,
            "linewidth": 0.7,
            "shrinkA": 1,
            "shrinkB": 3,
            "relpos": (0, 0.5),
        },
    )


def _visible_end(axes: Axes, name: LineName) -> tuple[float, float]:
    """A line may end below its axis, which then leaves out a part of it."""
    lowest = axes.get_ylim()[0]
    return name.x, min(name.y, lowest) if axes.yaxis_inverted() else max(name.y, lowest)


def spread(positions: Sequence[float], sizes: Sequence[float], length: float) -> list[float]:
    """The nearest centers (least squares), in the same order, of intervals that do not overlap within 0 to `length`.

    Isotonic regression by pooling adjacent violators, after a shift that makes the intervals points.
    """
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    offsets: dict[int, float] = {}
    filled = 0.0
    for index in order:
        offsets[index] = filled + sizes[index] / 2
        filled += sizes[index]
    pools: list[tuple[float, int]] = []  # (mean, members) of shifted positions, never falling
    for index in order:
        mean, members = positions[index] - offsets[index], 1
        while pools and pools[-1][0] > mean:
            last_mean, last_members = pools.pop()
            mean = (mean * members + last_mean * last_members) / (members + last_members)
            members += last_members
        pools.append((mean, members))
    shifted = [min(max(mean, 0.0), max(length - filled, 0.0)) for mean, members in pools for _ in range(members)]
    moved = dict(zip(order, shifted, strict=True))
    return [moved[index] + offsets[index] for index in range(len(positions))]
