"""One panel of a figure: the dense networks, a line, a band and dots for each technique, and the scales."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.results.grid import Section, TableCell
from orchestrator.results.statistics import ReplicateSummary
from orchestrator.results.table import Table
from orchestrator.results.wording import compression_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL = 8  # points
_GRAY = "#8a8a8a"
_AXIS = 2.6  # inches of a panel's width that the compressions take
_TICK_ROOM = 0.45  # inches between two tick labels


class Look(NamedTuple):
    """How a technique is drawn, in every figure."""

    name: str
    color: str
    marker: str
    dash: Any


class Panel(NamedTuple):
    """A section, and the table that it is from."""

    table: Table
    section: Section


def draw(axes: Axes, panel: Panel, looks: Mapping[str, Look], compressions: Sequence[float]) -> None:
    """Draw a panel; the horizontal axis covers `compressions`."""
    _draw_dense(axes, panel)
    for order, technique in enumerate(panel.section.techniques):
        _draw_technique(axes, panel.section, technique, looks[technique], order)
    _scales(axes, panel, compressions)


def _draw_technique(axes: Axes, section: Section, technique: str, look: Look, order: int) -> None:
    """The line of medians, the band from minimum to maximum, and a dot for each replicate."""
    cells = [cell for (name, _), cell in section.cells.items() if name == technique]
    for cell in cells:
        _draw_replicates(axes, cell, look)
    x = [cell.compression for cell in cells]
    medians = [math.nan if cell.summary.median is None else cell.summary.median for cell in cells]
    lows, highs = zip(*(_band(cell.summary) for cell in cells), strict=True)
    axes.fill_between(x, lows, highs, color=look.color, alpha=0.15, linewidth=0, zorder=2)
    axes.plot(
        x,
        medians,
        color=look.color,
        linestyle=look.dash,
        marker=look.marker,
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.5,
        linewidth=1.5,
        label=look.name,
        zorder=5 if look.dash == "solid" else 6 + order,  # what coincides shows between the dashes
    )


def _draw_replicates(axes: Axes, cell: TableCell, look: Look) -> None:
    complete = cell.summary.complete
    axes.scatter(
        [cell.compression] * len(cell.values),
        cell.values,
        s=9,
        marker=look.marker,
        facecolors=look.color if complete else "none",
        edgecolors="none" if complete else look.color,
        alpha=0.35 if complete else 0.8,
        zorder=3,
    )


def _band(summary: ReplicateSummary) -> tuple[float, float]:
    """Minimum and maximum; not a number without several replicates."""
    if summary.minimum is None or summary.maximum is None or summary.n < 2:
        return math.nan, math.nan
    return summary.minimum, summary.maximum


def _draw_dense(axes: Axes, panel: Panel) -> None:
    dense = panel.section.dense
    if dense.median is None or dense.minimum is None or dense.maximum is None:
        return
    origin = dense.median if panel.table.value == "delta" else 0.0
    axes.axhspan(dense.minimum - origin, dense.maximum - origin, color=_GRAY, alpha=0.15, linewidth=0, zorder=0)
    axes.axhline(dense.median - origin, color=_GRAY, linewidth=1.2, zorder=1)


def _scales(axes: Axes, panel: Panel, range_of: Sequence[float]) -> None:
    low, high = min(range_of), max(range_of)
    doublings = math.log2(high / low) or 1.0
    margin = 2 ** (0.06 * doublings)
    axes.set_xscale("log", base=2)
    axes.set_xlim(low / margin, high * margin)
    shown = _sparse(panel.section.compressions, _AXIS / doublings)
    names = compression_labels(panel.section.compressions)
    texts = [
        f"{name}\n{100 / compression:.3g} %" if compression in shown else ""
        for name, compression in zip(names, panel.section.compressions, strict=True)
    ]
    axes.set_xticks(panel.section.compressions, texts)
    axes.set_xticks([], minor=True)
    axes.tick_params(labelsize=SMALL, color=_GRAY)
    axes.set_xlabel("compression ratio, and share of weights kept", fontsize=SMALL)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_GRAY)


def _sparse(compressions: Sequence[float], inches: float) -> set[float]:
    """The compressions whose tick labels have room, from the highest down; `inches` is the length of a doubling."""
    shown: list[float] = []
    for compression in sorted(compressions, reverse=True):
        if not shown or math.log2(shown[-1] / compression) * inches >= _TICK_ROOM:
            shown.append(compression)
    return set(shown)
