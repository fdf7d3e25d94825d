"""How training went: the dense network, and the retraining of each technique with the rewind point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.results.page.canvas import INK, MUTED, TEXT, Ink, canvas, name_axes
from orchestrator.results.page.details import curve_of
from orchestrator.results.page.grids import Grid, Group
from orchestrator.results.page.tables import DataTable, epochs, plain
from orchestrator.results.page.views.view import View
from orchestrator.results.wording import labels_of
from workers.store import Store

_TITLE = "Learning curves"
_MOST = 11  # lines of techniques; with the dense network twelve


@dataclass(frozen=True, slots=True)
class _Curve:
    """A training: the technique (null for the dense network), its start on the axis, and (epoch, point) pairs."""

    technique: str | None
    label: str
    points: Sequence[tuple[float, dict[str, Any]]]


def learning_view(grid: Grid, ink: Ink, store: Store | None) -> View:
    """Training loss and learning rate against epochs, at one compression and the chosen budgets."""
    compression = grid.section.compressions[(len(grid.section.compressions) - 1) // 2]
    label = labels_of(grid.section)[compression]
    reading = (
        f"Training loss and learning rate (both logarithmic) against epochs: first the dense training, in black, then "
        f"one round of retraining to {label} with each technique, at the budget that validation chose; one replicate. "
        "The dashed lines mark the rewind points: where in the dense training a budget goes back to."
    )
    if store is None:
        return View(_TITLE, reading, missing="The published results do not have learning curves.")
    groups = [group for group in grid.column(compression) if group.rows[0]["done"]][:_MOST]
    curves = _curves(store, groups)
    if not curves:
        return View(_TITLE, reading, missing="No record has a learning curve.")
    length = float(groups[0].rows[0]["dense_epochs"] or 0.0)
    rewinds = sorted({length - group.budget_epochs for group in groups if length - group.budget_epochs >= 0})
    figures = [
        _figure(ink, curves, rewinds, "train_loss", "training loss"),
        _figure(ink, curves, rewinds, "learning_rate", "learning rate"),
    ]
    return View(_TITLE, reading, figures, tables=[_table(curves)])


def _curves(store: Store, groups: Sequence[Group]) -> list[_Curve]:
    if not groups:
        return []
    row = groups[0].rows[0]
    length = float(row["dense_epochs"] or 0.0)
    dense = curve_of(store, row, dense=True)
    curves = [_Curve(None, "dense", _placed(dense, 0.0, length / row["dense_step"]))] if dense else []
    for group in groups:
        points = curve_of(store, group.rows[0])
        if points:
            first = group.rows[0]
            placed = _placed(points, length, float(first["epochs"] or 0.0) / first["step"])
            curves.append(_Curve(group.technique, f"{group.technique} {group.budget}", placed))
    return curves


def _placed(points: Sequence[dict[str, Any]], start: float, per_step: float) -> list[tuple[float, dict[str, Any]]]:
    """Points with their place on the axis of epochs."""
    return [(start + per_step * point["step"], point) for point in points]


def _figure(ink: Ink, curves: Sequence[_Curve], rewinds: Sequence[float], column: str, words: str) -> str:
    figure, axes = canvas(480, 260)
    axes.set_yscale("log")
    for curve in curves:
        points = [(x, point[column]) for x, point in curve.points if _drawable(point[column])]
        if not points:
            continue
        look = ink.looks[curve.technique] if curve.technique else None
        axes.plot(
            *zip(*points, strict=True),
            color=look.color if look else INK,
            linestyle=look.dash if look else "solid",
            linewidth=1.5,
            marker="o" if len(points) == 1 else None,
            markersize=4,
            gid=ink.group(curve.technique) if curve.technique else None,
            drawstyle="steps-pre" if column == "learning_rate" else "default",
        )
    end = max(x for curve in curves for x, _ in curve.points)
    axes.set_xlim(0, end)
    for rewind in rewinds:
        axes.axvline(rewind, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    _name_ticks(axes)
    name_axes(axes, "epochs", words)
    return ink.finish(figure, f"Learning curves: {words}", f"{words} of {len(curves)} trainings against epochs")


def _name_ticks(axes: Any) -> None:
    """Powers of ten as plain numbers; evenly spaced ones where the axis has fewer than two of those."""
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_ylim()
    ticks = [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    if len(ticks) < 2:
        ticks = [tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
    axes.set_yticks(ticks, [f"{tick:.5g}" for tick in ticks], fontsize=TEXT - 1)
    axes.set_yticks([], minor=True)


def _drawable(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0


def _table(curves: Sequence[_Curve]) -> DataTable:
    """A row for each point; only a classification has an accuracy."""
    has_accuracy = any(point["train_accuracy"] is not None for curve in curves for _, point in curve.points)
    rows = [
        [
            curve.label,
            epochs(round(x, 3)),
            f"{point['step']:,}",
            "–" if point["learning_rate"] is None else f"{point['learning_rate']:.4g}",
            plain(point["train_loss"], 4),
            *([_percent(point["train_accuracy"])] if has_accuracy else []),
        ]
        for curve in curves
        for x, point in curve.points
    ]
    header = ["training", "epoch", "step", "learning rate", "training loss"]
    header += ["training accuracy, percent"] if has_accuracy else []
    return DataTable("Learning curves, one point per epoch", header, rows)


def _percent(share: float | None) -> str:
    return plain(None if share is None else 100 * share)
