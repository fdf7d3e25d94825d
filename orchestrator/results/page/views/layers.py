"""What is kept of each layer, and which layers collapsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.results.page.canvas import ALARM, INK, Ink, Label, canvas, end_names, name_axes
from orchestrator.results.page.details import LayerDensity, layers_of
from orchestrator.results.page.grids import Grid, Group
from orchestrator.results.page.tables import DataTable, MarkedCell, percent
from orchestrator.results.page.views.fronts import few
from orchestrator.results.page.views.view import View
from orchestrator.results.wording import labels_of
from workers.store import Store

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TITLE = "Weights kept in each layer"
_LINES = 5
_MANY = 24  # layers, from which on their names have no room under the axis


def layers_view(grid: Grid, ink: Ink, store: Store | None) -> View:
    """Density by layer, one line for each of a few compressions, as one technique's masks have it."""
    technique = _technique(grid)
    reading = (
        f"Each line is one compression; each point is the share of a layer's weights that {technique} keeps (median "
        "over replicates), in the order of the network. One-shot masks are the same for techniques that prune "
        "the same dense network. A red cross marks a collapsed layer: one without a single weight left."
    )
    if store is None:
        return View(_TITLE, reading, missing="The published results do not say what is kept of each layer.")
    kept = _kept(grid, technique, store)
    if not any(kept.values()):
        return View(_TITLE, reading, missing="No record has the weights of its layers.")
    return View(_TITLE, reading, [_figure(grid, ink, kept)], tables=[_table(grid, kept)])


def _technique(grid: Grid) -> str:
    """The technique with the largest number of complete cells, the first of several."""
    complete = {
        technique: sum(cell.summary.complete for (name, _), cell in grid.section.cells.items() if name == technique)
        for technique in grid.section.techniques
    }
    return max(complete, key=lambda technique: complete[technique])


def _kept(grid: Grid, technique: str, store: Store) -> dict[float, list[LayerDensity]]:
    groups: dict[float, Group | None] = {c: grid.at(technique, c) for c in grid.section.compressions}
    return {
        compression: layers_of(store, [row for row in group.rows if row["done"]]) if group else []
        for compression, group in groups.items()
    }


def _figure(grid: Grid, ink: Ink, kept: Mapping[float, Sequence[LayerDensity]]) -> str:
    labels = labels_of(grid.section)
    shown = few([compression for compression, layers in kept.items() if layers], _LINES)
    names = [layer.name for layer in kept[shown[0]]]
    floor = _floor(kept)
    figure, axes = canvas(760, 330, right=38)
    axes.set_yscale("log")
    axes.set_ylim(floor, 115)
    axes.set_xlim(-0.4, max(len(names) - 0.6, 0.4))
    ends = []
    for number, compression in enumerate(shown, 1):
        heights = [100 * layer.density or floor for layer in kept[compression]]
        x = list(range(len(heights)))
        axes.plot(
            x, heights, color=INK, linewidth=1.3, marker="o", markersize=3, alpha=0.25 + 0.75 * number / len(shown)
        )
        gone = [index for index, layer in enumerate(kept[compression]) if layer.density == 0]
        axes.plot(gone, [floor] * len(gone), "x", color=ALARM, markersize=9, markeredgewidth=2, zorder=7, clip_on=False)
        ends.append(Label(labels[compression], INK, x[-1], heights[-1]))
    ticks = [tick for tick in (0.01, 0.1, 1, 10, 100) if tick >= floor]
    axes.set_yticks(ticks, [f"{tick:g}%" for tick in ticks])
    axes.set_yticks([], minor=True)
    _name_layers(axes, names)
    name_axes(axes, "layer, in the order of the network", "weights kept, percent")
    end_names(axes, ends)
    return ink.finish(figure, _TITLE, f"{grid.section.title}: density of {len(names)} layers by compression")


def _name_layers(axes: Axes, names: Sequence[str]) -> None:
    """Numbers, one in so many that they have room; the table has the names."""
    every = max(1, -(-len(names) // _MANY))
    shown = range(0, len(names), every)
    axes.set_xticks(shown, [str(index + 1) for index in shown])


def _floor(kept: Mapping[float, Sequence[LayerDensity]]) -> float:
    """The lowest height of the figure, in percent: below every layer that has weights."""
    densities = [layer.density for layers in kept.values() for layer in layers if layer.density > 0]
    return 100 * min(densities, default=0.1) * 0.6


def _table(grid: Grid, kept: Mapping[float, Sequence[LayerDensity]]) -> DataTable:
    labels = labels_of(grid.section)
    columns = {compression: {layer.name: layer.density for layer in layers} for compression, layers in kept.items()}
    names = list(dict.fromkeys(name for densities in columns.values() for name in densities))
    rows = [
        [str(number), name, *(_cell(densities.get(name)) for densities in columns.values())]
        for number, name in enumerate(names, 1)
    ]
    return DataTable("Share of each layer's weights that is kept", ["", "layer", *labels.values()], rows, keys=2)


def _cell(density: float | None) -> str | MarkedCell:
    return MarkedCell("collapsed", "alarm") if density == 0 else percent(density)
