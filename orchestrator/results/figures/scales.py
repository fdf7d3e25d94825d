"""Axes that hug the data: limits a few points beyond it, and ticks at values that occur, as many as have room."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.axis import Axis

from orchestrator.results.figures.chart import TEXT, text_width
from orchestrator.results.wording import compression_labels

ROOM = 5  # points between the outermost data and the end of an axis
_TICK_GAP = 4  # points between two tick labels

Kind = Literal["compression", "epochs"]


class Ticks(NamedTuple):
    """Where an axis has ticks, and what each says."""

    places: Sequence[float]
    labels: Sequence[str]


def x_axis(axes: Axes, kind: Kind, values: Iterable[float]) -> Ticks:
    """Make the horizontal axis one of compressions (logarithmic) or of epochs, with a tick at each value."""
    places = sorted(set(values))
    if kind == "compression":
        axes.set_xscale("log", base=2)
        names = compression_labels(places)
        labels = [f"{name}\n{100 / place:.3g}%" for name, place in zip(names, places, strict=True)]
    else:
        labels = [f"{place:,.0f}" if place >= 100 else f"{place:.3g}" for place in places]
    ticks = Ticks(places, labels)
    show(axes.xaxis, ticks)
    return ticks


def hug(axes: Axes, xs: Iterable[float], ys: Iterable[float], *, upward: bool = True) -> None:
    """Set the limits of both axes to the data and a few points more. The axes' position must be final.

    Without `upward`, the vertical axis has its low values at the top.
    """
    scale = 72 / axes.figure.dpi
    logarithmic = axes.get_xscale() == "log"
    xs = [math.log2(x) if logarithmic else x for x in xs]
    left, right = _limits(xs, axes.bbox.width * scale)
    axes.set_xlim(*((2**left, 2**right) if logarithmic else (left, right)))
    low, high = _limits(ys, axes.bbox.height * scale)
    axes.set_ylim(*((low, high) if upward else (high, low)))


def thin(axes: Axes, ticks: Ticks) -> None:
    """Keep the tick labels that have room, from the highest down. The axes' position and limits must be final."""
    labels = []
    end = math.inf
    for place, label in reversed(list(zip(*ticks, strict=True))):
        center = float(axes.transData.transform((place, 0))[0]) * 72 / axes.figure.dpi
        half = max(text_width(line, TEXT) for line in label.split("\n")) * 72 / 2
        labels.append(label if center + half + _TICK_GAP <= end else "")
        if labels[-1]:
            end = center - half
    show(axes.xaxis, Ticks(ticks.places, labels[::-1]))


def show(axis: Axis, ticks: Ticks) -> None:
    """Put ticks on an axis, instead of those that it has."""
    axis.set_ticks(ticks.places, labels=ticks.labels)
    axis.set_ticks([], minor=True)


def _limits(values: Iterable[float], length: float) -> tuple[float, float]:
    """The range of values, with `ROOM` at both ends of an axis of `length` points."""
    values = [value for value in values if math.isfinite(value)]
    low, high = min(values, default=0.0), max(values, default=0.0)
    if low == high:
        return low - 0.5, high + 0.5
    room = (high - low) * ROOM / (length - 2 * ROOM)
    return low - room, high + room
