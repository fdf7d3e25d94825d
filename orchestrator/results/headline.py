"""How far each technique can compress a network before its score is worse than that of the dense network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from orchestrator.results.grid import Section, TableCell, differing
from orchestrator.results.load import Results, as_arrow
from orchestrator.results.printing.printable import Printable
from orchestrator.results.printing.sheets import Cell, Number, Printout, Sheet
from orchestrator.results.rows import Filters
from orchestrator.results.statistics import Split, summarize
from orchestrator.results.table import table
from orchestrator.results.tolerance import Tolerance
from orchestrator.results.wording import budget_rule, labels_of, optimism, titles, units
from workers.errors import InputError
from workers.techniques import in_order
from workers.text import plural

_BUDGETS = ("best", "single")
_WIDER = (0.5, 1.0)  # tolerances, in points or percent, to name where nothing is within the one asked for


class Reach(NamedTuple):
    """The largest compression within the tolerance, and its cell; `cell` is null if no compression is."""

    label: str
    cell: TableCell | None = None
    change: float | None = None


_NOWHERE = Reach("–")


@dataclass(frozen=True, slots=True)
class Limits:
    """One grid: how far each technique reaches under each budget rule, by (technique, rule).

    `maximum` is the largest compression of the grid, `spread` the median over its cells of the replicates' maximum −
    minimum, and `unfinished` the number of cells that were left out because replicates are missing. `wider` has the
    reaches within larger tolerances, by tolerance.
    """

    section: Section
    reaches: Mapping[tuple[str, str], Reach]
    maximum: str
    spread: float | None
    unfinished: int
    wider: Mapping[Tolerance, Mapping[tuple[str, str], Reach]]

    @property
    def needs_more(self) -> bool:
        """Whether no technique is within the tolerance, but some are within a larger one."""
        wider = [reach for reaches in self.wider.values() for reach in reaches.values()]
        return not _any_cell(self.reaches.values()) and _any_cell(wider)


@dataclass(frozen=True, slots=True)
class Headline(Printable):
    """What `headline` returns. `unreadable` are files of a store that were skipped (path: reason)."""

    tolerance: Tolerance
    limits: tuple[Limits, ...]
    split: Split = "test"
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def printed(self, *, compact: bool = False) -> Printout:
        names = titles(self._grids)
        metrics = dict.fromkeys(self.tolerance.in_words(grid.metric) for grid in self._grids)
        within = f", within {' or '.join(metrics)}" if self.tolerance.amount else ""
        rules = _BUDGETS[:1] if compact else _BUDGETS
        figures = "" if compact else "; two figures: best / single"
        return Printout(
            heading=f"Largest compression at which the median {names} still matches the dense networks{within}",
            protocol=[
                f"median {self.split} {names} of replicates, compared with the median of the dense networks{figures}",
                "; ".join(f"{rule}: {budget_rule(rule)}" for rule in rules),
            ],
            sheets=[self._sheet(rules)],
            notes=self._notes(rules),
        )

    @property
    def _grids(self) -> list[Section]:
        return [limits.section for limits in self.limits]

    def _sheet(self, rules: Sequence[str]) -> Sheet:
        """One line for each grid, with a figure for each technique and rule, and with all rules the spread."""
        techniques = in_order(technique for limits in self.limits for technique in limits.section.techniques)
        spread = ["spread"] if rules == _BUDGETS else []
        return Sheet(
            title="",
            captions=(),
            header=("grid [its largest]", *techniques, *spread),
            lines=[self._line(limits, techniques, rules) for limits in self.limits],
            remarks=self._remarks(),
        )

    def _line(self, limits: Limits, techniques: Sequence[str], rules: Sequence[str]) -> list[Cell]:
        section = limits.section
        cells: list[Cell] = [f"{self._name(section)} [{limits.maximum}]"]
        for technique in techniques:
            reaches = [limits.reaches.get((technique, rule)) for rule in rules]
            cells.append(" / ".join(reach.label for reach in reaches if reach) or "n/a")
        if rules != _BUDGETS:
            return cells
        unit = "" if section.metric.is_percent else section.unit("delta")
        spread = limits.spread
        return [*cells, Number("–") if spread is None else Number(f"{spread:.{section.decimals}f}", unit)]

    def _name(self, section: Section) -> str:
        """The grid, by what differs between grids."""
        shown = {"network", "schedule"} | differing(grid.section for grid in self.limits)
        return " · ".join(text for name, text in section.place.items() if name in shown)

    def _remarks(self) -> list[str]:
        return [self._remark(limits) for limits in self.limits if limits.needs_more]

    def _remark(self, limits: Limits) -> str:
        """What larger tolerances would give for a grid in which no technique is within this one."""
        parts = []
        for tolerance, reaches in limits.wider.items():
            figures = []
            for technique in limits.section.techniques:
                pair = [reaches[technique, rule] for rule in _BUDGETS if (technique, rule) in reaches]
                if _any_cell(pair):
                    figures.append(f"{technique} {' / '.join(reach.label for reach in pair)}")
            parts.append(f"within {tolerance.in_words(limits.section.metric)}: {', '.join(figures) or 'none'}")
        return f"{self._name(limits.section)}: no technique matches; {'; '.join(parts)}"

    def _notes(self, rules: Sequence[str]) -> list[str]:
        notes = [
            "–: not at any compression of the grid; n/a: not in the grid. The largest compression of a grid is a lower "
            "bound."
        ]
        if rules == _BUDGETS:
            notes.append(self._about_the_spread())
        unfinished = sum(limits.unfinished for limits in self.limits)
        if unfinished:
            notes.append(
                f"Left out because replicates are missing: {plural(unfinished, 'cell')}. Figures may still grow."
            )
        return notes + optimism(self.split, "best")

    def _about_the_spread(self) -> str:
        names = titles(self._grids)
        in_units = units(self._grids, "delta").replace(", ", ", in ", 1)
        in_points = all(grid.metric.is_percent for grid in self._grids)
        example = (
            "0.25` allows a loss of a quarter of a point" if in_points else "1%` allows a hundredth of the dense score"
        )
        return (
            f"spread: median over the cells of the replicates' maximum − minimum{in_units}. A median {names} "
            f"this close to the dense {names} is above or below it by chance: a difference of one step of the grid is "
            f"normal. `--tolerance {example}."
        )

    @property
    def settings(self) -> dict[str, Any]:
        return {"tolerance": self.tolerance.value, "statistic": "median", "split": self.split}

    def rows(self) -> list[dict[str, Any]]:
        """One row for each grid and technique; a compression is null if none is within the tolerance.

        `best_compression_within_1` is that of a larger tolerance: in points, or in percent of the dense score for
        metrics that are not out of 100. It is null if the tolerance is not larger.
        """
        return [self._row(limits, technique) for limits in self.limits for technique in limits.section.techniques]

    def _row(self, limits: Limits, technique: str) -> dict[str, Any]:
        section = limits.section
        row: dict[str, Any] = section.place | {
            "technique": technique,
            "tolerance": self.tolerance.value,
            "unit": section.unit("delta"),
        }
        row |= {"largest_in_grid": max(section.compressions), "spread": limits.spread}
        for rule in _BUDGETS:
            _, cell, change = limits.reaches.get((technique, rule), _NOWHERE)
            row[f"{rule}_compression"] = cell.compression if cell else None
            row[f"{rule}_budget"] = cell.budget if cell else None
            row[f"{rule}_change"] = change
        wider = {tolerance.amount: reaches for tolerance, reaches in limits.wider.items()}
        for amount, rule in product(_WIDER, _BUDGETS):
            reach = wider.get(amount, {}).get((technique, rule), _NOWHERE)
            row[f"{rule}_compression_within_{amount:g}"] = reach.cell.compression if reach.cell else None
        return row | {"unfinished_cells": limits.unfinished}


def headline(
    results: Results, *, tolerance: float | str = "0", split: Split = "test", filters: Filters | None = None
) -> Headline:
    """The largest compression at which each technique's median score is within `tolerance` of the dense one, or better.

    `tolerance` is in points, or in the unit of another metric, or a share of the dense median (`1%`); `results`,
    `split` and `filters` are those of `table`. Each figure is given with the budget that validation chooses and with
    one fixed budget (`orchestrator.results.budgets`), as in the paper's comparison. Raises InputError as `table` does,
    for a negative tolerance, and if no network was pruned.
    """
    within = Tolerance.of(tolerance)
    rows = as_arrow(results)
    best, single = (table(rows, budget=rule, split=split, filters=filters).sections for rule in _BUDGETS)
    limits = []
    for section in best:
        fixed = [candidate for candidate in single if candidate.title == section.title]
        if section.cells:
            limits.append(_limits(section, [section, *fixed], within))
    if not limits:
        raise InputError(
            "no pruned network to compare with the dense network", hint="`prunesweep status` shows how far sweeps are"
        )
    return Headline(within, tuple(limits), split)


def _limits(section: Section, by_rule: Sequence[Section], tolerance: Tolerance) -> Limits:
    labels = labels_of(section)
    spreads = [
        cell.summary.maximum - cell.summary.minimum
        for cell in section.cells.values()
        if cell.summary.maximum is not None and cell.summary.minimum is not None and cell.summary.n > 1
    ]
    return Limits(
        section=section,
        reaches=_reaches(by_rule, labels, tolerance),
        maximum=labels[max(labels)],
        spread=summarize(spreads).median,
        unfinished=sum(not cell.summary.complete for cell in section.cells.values()),
        wider={wider: _reaches(by_rule, labels, wider) for wider in _wider(section, tolerance)},
    )


def _wider(section: Section, tolerance: Tolerance) -> list[Tolerance]:
    """Larger tolerances than the one that was asked for: in points, or in percent of the dense score."""
    dense = section.dense.median or 0.0
    wider = [Tolerance(amount, is_share=not section.metric.is_out_of_100) for amount in _WIDER]
    return [candidate for candidate in wider if candidate.allowed(dense) > tolerance.allowed(dense)]


def _any_cell(reaches: Iterable[Reach]) -> bool:
    return any(reach.cell is not None for reach in reaches)


def _reaches(
    by_rule: Sequence[Section], labels: Mapping[float, str], tolerance: Tolerance
) -> dict[tuple[str, str], Reach]:
    """How far each technique reaches within a tolerance, by technique and budget rule."""
    return {
        (technique, rule): _reach(chosen, technique, labels, tolerance)
        for technique in by_rule[0].techniques
        for rule, chosen in zip(_BUDGETS, by_rule, strict=False)
    }


def _reach(section: Section, technique: str, labels: Mapping[float, str], tolerance: Tolerance) -> Reach:
    dense = section.dense.median
    reach = _NOWHERE
    for compression in section.compressions:
        cell = section.cells.get((technique, compression))
        if cell is None or cell.summary.median is None or dense is None:
            continue
        change = cell.summary.median - dense
        if tolerance.forgives(change, dense, section.metric):
            reach = Reach(labels[compression].removesuffix("×"), cell, change)
    return reach
