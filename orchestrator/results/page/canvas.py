"""The look of the page's figures: small panels with the same margins, type and scales."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.results.figures.line_names import spread
from orchestrator.results.figures.looks import Look
from orchestrator.results.page.svg import Styles, inline
from orchestrator.results.wording import compression_labels
from workers.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orchestrator.results.grid import Section

INK, MUTED, RULE, PAPER, ALARM = "#1f2328", "#59636e", "#d1d9e0", "#ffffff", "#cf222e"
TEXT = 12  # pixels at full width, as all lengths here
_POINT = 72.0  # pixels of an inch: matplotlib's SVG backend counts in points
_MARGINS = (60, 12, 10, 48)  # left, right, top, bottom
_TICK_ROOM = 40
_NEAR_EDGE = 30
_CHARACTER = 0.5  # its mean width, in heights of the text
LEAST_EXTENT = 0.5  # points that an axis shows at least: less would magnify noise


class Label(NamedTuple):
    """The name of a line that ends at (x, y), in data coordinates."""

    text: str
    color: str
    x: float
    y: float


@dataclass(slots=True)
class Ink:
    """What all figures of a page share: the look of each technique, its number, the styles, and a count for ids."""

    looks: Mapping[str, Look]
    styles: Styles = field(default_factory=Styles)
    drawn: int = 0

    def finish(self, figure: Figure, title: str, description: str) -> str:
        """A figure as inline SVG."""
        self.drawn += 1
        return inline(figure, f"f{self.drawn}", title, description, self.styles)

    def group(self, technique: str) -> str:
        """The gid of a technique's artists: `t-` and its number."""
        return f"t-{list(self.looks).index(technique)}"


def canvas(width: int = 360, height: int = 270, *, left: int = _MARGINS[0], right: int = 0) -> tuple[Figure, Axes]:
    """One panel in the page's style; `left` is room for the labels of the axis, `right` for names at line ends."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / _POINT, height / _POINT), dpi=_POINT)
    _, margin, top, bottom = _MARGINS
    place = (left / width, bottom / height, (width - left - margin - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(place)
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(which="both", length=0, bottom=False, left=False, labelsize=TEXT - 1, labelcolor=MUTED)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title("", y=1)  # a given place spares matplotlib a search for one, a sixth of its time
    return figure, axes


def name_axes(axes: Axes, x: str, y: str, *, tick_lines: int = 1) -> None:
    """Write what the axes show; `tick_lines` are those of the labels under the horizontal axis.

    Given places spare matplotlib the search for them, which takes as long as drawing.
    """
    axes.set_xlabel(x, fontsize=TEXT, color=INK, parse_math=False)
    fitting = axes.bbox.height / (_CHARACTER * max(len(y), 1))  # a user's unit can be long
    axes.set_ylabel(shortened(y, 80), fontsize=min(TEXT, fitting), color=INK, parse_math=False)
    axes.xaxis.set_label_coords(0.5, -(6 + 1.2 * TEXT * tick_lines) / axes.bbox.height)
    axes.yaxis.set_label_coords(-43 / axes.bbox.width, 0.5)


def name_panel(axes: Axes, text: str) -> None:
    """Name a panel."""
    look = {"fontsize": TEXT, "fontweight": "bold", "color": INK}
    axes.set_title(shortened(text, 40), loc="left", y=1, pad=2, parse_math=False, fontdict=look)


def compression_scale(axes: Axes, compressions: Sequence[float]) -> None:
    """A logarithmic horizontal axis that hugs the compressions and names those that have room."""
    axes.set_xscale("log", base=2)
    low, high = min(compressions), max(compressions)
    axes.set_xlim(low / 1.04, high * 1.04) if high > low else axes.set_xlim(low / 1.5, low * 1.5)
    names = compression_labels(compressions)
    shown = _sparse([math.log2(compression) for compression in compressions], _width(axes))
    axes.set_xticks(
        [compressions[index] for index in shown],
        [f"{names[index]}\n{100 / compressions[index]:.3g}%" for index in shown],
    )
    axes.set_xticks([], minor=True)


def plain_log_scale(axes: Axes, values: Sequence[float], unit: str = "") -> None:
    """A logarithmic horizontal axis with ticks at some of the values themselves."""
    distinct = sorted(set(values))
    axes.set_xscale("log")
    low, high = distinct[0], distinct[-1]
    axes.set_xlim(low / 1.06, high * 1.06) if high > low else axes.set_xlim(low / 1.5, low * 1.5)
    shown = _sparse([math.log2(value) for value in distinct], _width(axes))
    axes.set_xticks([distinct[index] for index in shown], [f"{distinct[index]:.3g}{unit}" for index in shown])
    axes.set_xticks([], minor=True)


def fit_heights(axes: Axes, values: Sequence[float], section: Section) -> None:
    """A vertical axis that hugs the values, with a little air, unless they hardly differ; better ones are higher."""
    from matplotlib.ticker import MaxNLocator

    low, high = min(values), max(values)
    missing = max(0.0, LEAST_EXTENT * section.point - (high - low)) / 2
    air = (high - low) * 0.05 + missing
    limits = (low - air, high + air)
    axes.set_ylim(*(limits if section.metric.higher_is_better else reversed(limits)))
    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))


def line(axes: Axes, ink: Ink, technique: str, points: Sequence[tuple[float, float]], *, alpha: float = 1.0) -> None:
    """A technique's line with its color, marker and dash."""
    look = ink.looks[technique]
    axes.plot(
        *zip(*points, strict=True),
        color=look.color,
        linestyle=look.dash,
        marker=look.marker,
        markersize=5,
        markeredgecolor=PAPER,
        markeredgewidth=0.6,
        linewidth=1.6,
        alpha=alpha,
        gid=ink.group(technique),
        zorder=5 if look.dash == "solid" else 6,
    )


def dots(axes: Axes, ink: Ink, technique: str, points: Sequence[tuple[float, float]]) -> None:
    """A technique's replicates."""
    x, y = zip(*points, strict=True)
    axes.scatter(
        x,
        y,
        s=9,
        color=ink.looks[technique].color,
        linewidths=0,
        alpha=0.4,
        gid=f"replicates {ink.group(technique)}",
        zorder=3,
    )


def end_names(axes: Axes, labels: Sequence[Label]) -> None:
    """Names at the right of the panel at the heights of their lines' ends, pushed apart, each with a leader.

    The leader of a line that ends before the edge is dotted and gray, lest it be read as the rest of the line.
    """
    box = axes.bbox
    heights = [float(axes.transData.transform((label.x, label.y))[1]) - box.y0 for label in labels]
    moved = [box.y0 + height for height in spread(heights, [TEXT * 1.15] * len(labels), box.height)]
    to_axes = axes.transAxes.inverted()
    for label, height in zip(labels, moved, strict=True):
        end = axes.transData.transform((label.x, label.y))
        near = box.x1 - end[0] < _NEAR_EDGE
        start = to_axes.transform((end[0] + 4, end[1]))
        stop = to_axes.transform((box.x1 + 14, height))
        axes.plot(
            *zip(start, stop, strict=True),
            transform=axes.transAxes,
            color=label.color if near else MUTED,
            linestyle="solid" if near else (0, (1, 4)),
            linewidth=0.8,
            clip_on=False,
        )
        x, y = to_axes.transform((box.x1 + 17, height))
        axes.text(
            x,
            y,
            shortened(label.text, 30),
            transform=axes.transAxes,
            fontsize=TEXT - 1,
            color=INK,
            verticalalignment="center_baseline",
            parse_math=False,
        )


def shortened(text: str, most: int) -> str:
    """Text that is safe to draw, cut if it is long."""
    shown = printable(text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _width(axes: Axes) -> float:
    return float(axes.bbox.width)


def _sparse(positions: Sequence[float], width: float) -> list[int]:
    """The positions (ascending) whose tick labels have room, from the last down."""
    extent = positions[-1] - positions[0] or 1.0
    shown: list[int] = []
    for index in range(len(positions) - 1, -1, -1):
        if not shown or (positions[shown[-1]] - positions[index]) / extent * width >= _TICK_ROOM:
            shown.append(index)
    return shown[::-1]
