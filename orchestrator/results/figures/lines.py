"""Lines of medians with bands and replicates, one for each technique, and the level of the dense networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from orchestrator.results.figures.looks import GRAY, Look
from orchestrator.results.figures.tags import tag
from orchestrator.results.statistics import ReplicateSummary
from workers.techniques import DENSE


class Point(NamedTuple):
    """What one technique got at `x`: the summary, and the values of its replicates."""

    x: float
    summary: ReplicateSummary
    values: Sequence[float]


class Line(NamedTuple):
    """The points of one technique, in order of x; `note` tells it from another line of that technique."""

    technique: str
    points: Sequence[Point]
    note: str = ""

    def name(self, look: Look) -> str:
        return f"{look.name}, {self.note}" if self.note else look.name

    @property
    def end(self) -> tuple[float, float] | None:
        """The last point that has a median."""
        ends = [(point.x, point.summary.median) for point in self.points if point.summary.median is not None]
        return max(ends, default=None)


class Level(NamedTuple):
    """The dense networks: median, minimum and maximum."""

    median: float
    minimum: float
    maximum: float


def level(dense: ReplicateSummary, origin: float = 0.0) -> Level | None:
    """The level of dense networks, relative to an origin; None while some are missing."""
    if dense.median is None or dense.minimum is None or dense.maximum is None:
        return None
    return Level(dense.median - origin, dense.minimum - origin, dense.maximum - origin)


def draw_level(axes: Axes, dense: Level) -> None:
    """A gray line and a band across the panel."""
    band = axes.axhspan(dense.minimum, dense.maximum, color=GRAY, alpha=0.15, linewidth=0, zorder=0)
    tag(band, DENSE, "band")
    tag(axes.axhline(dense.median, color=GRAY, linewidth=1.0, zorder=1), DENSE, "line")


def draw_line(axes: Axes, drawn: Line, look: Look, order: int) -> None:
    """The line of medians, the band from minimum to maximum, and a dot for each replicate.

    Incomplete points have hollow dots and no median; lines that coincide show between each other's dashes. A line with
    a note has white markers.
    """
    technique, points, note = drawn
    for complete in (True, False):
        _draw_replicates(axes, technique, [point for point in points if point.summary.complete == complete], look)
    xs = [point.x for point in points]
    lows, highs = zip(*(_band(point.summary) for point in points), strict=True)
    band = axes.fill_between(xs, lows, highs, color=look.color, alpha=0.15, linewidth=0, zorder=2)
    tag(band, technique, "band")
    [line] = axes.plot(
        xs,
        [math.nan if point.summary.median is None else point.summary.median for point in points],
        color=look.color,
        linestyle=look.dash,
        marker=look.marker,
        markersize=3.5,
        markerfacecolor="white" if note else look.color,
        markeredgecolor=look.color if note else "white",
        markeredgewidth=0.8 if note else 0.4,
        linewidth=1.2,
        label=drawn.name(look),
        zorder=5 if look.dash == "solid" else 6 + order,
    )
    tag(line, technique, "line")


def _draw_replicates(axes: Axes, technique: str, points: Sequence[Point], look: Look) -> None:
    complete = all(point.summary.complete for point in points)
    if points:
        dots = axes.scatter(
            [point.x for point in points for _ in point.values],
            [value for point in points for value in point.values],
            s=5,
            marker=look.marker,
            facecolors=look.color if complete else "none",
            edgecolors="none" if complete else look.color,
            linewidths=0.6,
            alpha=0.35 if complete else 0.8,
            zorder=3,
        )
        tag(dots, technique, "replicate")


def _band(summary: ReplicateSummary) -> tuple[float, float]:
    """Minimum and maximum; not a number without several replicates."""
    if summary.minimum is None or summary.maximum is None or summary.n < 2:
        return math.nan, math.nan
    return summary.minimum, summary.maximum
