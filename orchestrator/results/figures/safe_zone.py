"""Where rewinding is safe, and where it dominates: a technique against fine-tuning for each budget and compression.

Renda, Frankle, Carbin 2020 compare medians. A cell is safe if the technique is at least as good as fine-tuning for that
time or any shorter one, and dominant if it is at least as good as fine-tuning for any time of the grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.results.baseline import BASELINE
from orchestrator.results.figures.accuracy import place_title
from orchestrator.results.figures.chart import Chart, ColumnCount
from orchestrator.results.figures.heat_map import HeatMap, HeatPanel, draw
from orchestrator.results.figures.looks import looks_of
from orchestrator.results.figures.points import SAFE_ZONE, BudgetGrid, read_grids
from orchestrator.results.load import Results
from orchestrator.results.statistics import Split
from orchestrator.results.wording import compression_labels, titles, units
from workers.errors import InputError
from workers.metrics.facts import MetricFacts

Mode = Literal["safety", "dominance"]

LIMIT = 1.0  # points at the ends of the color scale, as in the figures of the study
_ROUNDING = 1e-9  # scores are fractions of whole examples
_WORDS: dict[Mode, str] = {
    "safety": "for the same time or any shorter one",
    "dominance": "for any time",
}


@dataclass(frozen=True, slots=True)
class Lead:
    """How far a technique is ahead of the best fine-tuning, for each (budget in epochs, compression).

    Null where a replicate of either is missing.
    """

    technique: str
    budgets: tuple[float, ...]
    compressions: tuple[float, ...]
    values: Mapping[tuple[float, float], float | None]

    @property
    def known(self) -> list[float]:
        return [value for value in self.values.values() if value is not None]

    @property
    def at_least_as_good(self) -> int:
        """In how many cells."""
        return sum(value >= -_ROUNDING for value in self.known)


def leads(grid: BudgetGrid, mode: Mode) -> list[Lead]:
    """What each technique is ahead by; empty for a grid without fine-tuning or with nothing to compare to it."""
    metric = grid.section.metric
    medians = {
        (cell.technique, cell.epochs, cell.compression): _gain(metric, cell.summary.median) for cell in grid.cells
    }
    if BASELINE not in grid.techniques:
        return []
    return [
        Lead(
            technique=technique,
            budgets=tuple(grid.budgets),
            compressions=grid.section.compressions,
            values={
                (budget, compression): _difference(
                    medians.get((technique, budget, compression)), _best(medians, grid, budget, compression, mode)
                )
                for budget in grid.budgets
                for compression in grid.section.compressions
            },
        )
        for technique in grid.techniques
        if technique != BASELINE
    ]


def safe_zone(
    results: Results,
    *,
    mode: Mode = "safety",
    techniques: Sequence[str] | None = None,
    split: Split = "test",
    filters: Mapping[str, Any] | str | None = None,
    columns: ColumnCount | None = None,
    caption: bool = True,
) -> Chart:
    """Budget × compression: how far each technique is ahead of the best fine-tuning, with the number in each cell.

    `mode` is what it is compared to: fine-tuning for at most the same time (`safety`), or for any (`dominance`).
    `techniques` are those to show, by default all; the other arguments are those of `accuracy_vs_compression`.
    Raises InputError as `table` does, and if there is nothing to draw.
    """
    grids = read_grids(results, "score", split, filters)
    sections = [grid.section for grid in grids]
    shown = [
        (grid, lead)
        for grid in grids
        for lead in leads(grid, mode)
        if techniques is None or lead.technique in techniques
    ]
    if not shown:
        raise InputError(f"nothing to compare with `{BASELINE}`", hint=f"add `{BASELINE}` to the grid")
    looks = looks_of(lead.technique for _, lead in shown)
    panels = [
        _panel(grid, lead, f"{place_title(grid.section, sections)} · {looks[lead.technique].name}")
        for grid, lead in shown
    ]
    return draw(HeatMap(_title(mode, grids), _caption(mode, split, shown), panels), columns, caption=caption)


def _best(
    medians: Mapping[tuple[str, float, float], float | None],
    grid: BudgetGrid,
    budget: float,
    compression: float,
    mode: Mode,
) -> float | None:
    """The best fine-tuning for at most a budget, or for any; null where one of them is incomplete."""
    budgets = [epochs for epochs in grid.budgets if mode == "dominance" or epochs <= budget]
    scores = [medians.get((BASELINE, epochs, compression)) for epochs in budgets]
    known = [score for score in scores if score is not None]
    return max(known) if len(known) == len(scores) else None


def _gain(metric: MetricFacts, score: float | None) -> float | None:
    return None if score is None else metric.gain(score)


def _difference(score: float | None, best: float | None) -> float | None:
    return None if score is None or best is None else score - best


def _panel(grid: BudgetGrid, lead: Lead, title: str) -> HeatPanel:
    low, high = SAFE_ZONE
    epochs = grid.dense_epochs
    return HeatPanel(
        title=f"{title}: {lead.at_least_as_good} of {len(lead.values)} cells",
        limit=LIMIT * grid.section.point,
        technique=lead.technique,
        rows=[f"{budget:g}" for budget in lead.budgets],
        columns=compression_labels(lead.compressions),
        values=[[lead.values[budget, ratio] for ratio in lead.compressions] for budget in lead.budgets],
        zone=[low * epochs - _ROUNDING <= budget <= high * epochs + _ROUNDING for budget in lead.budgets]
        if epochs
        else (),
    )


def _title(mode: Mode, grids: Sequence[BudgetGrid]) -> str:
    sections = [grid.section for grid in grids]
    what = f"{titles(sections)} of each technique relative to the best of fine-tuning {_WORDS[mode]}"
    return f"{mode.capitalize()}: {what}{units(sections, 'delta')}"


def _caption(mode: Mode, split: Split, shown: Sequence[tuple[BudgetGrid, Lead]]) -> str:
    low, high = SAFE_ZONE
    in_points = all(grid.section.metric.is_out_of_100 for grid, _ in shown)
    sentences = [
        f"Medians of {split} scores relative to the best fine-tuning {_WORDS[mode]}; the title counts the cells that",
        f"are at least as good. Between the dashed lines: budgets of {low:.0%} to {high:.0%} of the dense training.",
        f"Colors end at ±{LIMIT:g}{'' if in_points else '% of the dense score'}.",
    ]
    if not all(grid.section.metric.higher_is_better for grid, _ in shown):
        sentences.append("A positive number is an improvement, also where lower scores are better.")
    if any(len(lead.known) < len(lead.values) for _, lead in shown):
        sentences.append("Hatched: replicates are missing.")
    return " ".join(sentences)
