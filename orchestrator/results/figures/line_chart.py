"""A chart of panels with lines: names at the ends of lines where they fit, else a legend; axes that hug the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.markers import CARETDOWN
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator

from orchestrator.results.figures import chart as charts
from orchestrator.results.figures import line_names, scales
from orchestrator.results.figures.chart import HEIGHT, LINE, TEXT, WIDTHS, Chart, ColumnCount
from orchestrator.results.figures.line_names import LineName
from orchestrator.results.figures.lines import Band, Line, draw_level, draw_line
from orchestrator.results.figures.looks import GRAY, Look, looks_of
from orchestrator.results.figures.scales import Kind
from orchestrator.results.figures.tags import tag

_MOST_NAMED = 4  # panels whose lines are named at their ends


@dataclass(frozen=True, slots=True)
class LinePanel:
    """What one panel shows: a `zone` is a range of x that is shaded, and middles worse than a `floor` are only marked.

    Where lower values are better, the vertical axis has them at the top: better is always higher in the panel.
    """

    title: str
    y_label: str
    lines: Sequence[Line]
    dense: Band | None
    zone: tuple[float, float] | None = None
    floor: float | None = None
    higher_is_better: bool = True

    def is_worse(self, value: float, limit: float) -> bool:
        """Whether a value is on the lower side of a limit in the panel."""
        return value < limit if self.higher_is_better else value > limit


@dataclass(frozen=True, slots=True)
class LineChart:
    """What a chart of lines shows; `same_y` gives all panels the same vertical limits."""

    title: str
    caption: str
    x_label: str
    kind: Kind
    panels: Sequence[LinePanel]
    same_y: bool = False


def draw(shown: LineChart, columns: ColumnCount | None, *, caption: bool) -> Chart:
    """Draw a chart for one column or two columns of a page, by default as many as it has panels.

    `caption` writes the caption below the panels; a page or a paper has its own.
    """
    columns = columns or (1 if len(shown.panels) == 1 else 2)
    per_row = columns if columns == 1 or len(shown.panels) <= _MOST_NAMED else 3
    rows = math.ceil(len(shown.panels) / per_row)
    titles = [charts.title_lines(panel.title, WIDTHS[columns] / per_row) for panel in shown.panels]
    lines = rows * (max(map(len, titles)) - 1) + (
        len(charts.wrap(shown.caption, WIDTHS[columns], TEXT)) if caption else 0
    )
    chart = Chart(columns, rows * HEIGHT + lines * LINE, title=shown.title, caption=shown.caption)
    grid = list(zip(charts.panels(chart, len(shown.panels), per_row), shown.panels, strict=True))
    looks = looks_of(line.technique for panel in shown.panels for line in panel.lines)
    ticks = [_draw_panel(axes, panel, shown.kind, looks) for axes, panel in grid]
    for (axes, _), title in zip(grid, titles, strict=True):
        charts.set_title(axes, title)
    _label_axes(grid, shown, per_row)
    if caption:
        charts.write_caption(chart)
    chart.lay_out()
    _hug(grid, shown)
    named = _name_lines(chart, grid, looks)
    chart.lay_out()
    _hug(grid, shown)
    for (axes, panel), at in zip(grid, ticks, strict=True):
        scales.thin(axes, at)
        _mark_lower(axes, panel, looks)
    for axes, names, written in named:
        line_names.place(axes, names, written)
    return chart


def _draw_panel(axes: Axes, panel: LinePanel, kind: Kind, looks: dict[str, Look]) -> scales.Ticks:
    ticks = scales.x_axis(axes, kind, _xs(panel))
    if panel.zone is not None:
        axes.axvspan(*panel.zone, color=GRAY, alpha=0.1, linewidth=0, zorder=0)
    if panel.dense is not None:
        draw_level(axes, panel.dense)
    for order, line in enumerate(panel.lines):
        draw_line(axes, line, looks[line.technique], order)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    return ticks


def _label_axes(grid: Sequence[tuple[Axes, LinePanel]], shown: LineChart, per_row: int) -> None:
    """Name the horizontal axis of the lowest panel of each column; the vertical one of the first, if all are alike."""
    alike = len({panel.y_label for panel in shown.panels}) == 1
    for number, (axes, panel) in enumerate(grid):
        lowest, first = number + per_row >= len(grid), number % per_row == 0
        charts.label_axes(axes, shown.x_label if lowest else "", panel.y_label if first or not alike else "")


def _hug(grid: Sequence[tuple[Axes, LinePanel]], shown: LineChart) -> None:
    """Limits that hug the data of each panel, or, vertically, of all panels."""
    everything = [value for panel in shown.panels for value in _ys(panel)]
    for axes, panel in grid:
        scales.hug(axes, _xs(panel), everything if shown.same_y else _ys(panel), upward=panel.higher_is_better)


def _xs(panel: LinePanel) -> list[float]:
    return [point.x for line in panel.lines for point in line.points]


def _ys(panel: LinePanel) -> list[float]:
    """The values of all replicates, lines and bands, and of the dense networks; none worse than the floor."""
    values = [value for line in panel.lines for point in line.points for value in point.extent] + [*(panel.dense or ())]
    if panel.floor is None:
        return values
    floor = panel.floor
    return [floor if panel.is_worse(value, floor) else value for value in values]


def _mark_lower(axes: Axes, panel: LinePanel, looks: dict[str, Look]) -> None:
    """An arrow at the lower edge for each middle that the axis leaves out."""
    lowest = axes.get_ylim()[0]
    for line in panel.lines:
        middles = [(point.x, point.band.middle) for point in line.points if point.band is not None]
        lower = [x for x, middle in middles if panel.is_worse(middle, lowest)]
        if lower:
            [arrows] = axes.plot(
                lower,
                [0.0] * len(lower),
                transform=axes.get_xaxis_transform(),
                linestyle="none",
                marker=CARETDOWN,
                markersize=4,
                color=looks[line.technique].color,
            )
            tag(arrows, line.technique, "below")


def _name_lines(
    chart: Chart, grid: Sequence[tuple[Axes, LinePanel]], looks: dict[str, Look]
) -> list[tuple[Axes, list[LineName], list[Annotation]]]:
    """Name lines at their ends if all names fit there, else in one legend; returns what `line_names.place` needs."""
    named = [(axes, _names(panel, looks)) for axes, panel in grid]
    if len(grid) <= _MOST_NAMED and all(line_names.fit(axes, names) for axes, names in named):
        return [(axes, names, line_names.write(axes, names)) for axes, names in named]
    handles = {name: line for axes, _ in grid for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    order = {
        line.name(looks[line.technique]): bool(line.note) for panel in (at for _, at in grid) for line in panel.lines
    }
    charts.legend(chart, [handles[name] for name in sorted(order, key=order.__getitem__)])
    return []


def _names(panel: LinePanel, looks: dict[str, Look]) -> list[LineName]:
    names = []
    for line in panel.lines:
        if line.end is not None:
            look = looks[line.technique]
            names.append(LineName(line.technique, line.name(look), look.color, *line.end))
    if panel.dense is not None and names:
        names.append(LineName("dense", "dense", GRAY, max(name.x for name in names), panel.dense.middle))
    return names
