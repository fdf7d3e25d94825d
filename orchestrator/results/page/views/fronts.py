"""What a cost buys: accuracy against search cost, weights and multiply-adds, with the Pareto front of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.results.efficient import efficient
from orchestrator.results.figures.knees import Knee, name_knees, with_air
from orchestrator.results.page.canvas import INK, TEXT, Ink, canvas, fit_heights, name_axes, name_panel, plain_log_scale
from orchestrator.results.page.canvas import line as draw_line
from orchestrator.results.page.grids import Grid, Group
from orchestrator.results.page.tables import Cell, DataTable, MarkedCell, epochs, percent, signed
from orchestrator.results.page.views.view import View
from orchestrator.results.wording import labels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = 3


def search_cost_view(grid: Grid, ink: Ink) -> View:
    """Change against epochs of retraining: a panel for each of a few compressions, or one of all if budgets are single.

    A panel of several compressions makes sense only where budgets do not vary: the points of a line are then
    compressions.
    """
    title, labels = f"{grid.name} against search cost", labels_of(grid.section)
    reading = (
        "Each point is the median of one technique at one budget; a line joins the budgets of a technique. The search "
        "cost is all the retraining that leads to a cell: iterative pruning pays for every round, and "
        "reinitialization pays for the dense training again. The stepped line is the Pareto front: the "
        f"{grid.metric.best} {grid.metric.title} for that cost or less."
    )
    done = [group for group in grid.groups.values() if group.complete]
    if not done:
        return View(title, reading, missing="No cell is complete.")
    if all(len(grid.budgets(technique)) == 1 for technique in grid.section.techniques):
        reading = reading.replace("the budgets of a technique", "the compressions of a technique")
        front = pareto(grid, done, _search_cost)
        figures = [_search_cost_figure(grid, ink, done, front, "all compressions")]
        table = _search_cost_table(grid, dict.fromkeys(grid.section.compressions, front))
        return View(title, reading, figures, tables=[table])
    fronts: dict[float, list[Group]] = {}
    figures = []
    for compression in few(grid.section.compressions):
        groups = [group for group in done if group.compression == compression]
        if groups:
            fronts[compression] = pareto(grid, groups, _search_cost)
            figures.append(_search_cost_figure(grid, ink, groups, fronts[compression], labels[compression]))
    if len(fronts) < len(grid.section.compressions):
        reading += f" Shown at {', '.join(labels[compression] for compression in fronts)}."
    return View(title, reading, figures, tables=[_search_cost_table(grid, fronts)])


def pareto_view(grid: Grid, ink: Ink) -> View:
    """Change against what is left of the weights and of the multiply-adds, at the chosen budgets."""
    groups = [group for c in grid.section.compressions for group in grid.column(c) if group.complete]
    title = f"{grid.name} against size"
    reading = (
        "Each point is the median of one technique at one compression, at the budget that validation chose; smaller is "
        f"to the left. The stepped line is the Pareto front: the {grid.metric.best} {grid.metric.title} for that size "
        f"or less, with the compressions of its knees, below which {grid.metric.title} {grid.metric.worsens} faster. "
        "Multiply-adds "
        "are theoretical: those of each layer times its share of weights kept."
    )
    if not groups:
        return View(title, reading, missing="No cell is complete.")
    by_weights = pareto(grid, groups, lambda group: group.weights_kept)
    figures = [
        _pareto_figure(grid, ink, groups, by_weights, lambda group: group.weights_kept, "weights kept, percent"),
    ]
    by_operations: list[Group] = []
    counted = [group for group in groups if group.operations_kept is not None]
    if counted:
        by_operations = pareto(grid, counted, _operations)
        words = "theoretical multiply-adds, percent of dense"
        figures.append(_pareto_figure(grid, ink, counted, by_operations, _operations, words))
    return View(title, reading, figures, tables=[_size_table(grid, groups, by_weights, by_operations)])


def _size_table(
    grid: Grid, groups: Sequence[Group], by_weights: Sequence[Group], by_operations: Sequence[Group]
) -> DataTable:
    """A row for each group; without multiply-adds where none are known."""
    labels = labels_of(grid.section)
    counted = bool(by_operations)
    rows: list[list[Cell]] = []
    for group in groups:
        operations = [percent(group.operations_kept)] if counted else []
        rows.append(
            [
                *(group.technique, labels[group.compression], group.budget, percent(group.weights_kept)),
                *(*operations, epochs(group.search_cost)),
                MarkedCell(signed(group.change.median, grid.decimals), "best" if group in by_weights else ""),
                _fronts(group, by_weights, by_operations),
            ]
        )
    header = ["technique", "compression", "budget", "weights kept", *(["multiply-adds"] if counted else [])]
    header += ["search cost, epochs", "median change", "on the front of"]
    return DataTable(f"Median change from the dense network ({grid.unit}) by size", header, rows)


def _search_cost_table(grid: Grid, fronts: Mapping[float, Sequence[Group]]) -> DataTable:
    """A row for each technique and budget; with its search cost in the cells if that depends on the compression."""
    labels = labels_of(grid.section)
    in_cells = grid.section.schedule == "iterative"
    rows: list[list[Cell]] = []
    for technique in grid.section.techniques:
        for budget in grid.budgets(technique):
            groups = [grid.groups.get((technique, compression, budget)) for compression in fronts]
            costs = [] if in_cells else [next((epochs(group.search_cost) for group in groups if group), "")]
            cells = [
                _cost_cell(grid, group, front, in_cells) for group, front in zip(groups, fronts.values(), strict=True)
            ]
            rows.append([technique, budget, *costs, *cells])
    caption = f"Median change from the dense network, {grid.unit}; bold: on the Pareto front"
    header = ["technique", "budget", *([] if in_cells else ["search cost, epochs"])]
    return DataTable(caption, [*header, *(labels[compression] for compression in fronts)], rows)


def _cost_cell(grid: Grid, group: Group | None, front: Sequence[Group], with_cost: bool) -> Cell:
    if group is None:
        return ""
    if not group.complete:
        return f"{group.score.n}/{group.score.n_expected}"
    note = f"{epochs(group.search_cost)} ep" if with_cost else ""
    return MarkedCell(signed(group.change.median, grid.decimals), "best" if group in front else "", note)


def few(compressions: Sequence[float], most: int = _PANELS) -> list[float]:
    """At most so many compressions, evenly spaced, the largest among them."""
    count = len(compressions)
    if count <= most:
        return list(compressions)
    return [compressions[round((number + 1) * count / most) - 1] for number in range(most)]


def pareto(grid: Grid, groups: Sequence[Group], cost: Callable[[Group], float]) -> list[Group]:
    """The groups whose median change no other one reaches at the same cost or less, by cost."""
    return efficient(groups, cost, lambda group: grid.metric.gain(_height(group)))


def _height(group: Group) -> float:
    change = group.change.median
    assert change is not None  # only complete groups are compared
    return change


def _search_cost(group: Group) -> float:
    return group.search_cost


def _operations(group: Group) -> float:
    share = group.operations_kept
    assert share is not None
    return share


def _search_cost_figure(grid: Grid, ink: Ink, groups: Sequence[Group], front: Sequence[Group], label: str) -> str:
    figure, axes = canvas()
    plain_log_scale(axes, [group.search_cost for group in groups])
    for technique in grid.section.techniques:
        mine = sorted((g for g in groups if g.technique == technique), key=lambda group: group.search_cost)
        if mine:
            draw_line(axes, ink, technique, [(group.search_cost, _height(group)) for group in mine], alpha=0.9)
    _draw_front(axes, [group.search_cost for group in front], front)
    name_panel(axes, label)
    fit_heights(axes, [_height(group) for group in groups], grid.section)
    name_axes(axes, "search cost, epochs of retraining", grid.change_label)
    return ink.finish(
        figure, f"{label}: {grid.metric.title} against search cost", f"{grid.section.title}, one line per technique"
    )


def _pareto_figure(
    grid: Grid,
    ink: Ink,
    groups: Sequence[Group],
    front: Sequence[Group],
    share: Callable[[Group], float],
    words: str,
) -> str:
    figure, axes = canvas(440, 290)
    plain_log_scale(axes, [100 * share(group) for group in groups])
    for technique in grid.section.techniques:
        look = ink.looks[technique]
        points = [(100 * share(group), _height(group)) for group in groups if group.technique == technique]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                color=look.color,
                marker=look.marker,
                gid=ink.group(technique),
                zorder=5,
                linestyle="none",
                markersize=5,
                markeredgewidth=0.4,
            )
    _draw_front(axes, [100 * share(group) for group in front], front)
    heights = [_height(group) for group in groups]
    fit_heights(axes, with_air(heights, upward=grid.metric.higher_is_better), grid.section)
    labels = labels_of(grid.section)
    named = [Knee(100 * share(group), _height(group), labels[group.compression]) for group in front]
    name_knees(axes, named, TEXT - 1, INK)
    name_axes(axes, words, grid.change_label)
    return ink.finish(
        figure, f"{grid.name} against {words}", f"{grid.section.title}, one point per technique and ratio"
    )


def _draw_front(axes: Axes, costs: Sequence[float], front: Sequence[Group]) -> None:
    """A step from each member of the front to the next, and on to the right edge."""
    heights = [_height(group) for group in front]
    axes.plot(
        [*costs, axes.get_xlim()[1]],
        [*heights, heights[-1]],
        color=INK,
        linewidth=1,
        drawstyle="steps-post",
        alpha=0.7,
        zorder=4,
    )


def _fronts(group: Group, by_weights: Sequence[Group], by_operations: Sequence[Group]) -> str:
    names = [name for name, front in (("weights", by_weights), ("multiply-adds", by_operations)) if group in front]
    return ", ".join(names)
