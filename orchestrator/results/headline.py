"""How far each technique compresses a network before its accuracy falls below the dense one's: one figure each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.results.grid import Section, TableCell
from orchestrator.results.report import Report
from orchestrator.results.rows import Filters
from orchestrator.results.sheets import Cell, Number, Printout, Sheet
from orchestrator.results.statistics import ACCURACY, SECTION, summarize
from orchestrator.results.table import table
from orchestrator.results.wording import budget_rule, labels_of
from workers.errors import InputError
from workers.techniques import in_order
from workers.text import plural

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ROUNDING = 1e-9
_BUDGETS = ("best", "single")


class Reach(NamedTuple):
    """The largest compression within the tolerance, and the cell there; `cell` is null where no compression is."""

    label: str
    cell: TableCell | None = None
    change: float | None = None


_NOWHERE = Reach("–")


@dataclass(frozen=True, slots=True)
class Limits:
    """One grid: how far each technique reaches under each budget rule, by (technique, rule).

    `maximum` is the largest compression of the grid, `spread` the median over its cells of maximum − minimum of the
    replicates, and `unfinished` how many cells lack replicates and were left out.
    """

    section: Section
    reaches: Mapping[tuple[str, str], Reach]
    maximum: str
    spread: float | None
    unfinished: int


@dataclass(frozen=True, slots=True)
class Headline(Report):
    """What `headline` gives. Prints as text. `unreadable` are files of a store that were skipped (path: reason)."""

    tolerance: float
    limits: tuple[Limits, ...]
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def printout(self) -> Printout:
        within = f" less {self.tolerance:g} points" if self.tolerance else ""
        return Printout(
            heading=f"Largest compression at which the median accuracy still is that of the dense networks{within}",
            protocol=[
                "median test accuracy of replicates against the median of the dense networks; "
                "two figures, best / single",
                "; ".join(f"{rule}: {budget_rule(rule)}" for rule in _BUDGETS),
            ],
            sheets=[self._sheet()],
            notes=self._notes(),
        )

    def _sheet(self) -> Sheet:
        """One list: a line for each grid, and in it two figures for each technique."""
        techniques = in_order(technique for limits in self.limits for technique in limits.section.techniques)
        return Sheet(
            title="",
            captions=(),
            header=("grid [its largest]", *techniques, "spread"),
            lines=[self._line(limits, techniques) for limits in self.limits],
        )

    def _line(self, limits: Limits, techniques: Sequence[str]) -> list[Cell]:
        section = limits.section
        varying = [name for name in SECTION if len({one.section.place[name] for one in self.limits}) > 1]
        named = [text for name, text in section.place.items() if name in varying or name in ("network", "schedule")]
        cells: list[Cell] = [f"{' · '.join(named)} [{limits.maximum}]"]
        for technique in techniques:
            reaches = [limits.reaches.get((technique, rule)) for rule in _BUDGETS]
            cells.append(" / ".join(reach.label for reach in reaches if reach) or "n/a")
        unit = "" if section.metric == ACCURACY else section.metric
        return [*cells, Number("–") if limits.spread is None else Number(f"{limits.spread:.2f}", unit)]

    def _notes(self) -> list[str]:
        notes = [
            "–: at no compression of the grid; n/a: not in the grid; the grid's largest compression is a lower bound.",
            "spread: median over the cells of maximum − minimum of the replicates, points. A median so near the dense "
            "level falls on either side of it by chance: one step of the grid more or less is normal. "
            "`--tolerance 0.25` forgives a quarter of a point.",
        ]
        unfinished = sum(limits.unfinished for limits in self.limits)
        if unfinished:
            notes.append(f"Left out for missing replicates: {plural(unfinished, 'cell')}; figures may still grow.")
        return notes

    @property
    def settings(self) -> dict[str, Any]:
        return {"tolerance": self.tolerance, "statistic": "median"}

    def rows(self) -> list[dict[str, Any]]:
        """One row for each grid and technique; compressions are null where none is within the tolerance."""
        return [self._row(limits, technique) for limits in self.limits for technique in limits.section.techniques]

    def _row(self, limits: Limits, technique: str) -> dict[str, Any]:
        section = limits.section
        row = section.place | {"technique": technique, "tolerance": self.tolerance, "unit": section.unit("delta")}
        row |= {"largest_in_grid": max(section.compressions), "spread": limits.spread}
        for rule in _BUDGETS:
            _, cell, change = limits.reaches.get((technique, rule), _NOWHERE)
            row[f"{rule}_compression"] = cell.compression if cell else None
            row[f"{rule}_budget"] = cell.budget if cell else None
            row[f"{rule}_change"] = change
        return row


def headline(results: pa.Table | pd.DataFrame, *, tolerance: float = 0.0, filters: Filters | None = None) -> Headline:
    """The largest compression at which each technique's median accuracy is at least the dense median − `tolerance`.

    `tolerance` is in points (BLEU for gnmt); `results` and `filters` are those of `table`. Once with the budget that
    validation chooses and once with one fixed budget (`orchestrator.results.budgets`), as in the paper's comparison.
    Raises InputError as `table` does, for a negative tolerance, and where no network was pruned.
    """
    if not 0 <= tolerance < math.inf:
        raise InputError(
            f"`tolerance` cannot be {tolerance:g}", hint="it is what accuracy may lose, in points: 0 or more"
        )
    best, single = (table(results, budget=rule, filters=filters).sections for rule in _BUDGETS)
    limits = []
    for section in best:
        fixed = [other for other in single if other.title == section.title]
        if section.cells:
            limits.append(_limits(section, [section, *fixed], tolerance))
    if not limits:
        raise InputError("no pruned network to judge", hint="`prunesweep status` shows what there is")
    return Headline(tolerance, tuple(limits))


def _limits(section: Section, by_rule: Sequence[Section], tolerance: float) -> Limits:
    labels = labels_of(section)
    reaches = {
        (technique, rule): _reach(chosen, technique, labels, tolerance)
        for technique in section.techniques
        for rule, chosen in zip(_BUDGETS, by_rule, strict=False)
    }
    spreads = [
        cell.summary.maximum - cell.summary.minimum
        for cell in section.cells.values()
        if cell.summary.maximum is not None and cell.summary.minimum is not None and cell.summary.n > 1
    ]
    return Limits(
        section=section,
        reaches=reaches,
        maximum=labels[max(labels)],
        spread=summarize(spreads).median,
        unfinished=sum(not cell.summary.complete for cell in section.cells.values()),
    )


def _reach(section: Section, technique: str, labels: Mapping[float, str], tolerance: float) -> Reach:
    level = section.dense.median
    reach = _NOWHERE
    for compression in section.compressions:
        cell = section.cells.get((technique, compression))
        if cell is None or cell.summary.median is None or level is None:
            continue
        change = cell.summary.median - level
        if change >= -tolerance - _ROUNDING:
            reach = Reach(labels[compression].removesuffix("×"), cell, change)
    return reach
