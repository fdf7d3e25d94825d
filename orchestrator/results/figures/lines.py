"""Lines with bands and replicates, one for each technique, and the level of the dense networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from orchestrator.results.figures.looks import GRAY, Look
from orchestrator.results.figures.tags import tag
from orchestrator.results.grid import Section
from orchestrator.results.intervals import interval
from orchestrator.results.statistics import ReplicateSummary, Statistic, Value
from workers.techniques import DENSE


class Band(NamedTuple):
    """The middle of several values and how they spread; `low` and `high` are NaN without a spread."""

    middle: float
    low: float
    high: float


def band_of(summary: ReplicateSummary, values: Sequence[float], statistic: Statistic) -> Band | None:
    """What a statistic makes of replicates: median and minimum to maximum, mean ± standard deviation, or mean and
    interval. None while replicates are missing."""
    if summary.median is None or summary.minimum is None or summary.maximum is None or summary.mean is None:
        return None
    if statistic == "ci":
        covered = interval(values)
        if covered.low is None or covered.high is None:
            return Band(covered.middle, math.nan, math.nan)
        return Band(covered.middle, covered.low, covered.high)
    if summary.n < 2:
        return Band(summary.median, math.nan, math.nan)
    if statistic == "mean":
        spread = summary.sd or 0.0
        return Band(summary.mean, summary.mean - spread, summary.mean + spread)
    return Band(summary.median, summary.minimum, summary.maximum)


class Point(NamedTuple):
    """What one technique got at `x`: the values of its replicates, and their band once all are done."""

    x: float
    band: Band | None
    values: Sequence[float]

    @classmethod
    def of(cls, x: float, summary: ReplicateSummary, values: Sequence[float], statistic: Statistic) -> Point:
        return cls(x, band_of(summary, values, statistic), values)

    @property
    def extent(self) -> list[float]:
        """All values that are drawn."""
        band = () if self.band is None else self.band
        return [value for value in (*self.values, *band) if not math.isnan(value)]


class Line(NamedTuple):
    """The points of one technique, in order of x; `note` tells it from another line of that technique."""

    technique: str
    points: Sequence[Point]
    note: str = ""

    def name(self, look: Look) -> str:
        return f"{look.name}, {self.note}" if self.note else look.name

    @property
    def end(self) -> tuple[float, float] | None:
        """The last point that is complete."""
        ends = [(point.x, point.band.middle) for point in self.points if point.band is not None]
        return max(ends, default=None)


def level(section: Section, value: Value, statistic: Statistic) -> Band | None:
    """The dense networks of a section, for differences relative to what these are from; None while some are missing.

    The band of a single network has no width.
    """
    band = band_of(section.dense, section.dense_values, statistic)
    if band is None:
        return None
    paired = all(cell.paired for cell in section.cells.values())
    origin = 0.0 if value != "delta" else band.middle if paired else section.dense.median or 0.0
    low, high = (band.middle if math.isnan(end) else end for end in (band.low, band.high))
    return Band(band.middle - origin, low - origin, high - origin)


def draw_level(axes: Axes, dense: Band) -> None:
    """A gray line and a band across the panel."""
    band = axes.axhspan(dense.low, dense.high, color=GRAY, alpha=0.15, linewidth=0, zorder=0)
    tag(band, DENSE, "band")
    tag(axes.axhline(dense.middle, color=GRAY, linewidth=1.0, zorder=1), DENSE, "line")


_NOTHING = Band(math.nan, math.nan, math.nan)


def draw_line(axes: Axes, drawn: Line, look: Look, order: int) -> None:
    """The line of middles, their band, and a dot for each replicate.

    Incomplete points have hollow dots and no middle; lines that coincide show between each other's dashes. A line with
    a note has white markers.
    """
    technique, points, note = drawn
    for complete in (True, False):
        _draw_replicates(axes, technique, [point for point in points if (point.band is not None) == complete], look)
    xs = [point.x for point in points]
    bands = [point.band or _NOTHING for point in points]
    lows, highs = [band.low for band in bands], [band.high for band in bands]
    area = axes.fill_between(xs, lows, highs, color=look.color, alpha=0.15, linewidth=0, zorder=2)
    tag(area, technique, "band")
    [line] = axes.plot(
        xs,
        [band.middle for band in bands],
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
    complete = all(point.band is not None for point in points)
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
