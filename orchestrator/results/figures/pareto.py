"""What accuracy a size or a cost can buy: every cell as a point, and the Pareto front as steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from orchestrator.results.efficient import efficient
from orchestrator.results.figures import chart as charts
from orchestrator.results.figures import scales
from orchestrator.results.figures.accuracy import place_title
from orchestrator.results.figures.chart import HEIGHT, LINE, TEXT, WIDTHS, Chart, ColumnCount
from orchestrator.results.figures.knees import Knee, name_knees, with_air
from orchestrator.results.figures.looks import INK, Look, looks_of
from orchestrator.results.figures.points import BudgetCell, BudgetGrid, read_grids
from orchestrator.results.figures.tags import tag
from orchestrator.results.load import Results
from orchestrator.results.statistics import Split
from orchestrator.results.wording import axis_label, best_word, compression_labels, measure, titles
from workers.errors import InputError

Against = Literal["weights", "multiply_adds", "epochs"]

_X_LABELS: dict[Against, str] = {
    "weights": "weights kept, percent",
    "multiply_adds": "theoretical multiply-adds of one example",
    "epochs": "search cost, epochs",
}


class ParetoPoint(NamedTuple):
    """A complete cell: its size or cost, and its median score, as it is shown; `gain` is higher where it is better."""

    technique: str
    x: float
    y: float
    gain: float
    compression: float


def pareto(
    results: Results,
    *,
    against: Against = "weights",
    split: Split = "test",
    filters: Mapping[str, Any] | str | None = None,
    columns: ColumnCount | None = None,
    caption: bool = True,
) -> Chart:
    """Median accuracy of every cell and budget against the weights kept, the multiply-adds or the search cost.

    A panel for each grid. The steps are the Pareto front: the highest accuracy for that size or less. Other arguments
    are those of `accuracy_vs_compression`. Raises InputError as `table` does, and if there is nothing to draw.
    """
    grids = read_grids(results, "score", split, filters)
    shown = [(grid, points) for grid in grids if (points := points_of(grid, against))]
    if not shown:
        raise InputError(f"no complete cell has its {against.replace('_', ' ')}", hint="choose another `against`")
    sections = [grid.section for grid, _ in shown]
    columns = columns or (1 if len(shown) == 1 else 2)
    rows = math.ceil(len(shown) / columns)
    headings = [charts.title_lines(place_title(section, sections), WIDTHS[columns] / columns) for section in sections]
    words = f"Points: medians of every technique, compression and budget; {split} split. Steps: the Pareto front, the "
    words += f"{best_word(sections)} {titles(sections)} for that value or less, with the compressions of its knees."
    lines = rows * (max(map(len, headings)) - 1) + (len(charts.wrap(words, WIDTHS[columns], TEXT)) if caption else 0)
    title = f"{measure(sections, 'accuracy', split)}, against {_X_LABELS[against]}"
    chart = Chart(columns, rows * HEIGHT + lines * LINE, title=title, caption=words)
    looks = looks_of(point.technique for _, points in shown for point in points)
    grid_of_axes = charts.panels(chart, len(shown), columns)
    for axes, (grid, points), lines_of_title in zip(grid_of_axes, shown, headings, strict=True):
        _draw(axes, points, looks)
        charts.set_title(axes, lines_of_title)
        charts.label_axes(axes, _X_LABELS[against], axis_label(grid.section, "score", split))
    if caption:
        charts.write_caption(chart)
    line = Line2D([], [], color=INK, linewidth=0.9, label="Pareto front")
    charts.legend(chart, [*map(_handle, looks.values()), line])
    chart.lay_out()
    for axes, (grid, points) in zip(grid_of_axes, shown, strict=True):
        upward = grid.section.metric.higher_is_better
        heights = with_air([point.y for point in points], upward=upward)
        scales.hug(axes, [point.x for point in points], heights, upward=upward)
    chart.lay_out()
    for axes, (_, points) in zip(grid_of_axes, shown, strict=True):
        _name_knees(axes, points)
    return chart


def points_of(grid: BudgetGrid, against: Against) -> list[ParetoPoint]:
    """The complete cells of a grid that have the quantity."""
    points = []
    for cell in grid.cells:
        x = _quantity(cell, against)
        if x and cell.summary.median is not None:
            score = cell.summary.median
            points.append(ParetoPoint(cell.technique, x, score, grid.section.metric.gain(score), cell.compression))
    return points


def front(points: Sequence[ParetoPoint]) -> list[ParetoPoint]:
    """The points that no other one beats with as little or less, in order of x."""
    return efficient(points, attrgetter("x"), attrgetter("gain"))


def _name_knees(axes: Axes, points: Sequence[ParetoPoint]) -> None:
    members = front(points)
    labels = compression_labels([point.compression for point in members])
    named = [Knee(point.x, point.y, label) for point, label in zip(members, labels, strict=True)]
    name_knees(axes, named, TEXT, INK)


def _quantity(cell: BudgetCell, against: Against) -> float | None:
    if against == "weights":
        return 100 / cell.compression
    return cell.multiply_adds if against == "multiply_adds" else cell.cost


def _draw(axes: Axes, points: Sequence[ParetoPoint], looks: Mapping[str, Look]) -> None:
    steps = front(points)
    for point in points:
        look = looks[point.technique]
        dot = axes.scatter(
            point.x,
            point.y,
            s=14,
            marker=look.marker,
            color=look.color,
            alpha=1.0 if point in steps else 0.3,
            linewidths=0,
            zorder=4 if point in steps else 3,
        )
        tag(dot, point.technique, "point")
    axes.step([point.x for point in steps], [point.y for point in steps], where="post", color=INK, linewidth=0.9)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _plain(x)))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))


def _handle(look: Look) -> Line2D:
    """What the legend shows for a technique."""
    return Line2D([], [], color=look.color, marker=look.marker, markersize=4, linestyle="none", label=look.name)


def _plain(value: float) -> str:
    """`20`, `2 M`: without exponents."""
    for unit, size in ((" G", 1e9), (" M", 1e6), (" k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
