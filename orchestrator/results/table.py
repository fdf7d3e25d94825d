"""Accuracy by technique × compression, one section for each grid, as medians or means over replicates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, get_args

from orchestrator.planning.cells import CELLS
from orchestrator.planning.select import check_picked, selector
from orchestrator.results.budgets import RULES, pick
from orchestrator.results.frame import as_arrow
from orchestrator.results.statistics import GROUP, SECTION, Row, Summary, best_budget, group_by, summarize
from workers.errors import InputError
from workers.registry import closest
from workers.techniques import TECHNIQUES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Value = Literal["accuracy", "delta"]
Statistic = Literal["median", "mean"]
Split = Literal["test", "validation"]

_COLUMNS = {
    *(*GROUP, "metric", "budget_epochs", "replicate", "trial", "step", "mixed_parents", "validation_accuracy"),
    *("dense_trial", "dense_step", "dense_epochs"),
}
ACCURACY = "accuracy"
_SAME_RUN_SIGNS = "†‡§¶"
_ROUNDED = 0.005  # tables show 9.31 for 9.3132...; a filter means the same


@dataclass(slots=True)
class TableCell:
    """One technique at one compression. Values are percent, or points for a difference; `values` by replicate."""

    technique: str
    compression: float
    budget: str | None
    summary: Summary
    values: tuple[float, ...]
    stops: tuple[tuple[str, int], ...]
    provisional: bool = False  # chosen among the budgets that are complete, while others are not
    mixed_parents: bool = False
    sign: str = ""  # equal in cells that are the same run
    same_run_as: tuple[str, ...] = ()  # the other such cells
    best: bool = False  # of its column


@dataclass(frozen=True, slots=True)
class Section:
    """The cells of one grid by (technique, compression), and the accuracy of its dense networks in percent.

    `budgets` are those that the cells were chosen from. `metric` is `accuracy`, or `BLEU` where that is published.
    """

    dataset: str
    network: str
    recipe: str
    pruning: str
    schedule: str
    techniques: tuple[str, ...]
    compressions: tuple[float, ...]
    budgets: tuple[str, ...]
    cells: Mapping[tuple[str, float], TableCell]
    dense: Summary
    metric: str = ACCURACY

    @property
    def title(self) -> str:
        return " · ".join(getattr(self, name) for name in SECTION)

    def unit(self, value: Value) -> str:
        """What its numbers count: percent of images and points of that, or BLEU."""
        if self.metric != ACCURACY:
            return self.metric
        return "percent" if value == "accuracy" else "points"


@dataclass(frozen=True, slots=True)
class Table:
    """What `table` gives. Prints as text, and as HTML in a notebook."""

    value: Value
    statistic: Statistic
    split: Split
    budget: str | None
    sections: tuple[Section, ...]

    @property
    def unit(self) -> str:
        units = dict.fromkeys(section.unit(self.value) for section in self.sections)
        return " or ".join(units) or ("percent" if self.value == "accuracy" else "points")

    @property
    def chosen(self) -> bool:
        """Whether a rule chose the budget of each cell."""
        return self.budget in RULES

    def rows(self) -> list[dict[str, Any]]:
        """One plain row for each table cell, the dense networks first in their section."""
        from orchestrator.results.formats import long_rows

        return long_rows(self)

    def to_text(self, width: int | None = None) -> str:
        """Plain text; columns that do not fit into `width` characters go into further blocks."""
        from orchestrator.results.formats import to_text

        return to_text(self, width)

    def to_markdown(self) -> str:
        from orchestrator.results.markup import to_markdown

        return to_markdown(self)

    def to_latex(self) -> str:
        """One `table` environment for each section; needs the package booktabs."""
        from orchestrator.results.markup import to_latex

        return to_latex(self)

    def to_html(self) -> str:
        """A fragment, escaped."""
        from orchestrator.results.markup import to_html

        return to_html(self)

    def to_csv(self) -> str:
        """`rows` as CSV with a header."""
        from orchestrator.results.formats import to_csv

        return to_csv(self)

    def to_json(self) -> str:
        """An object with what the table shows and its `rows`."""
        from orchestrator.results.formats import to_json

        return to_json(self)

    def to_frame(self) -> pd.DataFrame:
        """`rows` as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()


def table(
    results: pa.Table | pd.DataFrame,
    *,
    value: Value = "accuracy",
    budget: str | None = None,
    statistic: Statistic = "median",
    split: Split = "test",
    filters: Mapping[str, Any] | str | None = None,
) -> Table:
    """Techniques × compressions for one budget, or for the budget that validation chooses (`best`).

    `results` are the rows of `orchestrator.results.frame` or `.reference` (Arrow or pandas). `value` is the accuracy,
    or its difference to the dense network of the same replicate (`delta`). `budget` is one of the sweep's or a rule
    of `orchestrator.results.budgets`; by default `best`, unless there is only one. `filters` keeps cells: an
    expression (`technique=lr_rewinding,compression>=8`), or a mapping of columns to a value or a list of values, in
    which numbers match as tables show them, to half a percent.

    Raises InputError for an unknown column, budget or choice.
    """
    for name, given, known in (("value", value, Value), ("statistic", statistic, Statistic), ("split", split, Split)):
        if given not in get_args(known):
            raise InputError(f"`{name}` cannot be `{given}`", hint=f"known are {', '.join(get_args(known))}")
    rows, levels = _rows(as_arrow(results), value, split, filters or {})
    picked, budget = pick([row for row in rows if row["technique"] != "dense"], budget)
    kept = {id(row) for row in picked}
    shown = [row for row in rows if row["technique"] == "dense" or id(row) in kept]
    sections = [
        _section(key, members, levels[_task(members[0])], statistic)
        for key, members in group_by(shown, SECTION).items()
    ]
    _mark_same_runs(sections)
    return Table(value, statistic, split, budget, tuple(sections))


def _rows(
    results: pa.Table, value: Value, split: Split, filters: Mapping[str, Any] | str
) -> tuple[list[dict[str, Any]], dict[tuple[str, ...], list[float]]]:
    """The cells to show, with `value` and `dense` in the units of tables; and the levels of each task's dense networks.

    A dense network is shown by the cells compared to it, and so by its own cell only where there are no others.
    """
    measure = f"{split}_accuracy" if value == "accuracy" else f"delta_{split}_accuracy"
    accuracy, dense = f"{split}_accuracy", f"dense_{split}_accuracy"
    keep = selector(filters) if isinstance(filters, str) else _matcher(filters, results.column_names)
    needed = {*_COLUMNS, measure, accuracy, dense, *(CELLS.names if isinstance(filters, str) else filters)}
    columns = [name for name in results.column_names if name in needed]
    everything = results.select(columns).to_pylist()
    levels: dict[tuple[str, ...], list[float]] = {}
    for row in everything:
        row["metric"] = row.get("metric") or ACCURACY
        scale = 100.0 if row["metric"] == ACCURACY else 1.0
        row["value"] = _scaled(row[measure], scale if value == "accuracy" else 1.0)
        row["dense"] = _scaled(row[dense], scale)
        own = levels.setdefault(_task(row), [])
        if row["technique"] == "dense" and row[accuracy] is not None:
            own.append(row[accuracy] * scale)
    rows = [row for row in everything if keep(row)]
    if isinstance(filters, str):
        check_picked(bool(rows) or not filters, filters)
    pruned = {_task(row) for row in rows if row["technique"] != "dense"}
    return [row for row in rows if row["technique"] != "dense" or _task(row) not in pruned], levels


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _task(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ("dataset", "network", "recipe"))


def _matcher(filters: Mapping[str, Any], columns: Sequence[str]) -> Callable[[Row], bool]:
    for name in filters:
        if name not in columns:
            raise InputError(f"unknown column `{name}`", hint=closest(name, columns))
    return lambda row: all(_matches(row[name], wanted) for name, wanted in filters.items())


def _matches(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Iterable) and not isinstance(wanted, str):
        return any(_matches(value, one) for one in wanted)
    if isinstance(value, float) and isinstance(wanted, int | float):
        return math.isclose(value, wanted, rel_tol=_ROUNDED)
    return bool(value == wanted)


def _section(key: tuple[str, ...], rows: Sequence[Row], levels: Sequence[float], statistic: Statistic) -> Section:
    groups = group_by([row for row in rows if row["technique"] != "dense"], ("technique", "compression"))
    occurring = list(dict.fromkeys(technique for technique, _ in groups))
    techniques = sorted(occurring, key=[*TECHNIQUES, *occurring].index)
    compressions = sorted({compression for _, compression in groups})
    cells = {
        place: _cell(list(group_by(groups[place], ("budget",)).values()))
        for place in product(techniques, compressions)
        if place in groups
    }
    for compression in compressions:
        _mark_best([cell for cell in cells.values() if cell.compression == compression], statistic)
    dataset, network, recipe, pruning, schedule = key
    return Section(
        dataset=dataset,
        network=network,
        recipe=recipe,
        pruning=pruning,
        schedule=schedule,
        techniques=tuple(techniques),
        compressions=tuple(compressions),
        budgets=tuple(dict.fromkeys(row["budget"] for row in rows if row["budget"] is not None)),
        cells=cells,
        dense=summarize(_dense(rows, levels)),
        metric=rows[0]["metric"],
    )


def _dense(rows: Sequence[Row], levels: Sequence[float]) -> Sequence[float | None]:
    """The dense networks that cells are compared to: each replicate's own; or, where that is not known, all of them."""
    if any(row.get("dense_trial", "") is None for row in rows):
        return levels or [rows[0]["dense"]]
    return list({row["replicate"]: row["dense"] for row in rows}.values())


def _mark_best(column: Sequence[TableCell], statistic: Statistic) -> None:
    """Mark the highest of a column, ties too, where there is something to compare."""
    levels = [getattr(cell.summary, statistic) for cell in column if cell.summary.complete]
    for cell in column:
        cell.best = len(levels) > 1 and getattr(cell.summary, statistic) == max(levels)


def _cell(groups: Sequence[Sequence[Row]]) -> TableCell:
    """The cell for the budget that validation chooses; while none is complete, for the one with most replicates."""
    best = best_budget(groups)
    rows = best or max(groups, key=lambda group: (_validated(group), -group[0]["budget_epochs"]))
    return TableCell(
        technique=rows[0]["technique"],
        compression=rows[0]["compression"],
        budget=rows[0]["budget"],
        summary=summarize([row["value"] for row in rows]),
        values=tuple(row["value"] for row in sorted(rows, key=itemgetter("replicate")) if row["value"] is not None),
        stops=tuple((row["trial"], row["step"]) for row in rows),
        provisional=best is not None and any(_validated(group) < len(group) for group in groups),
        mixed_parents=any(row["mixed_parents"] for row in rows),
    )


def _validated(group: Sequence[Row]) -> int:
    return sum(row["validation_accuracy"] is not None for row in group)


def _mark_same_runs(sections: Sequence[Section]) -> None:
    """Give cells that share a stop a sign, unique among those of their data set, network and compression."""
    owners: dict[tuple[str, int], list[tuple[Section, TableCell]]] = {}
    for section in sections:
        for cell in section.cells.values():
            for stop in cell.stops:
                owners.setdefault(stop, []).append((section, cell))
    shared = [members for members in owners.values() if len(members) > 1]
    used: Counter[tuple[str, str, float]] = Counter()
    for members in {tuple(id(cell) for _, cell in members): members for members in shared}.values():
        section, cell = members[0]
        scope = (section.dataset, section.network, cell.compression)
        turn, index = divmod(used[scope], len(_SAME_RUN_SIGNS))
        used[scope] += 1
        for home, cell in members:
            cell.sign += _SAME_RUN_SIGNS[index] * (turn + 1)
            cell.same_run_as += tuple(_label(other, at, home) for at, other in members if other is not cell)


def _label(cell: TableCell, section: Section, seen_from: Section) -> str:
    label = f"{cell.technique} {cell.budget}"
    return label if section is seen_from else f"{label} ({section.title})"
