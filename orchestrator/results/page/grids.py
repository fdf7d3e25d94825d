"""The rows of a page as grids: every budget of every cell, with its replicates in order."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import pyarrow as pa

from orchestrator.planning.select import selector
from orchestrator.results.grid import Section, TableCell
from orchestrator.results.page.text import first_upper
from orchestrator.results.statistics import SECTION, ReplicateSummary, summarize
from orchestrator.results.table import table
from orchestrator.results.wording import direction
from workers.metrics.facts import MetricFacts

Record = Mapping[str, Any]
Place = tuple[str, float, str]
"""Technique, compression and budget."""


@dataclass(frozen=True, slots=True)
class Group:
    """One technique at one compression and budget: its rows by replicate, scores and changes as they are shown.

    Both are null for a replicate that is not done or not a number; changes also without its dense network.
    """

    technique: str
    compression: float
    budget: str
    rows: tuple[Record, ...]
    scores: tuple[float | None, ...]
    changes: tuple[float | None, ...]

    @property
    def score(self) -> ReplicateSummary:
        return summarize(self.scores)

    @property
    def change(self) -> ReplicateSummary:
        return summarize(self.changes)

    @property
    def complete(self) -> bool:
        """Whether every replicate and its dense network have a score."""
        return None not in self.scores and None not in self.changes

    @property
    def failed(self) -> bool:
        """Whether a replicate has failed or is blocked by a failure."""
        return any(row["failure"] is not None for row in self.rows)

    @property
    def search_cost(self) -> float:
        """Epochs of retraining up to these cells."""
        return float(self.rows[0]["search_cost_epochs"])

    @property
    def budget_epochs(self) -> float:
        return float(self.rows[0]["budget_epochs"])

    @property
    def seconds(self) -> float | None:
        """The median time of its trials up to these cells; null where it is unknown."""
        return middle(row.get("wall_seconds") for row in self.rows)

    @property
    def weights_kept(self) -> float:
        """The median share of the prunable weights, as measured, else as asked for."""
        achieved = middle(row.get("achieved_density") for row in self.rows)
        return float(self.rows[0]["density"]) if achieved is None else achieved

    @property
    def operations_kept(self) -> float | None:
        """The median share of the multiply-adds (of the study's own count, if only that is known) in theory."""
        for name in ("multiply_adds", "paper_flops"):
            shares = [_ratio(row.get(f"sparse_{name}"), row.get(name)) for row in self.rows]
            share = middle(shares)
            if share is not None:
                return share
        return None


@dataclass(frozen=True, slots=True)
class Grid:
    """One grid of a page: its section, whose cells are changes at the budget that validation chose, and all groups."""

    section: Section
    groups: Mapping[Place, Group]
    dense_sd: float | None

    @property
    def paired(self) -> bool:
        """Whether the dense network of each replicate is known."""
        return all(row.get("dense_trial") for group in self.groups.values() for row in group.rows)

    def chosen(self, cell: TableCell) -> Group:
        """The group behind a cell of the section."""
        return self.groups[cell.technique, cell.compression, str(cell.budget)]

    def at(self, technique: str, compression: float) -> Group | None:
        """The group at the budget that validation chose; null where the grid does not have the cell."""
        cell = self.section.cells.get((technique, compression))
        return None if cell is None else self.chosen(cell)

    def column(self, compression: float) -> list[Group]:
        """The chosen groups at a compression, by technique."""
        groups = [self.at(technique, compression) for technique in self.section.techniques]
        return [group for group in groups if group is not None]

    def budgets(self, technique: str) -> list[str]:
        """The budgets of a technique, the shortest first."""
        epochs = {g.budget: g.budget_epochs for g in self.groups.values() if g.technique == technique}
        return sorted(epochs, key=lambda budget: (epochs[budget], budget))

    @property
    def unit(self) -> str:
        """`points`, or the unit of another metric."""
        return self.section.unit("delta")

    @property
    def change_label(self) -> str:
        """What an axis with changes shows: `change, points`."""
        return f"change, {self.unit}{direction([self.section])}"

    @property
    def name(self) -> str:
        """The name of the metric, at the beginning of a title."""
        return first_upper(self.section.metric.title)

    @property
    def metric(self) -> MetricFacts:
        return self.section.metric

    @property
    def decimals(self) -> int:
        return self.section.decimals


def read_grids(rows: pa.Table, filters: str | None) -> list[Grid]:
    """The grids with pruned networks. Raises InputError as `table` does."""
    shown = table(rows, value="delta", budget="best", filters=filters)
    sections = [section for section in shown.sections if section.cells]
    keep = selector(filters) if filters else lambda row: True
    groups = _groups(filter(keep, rows.to_pylist()), {section.title: section for section in sections})
    return [Grid(section, groups[section.title], section.dense.sd) for section in sections]


def _groups(rows: Iterable[Record], sections: Mapping[str, Section]) -> dict[str, dict[Place, Group]]:
    members: dict[str, dict[Place, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        title = " · ".join(row[name] for name in SECTION)
        section = sections.get(title)
        if section is not None and (row["technique"], row["compression"]) in section.cells:
            members[title][row["technique"], row["compression"], row["budget"]].append(row)
    return {
        title: {place: _group(place, group, sections[title].metric) for place, group in places.items()}
        for title, places in members.items()
    }


def _group(place: Place, rows: Sequence[Record], metric: MetricFacts) -> Group:
    ordered = tuple(sorted(rows, key=lambda row: row["replicate"]))
    return Group(
        *place,
        rows=ordered,
        scores=tuple(_scaled(row["test_score"], metric.scale) for row in ordered),
        changes=tuple(_scaled(row["delta_test_score"]) for row in ordered),
    )


def _scaled(score: float | None, scale: float = 1.0) -> float | None:
    return None if score is None or math.isnan(score) else score * scale


def middle(values: Iterable[float | None]) -> float | None:
    """The median of the values that are known; null without any."""
    present = [value for value in values if value is not None]
    return median(present) if present else None


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
