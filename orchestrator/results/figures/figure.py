"""Accuracy against compression as a figure for print: a line for each technique, a panel for each grid and budget.

Color is never the only distinction: each technique also has its own marker and dash. Drawn with matplotlib's objects,
without its global state.
"""

from __future__ import annotations

import io
import math
import os
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.results.figures import labels
from orchestrator.results.figures.panel import SMALL, Look, Panel, draw
from orchestrator.results.grid import Section, differing
from orchestrator.results.statistics import Split, Value
from orchestrator.results.table import Table, table
from orchestrator.results.wording import budget_rule, measure
from workers.errors import InputError
from workers.paths import expanded
from workers.store.local import LocalFiles

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = (4.8, 3.6)  # inches
_MEDIUM, _LARGE = 9, 11  # points
_DARK = "#333333"

LOOKS = {  # the palette of Okabe and Ito, without its yellow
    "fine_tuning": Look("fine-tuning", "#D55E00", "s", (0, (5, 2))),
    "weight_rewinding": Look("weight rewinding", "#0072B2", "^", (0, (1.5, 1.5))),
    "lr_rewinding": Look("LR rewinding", "#009E73", "o", "solid"),
    "low_lr_weight_rewinding": Look("low-LR weight rewinding", "#56B4E9", "v", (0, (5, 2, 1, 2))),
    "reinitialization": Look("reinitialization", "#CC79A7", "D", (0, (8, 2))),
    "scaled_lr_restarting": Look("scaled LR restarting", "#E69F00", "P", (0, (3, 1))),
    "cyclic_lr_restarting": Look("cyclic LR restarting", "#000000", "X", (0, (1, 1))),
    "linear_lr_restarting": Look("linear LR restarting", "#8C510A", "h", (0, (6, 1, 1, 1))),
    "adaptive_linear_lr_restarting": Look("adaptive linear LR restarting", "#5E3C99", "p", (0, (4, 1, 1, 1, 1, 1))),
}
_FURTHER = (("#666666", "<", (0, (3, 1))), ("#B15928", ">", (0, (1, 1))), ("#F0E442", "8", (0, (3, 1, 1, 1))))


def accuracy_vs_compression(
    results: pa.Table | pd.DataFrame,
    *,
    budget: str | Sequence[str] | None = None,
    value: Value = "delta",
    split: Split = "test",
    filters: Mapping[str, Any] | str | None = None,
) -> Figure:
    """Medians over replicates against compression, with min-max bands, every replicate, and the dense networks.

    One panel for each section of `table`, and for each budget where several are given; arguments are those of
    `table`. A cell with missing replicates has only hollow dots; a single replicate has no band.
    Raises InputError as `table` does, and if there is nothing to draw.
    """
    from matplotlib.figure import Figure

    budgets = [budget] if budget is None or isinstance(budget, str) else budget
    tables = [table(results, value=value, budget=name, split=split, filters=filters) for name in budgets]
    panels = [Panel(shown, section) for shown in tables for section in shown.sections if section.cells]
    if not panels:
        raise InputError("no pruned network to draw", hint="`prunesweep status` shows how far sweeps are")
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows + 0.7), layout="constrained")
    looks = _looks(panel.section for panel in panels)
    drawn = _draw_panels(figure, panels, looks, (rows, columns))
    _label_axes(drawn, columns)
    figure.suptitle(
        measure(tables[0].sections, value, split),
        x=0.01,
        horizontalalignment="left",
        fontsize=_LARGE,
        fontweight="bold",
    )
    _caption(figure, panels)
    _name_lines(figure, drawn, looks)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once: drawing again moves nothing
    return figure


def save(figure: Figure, stem: str | os.PathLike[str]) -> list[Path]:
    """Write `<stem>.png` and `<stem>.svg`, each in one step, and return their paths. Equal figures give equal bytes."""
    import matplotlib

    stem = Path(expanded(stem))
    written = []
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        data = io.BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": "prunesweep", "svg.fonttype": "path"}):
            figure.savefig(data, format=suffix, dpi=200, metadata=metadata)
        LocalFiles(stem.parent).write(f"{stem.name}.{suffix}", data.getvalue())
        written.append(stem.parent / f"{stem.name}.{suffix}")
    return written


def _looks(sections: Iterable[Section]) -> dict[str, Look]:
    """The fixed looks, and further ones for other techniques, in order of their names."""
    techniques = {technique for section in sections for technique in section.techniques}
    looks = dict(LOOKS)
    for index, technique in enumerate(sorted(techniques - LOOKS.keys())):
        looks[technique] = Look(technique.replace("_", " "), *_FURTHER[index % len(_FURTHER)])
    return looks


def _draw_panels(
    figure: Figure, panels: Sequence[Panel], looks: Mapping[str, Look], shape: tuple[int, int]
) -> list[tuple[Axes, Panel]]:
    """Draw each panel on axes of its own, in a grid of (rows, columns). Panels of one task share their scales."""
    comparable = len({(panel.section.dataset, panel.section.network) for panel in panels}) == 1
    compressions = [compression for panel in panels for compression in panel.section.compressions]
    grid = figure.subplots(*shape, squeeze=False, sharey=comparable).flatten()
    drawn = list(zip(grid, panels, strict=False))
    for axes, panel in drawn:
        draw(axes, panel, looks, compressions if comparable else panel.section.compressions)
        axes.set_title(_title(panel, panels), loc="left", fontsize=_MEDIUM, parse_math=False)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    return drawn


def _label_axes(drawn: Sequence[tuple[Axes, Panel]], columns: int) -> None:
    """Name the vertical axis of the first column, or of all panels if their metrics differ."""
    metrics = {panel.section.metric for _, panel in drawn}
    for number, (axes, panel) in enumerate(drawn):
        if number % columns == 0 or len(metrics) > 1:
            axes.set_ylabel(_axis_label(panel), fontsize=SMALL)


def _axis_label(panel: Panel) -> str:
    """`change in test accuracy, points`; a metric that is its own unit is named once."""
    change = "change in " if panel.table.value == "delta" else ""
    metric, unit = panel.section.metric, panel.section.unit(panel.table.value)
    return f"{change}{panel.table.split} {metric}" + ("" if unit == metric else f", {unit}")


def _title(panel: Panel, panels: Sequence[Panel]) -> str:
    """Data set, network and schedule, and whatever else differs between panels."""
    columns = {"dataset", "network", "schedule"} | differing(shown.section for shown in panels)
    parts = [text for name, text in panel.section.place.items() if name in columns]
    parts[-1] = parts[-1].replace("_", "-")
    if len({shown.table.budget for shown in panels}) > 1:
        parts.append(_budget(panel.table))
    return " · ".join(parts)


def _budget(shown: Table) -> str:
    return budget_rule(str(shown.budget))


def _caption(figure: Figure, panels: Sequence[Panel]) -> None:
    cells = [cell for panel in panels for cell in panel.section.cells.values()]
    counts = sorted({cell.summary.n_expected for cell in cells})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    lines = (
        f"median of n = {n} replicates; bands: min to max; dots: replicates" if n != "1" else "one replicate (n = 1)"
    )
    budgets = dict.fromkeys(_budget(panel.table) for panel in panels)
    sentences = [
        f"Lines: {lines}; {panels[0].table.split} split; {', '.join(budgets)}.",
        "Gray: the dense networks, median and min to max.",
    ]
    if any(not cell.summary.complete for cell in cells):
        sentences.append("Hollow dots: replicates are missing.")
    if any(cell.sign for cell in cells):
        sentences.append("Lines that coincide may be the same runs; the table marks those.")
    text = "\n".join(textwrap.wrap(" ".join(sentences), int(figure.get_figwidth() * 17)))
    figure.supxlabel(
        text, x=0.01, horizontalalignment="left", fontsize=SMALL, color=_DARK, linespacing=1.3, parse_math=False
    )


def _name_lines(figure: Figure, drawn: Sequence[tuple[Axes, Panel]], looks: Mapping[str, Look]) -> None:
    """Name lines at their ends if all names fit there, else in one legend."""
    figure.draw_without_rendering()
    named = [(axes, _ends(panel, looks)) for axes, panel in drawn]
    if len(drawn) <= 4 and all(labels.fits(axes, ends, SMALL) for axes, ends in named):
        for axes, ends in named:
            labels.write(axes, ends, SMALL)
        return
    handles = {name: line for axes, _ in drawn for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(
        handles=list(handles.values()), loc="outside right center", fontsize=SMALL, frameon=False, handlelength=4
    )


def _ends(panel: Panel, looks: Mapping[str, Look]) -> list[labels.Label]:
    ends = []
    for technique in panel.section.techniques:
        line = [
            (cell.compression, cell.summary.median)
            for (name, _), cell in panel.section.cells.items()
            if name == technique and cell.summary.median is not None
        ]
        if line:
            ends.append(labels.Label(looks[technique].name, looks[technique].color, *max(line)))
    return ends
