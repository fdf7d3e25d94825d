"""Numbers in a grid of rows and columns, colored around zero; what a budget or a layer gives at each compression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, to_rgb
from matplotlib.patches import Rectangle

from orchestrator.results.figures import chart as charts
from orchestrator.results.figures import scales
from orchestrator.results.figures.chart import LINE, TEXT, WIDTHS, Chart, ColumnCount, text_width
from orchestrator.results.figures.looks import DIVERGING, GRAY, INK
from orchestrator.results.figures.tags import tag

_ROW = 0.14  # inches of height
_BESIDES = 0.55  # inches of a panel's width that are not cells
_AROUND = 0.55  # inches of a panel's height that are not cells
_MARGIN = 0.005  # inches in a cell that its number leaves free
_MOST_PER_ROW = 3  # so that titles have room
_DARK = 0.179  # luminance below which white is easier to read than black


@dataclass(frozen=True, slots=True)
class HeatPanel:
    """What one panel shows: `values` by row and column, null where missing; `zone` tells which rows are in the zone.

    Colors end at ± `limit`.
    """

    title: str
    technique: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]
    limit: float
    zone: Sequence[bool] = ()


@dataclass(frozen=True, slots=True)
class HeatMap:
    """What a chart of heat maps shows."""

    title: str
    caption: str
    panels: Sequence[HeatPanel]
    x_label: str = "compression ratio"
    y_label: str = "budget, epochs"


def draw(shown: HeatMap, columns: ColumnCount | None, *, caption: bool) -> Chart:
    """Draw a chart as wide as the numbers of its panels need, in one column or two columns of a page."""
    needed = max(map(_width, shown.panels))
    columns = columns or (1 if len(shown.panels) == 1 and needed <= WIDTHS[1] else 2)
    per_row = max(1, min(len(shown.panels), _MOST_PER_ROW, math.floor(WIDTHS[columns] / needed)))
    rows = math.ceil(len(shown.panels) / per_row)
    titles = [charts.title_lines(panel.title, WIDTHS[columns] / per_row) for panel in shown.panels]
    lines = rows * max(map(len, titles)) + (len(charts.wrap(shown.caption, WIDTHS[columns], TEXT)) if caption else 0)
    height = rows * (max(len(panel.rows) for panel in shown.panels) * _ROW + _AROUND) + lines * LINE
    chart = Chart(columns, height, title=shown.title, caption=shown.caption)
    grid = list(zip(charts.panels(chart, len(shown.panels), per_row), shown.panels, strict=True))
    for (axes, panel), title in zip(grid, titles, strict=True):
        _draw_cells(axes, panel)
        charts.set_title(axes, title)
        charts.label_axes(axes, shown.x_label, shown.y_label)
    if caption:
        charts.write_caption(chart)
    chart.lay_out()
    for axes, panel in grid:
        scales.thin(axes, _ticks(panel.columns))
        if _width(panel) - _BESIDES <= axes.bbox.width / chart.dpi:
            _write_numbers(axes, panel)
    return chart


def _width(panel: HeatPanel) -> float:
    """The inches that a panel needs if each number is to fit its cell."""
    widest = max(text_width(_number(value, panel.limit), TEXT) for row in panel.values for value in row)
    return len(panel.columns) * (widest + 2 * _MARGIN) + _BESIDES


def _ticks(labels: Sequence[str]) -> scales.Ticks:
    return scales.Ticks([place + 0.5 for place in range(len(labels))], list(labels))


def _draw_cells(axes: Axes, panel: HeatPanel) -> None:
    """A rectangle for each cell, the first row at the bottom; hatched where a value is missing."""
    for y, row in enumerate(panel.values):
        for x, value in enumerate(row):
            cell = Rectangle((x, y), 1, 1, linewidth=0.4, edgecolor="white", facecolor=_color(value, panel.limit))
            if value is None:
                cell.set(hatch="////", edgecolor=GRAY)
            cell.set_in_layout(False)  # measuring hundreds of cells takes seconds
            tag(axes.add_artist(cell), panel.technique, "cell")
    for y, (lower, upper) in enumerate(zip(panel.zone, panel.zone[1:], strict=False), 1):
        if lower != upper:
            axes.axhline(y, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.set(xlim=(0, len(panel.columns)), ylim=(0, len(panel.rows)))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    scales.show(axes.xaxis, _ticks(panel.columns))
    scales.show(axes.yaxis, _ticks(panel.rows))
    axes.tick_params(length=0)


def _write_numbers(axes: Axes, panel: HeatPanel) -> None:
    """A number in each cell."""
    for y, row in enumerate(panel.values):
        for x, value in enumerate(row):
            if value is not None:
                axes.text(
                    x + 0.5,
                    y + 0.5,
                    _number(value, panel.limit),
                    horizontalalignment="center",
                    verticalalignment="center_baseline",
                    fontsize=TEXT,
                    color="white" if _luminance(_color(value, panel.limit)) < _DARK else "black",
                )


def _number(value: float | None, limit: float) -> str:
    """One decimal, or none from ten on, if colors end at 1; with a minus sign as wide as a digit, zero without sign."""
    if value is None:
        return ""
    power = math.floor(math.log10(limit))
    decimals = -power if abs(value) >= 9.95 * 10**power else 1 - power
    return f"{value:z.{max(0, decimals)}f}".replace("-", "−")


def _color(value: float | None, limit: float) -> tuple[float, float, float, float] | str:
    return "white" if value is None else _map()(Normalize(-limit, limit, clip=True)(value))


@cache
def _map() -> Colormap:
    return colormaps[DIVERGING]


def _luminance(color: tuple[float, float, float, float] | str) -> float:
    """Relative luminance, as in WCAG 2.2."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(color)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
