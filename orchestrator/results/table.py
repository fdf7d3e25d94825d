"""Accuracy by technique × compression, one section for each grid, as medians or means over replicates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from orchestrator.planning.prunable_share import Share, merged
from orchestrator.results.arrangement import PLAIN, Layout, arranged
from orchestrator.results.baseline import BASELINE, Contrast, Place, contrasts_by_cell, in_words
from orchestrator.results.budgets import RULES, pick
from orchestrator.results.grid import Section, TableCell, sections
from orchestrator.results.intervals import Interval
from orchestrator.results.load import Results, as_arrow
from orchestrator.results.printing.printable import Printable
from orchestrator.results.printing.sheets import Printout
from orchestrator.results.rows import Row, read_rows
from orchestrator.results.statistics import SECTION, Split, Statistic, Value, group_by
from orchestrator.results.wording import (
    best_rule,
    dense_accuracy,
    measure,
    notes,
    number,
    optimism,
    protocol,
    replicates,
)
from workers.errors import InputError, collecting, raise_all
from workers.registry import closest
from workers.techniques import DENSE
from workers.trial import ACCURACY

_COLUMNS = (
    *SECTION,
    *("technique", "compression", "budget", "value", "unit", "split"),
    *("n", "n_expected", "median", "minimum", "maximum", "mean", "sd"),
    *("best", "provisional", "mixed_parents", "same_run_as"),
    *("prunable_weights", "parameters"),
)
_INTERVAL = ("ci_low", "ci_high", "ci_method")
_TESTED = ("baseline", "minus_baseline", "minus_baseline_low", "minus_baseline_high", "p", "p_adjusted")


@dataclass(frozen=True, slots=True)
class Table(Printable):
    """What `table` returns. `unreadable` are files of a store that were skipped (path: reason)."""

    value: Value
    statistic: Statistic
    split: Split
    budget: str | None
    sections: tuple[Section, ...]
    prunable: tuple[Share, ...] = ()
    layout: Layout = PLAIN
    baseline: str = BASELINE
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        units = dict.fromkeys(section.unit(self.value) for section in self.sections)
        return " or ".join(units) or ("points" if self.value == "delta" else "percent")

    @property
    def shown(self) -> str:
        """`delta`, or the names of the metrics."""
        metrics = dict.fromkeys(section.metric.name for section in self.sections)
        return "delta" if self.value == "delta" else " or ".join(metrics) or ACCURACY

    def printed(self, *, compact: bool = False) -> Printout:
        return Printout(
            heading=measure(self.sections, self.value, self.split),
            protocol=[protocol(self.statistic, self.budget, compact=compact)],
            sheets=arranged(
                self.sections,
                self.layout,
                lambda cell, section: number(cell, section, self.value, self.statistic, compact=compact),
                lambda section: self._caption(section, compact),
            ),
            notes=[
                *notes(self.sections),
                *self._tests(),
                *optimism(self.split, self.budget),
                *map(str, self.prunable),
            ],
            bold=best_rule(self.sections, self.statistic, splits_budgets=self.layout.splits_budgets),
        )

    @property
    def settings(self) -> dict[str, Any]:
        return {"value": self.shown} | {name: getattr(self, name) for name in ("unit", "statistic", "split", "budget")}

    @property
    def columns(self) -> Sequence[str]:
        return (*_COLUMNS, *_INTERVAL, *_TESTED) if self.statistic == "ci" else _COLUMNS

    def rows(self) -> list[dict[str, Any]]:
        """One plain row for each table cell, the dense networks first in their section and always as scores."""
        rows = []
        grids = set()
        contrasts = contrasts_by_cell(self.sections, self.baseline) if self.statistic == "ci" else {}
        for section in self.sections:
            if section.title not in grids:
                rows.append(self._dense_row(section))
            grids.add(section.title)
            for cell in section.cells.values():
                place = Place(section.title, cell.technique, cell.compression, cell.budget)
                rows.append(self._row(section, cell, contrasts.get(place)))
        return rows

    def _base(self, section: Section) -> dict[str, int | None]:
        """The columns that say what a compression is a part of."""
        place = section.dataset, section.network
        for share in self.prunable:
            if (share.dataset, share.network) == place and share.pruning in (None, section.pruning):
                return {"prunable_weights": share.prunable, "parameters": share.parameters}
        return {"prunable_weights": None, "parameters": None}

    def _caption(self, section: Section, compact: bool) -> str:
        """The dense accuracy, and what the cells have in common (`; cells: n = 3, budget 90%`).

        Where several metrics share a unit, the metric comes first.
        """
        unit = section.unit("score")
        metrics = {grid.metric.name for grid in self.sections if grid.unit("score") == unit}
        title = section.metric.title
        metric = f"{title[:1].upper()}{title[1:]}. " if len(metrics) > 1 else ""
        common = []
        if (n := replicates(section)) is not None:
            common.append(f"n = {n}")
        if self.budget in RULES and len(section.budgets) == 1:
            common.append(f"budget {section.budgets[0]}")
        cells = f"; cells: {', '.join(common)}" if common else ""
        return f"{metric}{dense_accuracy(section, self.statistic, compact=compact)}{cells}"

    def _dense_row(self, section: Section) -> dict[str, Any]:
        return (
            section.place
            | {"technique": DENSE, "compression": 1.0, "budget": None}
            | {"value": section.metric.name, "unit": section.unit("score"), "split": self.split}
            | asdict(section.dense)
            | {"best": False, "provisional": False, "mixed_parents": False, "same_run_as": None}
            | self._base(section)
            | self._interval(section.dense_interval if self.statistic == "ci" else None)
        )

    def _row(self, section: Section, cell: TableCell, contrast: Contrast | None) -> dict[str, Any]:
        return (
            section.place
            | {"technique": cell.technique, "compression": cell.compression, "budget": cell.budget}
            | {"value": "delta" if self.value == "delta" else section.metric.name}
            | {"unit": section.unit(self.value), "split": self.split}
            | asdict(cell.summary)
            | {"best": cell.best, "provisional": cell.provisional, "mixed_parents": cell.mixed_parents}
            | {"same_run_as": "; ".join(dict.fromkeys(cell.same_run_as)) or None}
            | self._base(section)
            | self._interval(cell.interval if self.statistic == "ci" else None, contrast)
        )

    def _interval(self, interval: Interval | None, contrast: Contrast | None = None) -> dict[str, Any]:
        """The columns of intervals and tests, which only a table of intervals has."""
        if self.statistic != "ci":
            return {}
        shown = (interval.low, interval.high, interval.method) if interval else (None, None, None)
        return dict(zip(_INTERVAL, shown, strict=True)) | _tested(contrast)

    def _tests(self) -> list[str]:
        """Which techniques differ from the baseline, a line for each grid, where intervals are shown."""
        if self.statistic != "ci" or self.layout.splits_budgets:
            return []
        grids = group_by(contrasts_by_cell(self.sections, self.baseline).items(), lambda item: item[0].grid)
        several = len({section.title for section in self.sections}) > 1
        lines = []
        for title, members in grids.items():
            tests = [contrast for _, contrast in members]
            kind = "paired t tests" if all(contrast.paired for contrast in tests) else "Welch's t tests"
            beginning = f"{title}: significantly" if several else "Significantly"
            lines.append(
                f"{beginning} different from {self.baseline} (two-sided {kind}, Holm's correction, 5%): "
                f"{in_words(tests)}"
            )
        return lines


def _tested(contrast: Contrast | None) -> dict[str, Any]:
    if contrast is None:
        return dict.fromkeys(_TESTED)
    difference = contrast.difference
    values = (difference.middle, difference.low, difference.high, contrast.p, contrast.adjusted)
    return dict(zip(_TESTED, (contrast.baseline, *values), strict=True))


def table(
    results: Results,
    *,
    value: Value = "score",
    budget: str | None = None,
    statistic: Statistic = "median",
    split: Split = "test",
    filters: Mapping[str, Any] | str | None = None,
    rows: str | Sequence[str] | None = None,
    columns: str | Sequence[str] | None = None,
    baseline: str = BASELINE,
) -> Table:
    """Techniques × compressions for one budget, or for the budget that validation chooses (`best`).

    `results` are a store, `renda2020`, or rows of either (Arrow or pandas). `value` is the score
    (`score`, formerly `accuracy`), or its difference from the dense network of the same replicate (`delta`).
    `budget` is one of the sweep's or a rule
    of `orchestrator.results.budgets`; by default `best`, unless there is only one. `filters` selects cells: an
    expression (`technique=lr_rewinding,compression>=8`), or a mapping of columns to a value or a list of values, in
    which numbers match as tables show them, to half a percent. `rows` and `columns` are dimensions, one or several
    (`orchestrator.results.arrangement`); with `budget` among them, all budgets are shown. The best technique at a
    compression is bold. With intervals (`ci`), techniques are tested against the technique `baseline`.

    Raises InputError for an unknown column, budget or choice.
    """
    errors: list[InputError] = []
    for name, given, choices in (("value", value, Value), ("statistic", statistic, Statistic), ("split", split, Split)):
        if given not in get_args(choices):
            errors.append(InputError(f"`{name}` cannot be `{given}`", hint=closest(str(given), get_args(choices))))
    with collecting(errors):
        layout = Layout.of(rows, columns)
        layout.check_budget(budget)
    raise_all(errors)
    arrow = as_arrow(results)
    with collecting(errors):
        kept, dense_scores = read_rows(arrow, value, split, filters or {})
    with collecting(errors):
        candidates = read_rows(arrow, value, split, {})[0] if errors else kept
        picked, budget = (candidates, None) if layout.splits_budgets else pick(candidates, budget)
    raise_all(errors)
    grids = sections(picked, dense_scores, statistic, split_budgets=layout.splits_budgets)
    check_baseline(grids, baseline)
    return Table(value, statistic, split, budget, grids, _shares(picked), layout, baseline)


def check_baseline(grids: Iterable[Section], baseline: str) -> None:
    """Raise InputError for a baseline, other than the usual one, that no grid has."""
    techniques = {technique for grid in grids for technique in grid.techniques}
    if baseline != BASELINE and baseline not in techniques:
        raise InputError(f"no cell has the baseline `{baseline}`", hint=closest(baseline, techniques))


def _shares(rows: Iterable[Row]) -> tuple[Share, ...]:
    """What share of each network may be pruned, where its records and the facts of its sweep say so."""
    return tuple(
        merged(
            Share(row.dataset, row.network, row.pruning, row.prunable_weights, row.parameters)
            for row in rows
            if row.prunable_weights and row.parameters
        )
    )
