"""Accuracy by technique × compression, one section for each grid, as medians or means over replicates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, get_args

from orchestrator.results.frame import as_arrow
from orchestrator.results.statistics import GROUP, SECTION, Row, Summary, best_budget, group_by, summarize
from orchestrator.select import check_picked, selector
from orchestrator.sweep.cells import CELLS
from workers.errors import InputError
from workers.registry import closest
from workers.techniques import TECHNIQUES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Value = Literal["accuracy", "delta"]
Statistic = Literal["median", "mean"]
Split = Literal["test", "validation"]

_COLUMNS = {*GROUP, "budget_epochs", "replicate", "trial", "step", "mixed_parents", "validation_accuracy"}
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

    `budgets` are those that the cells were chosen from.
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

    @property
    def title(self) -> str:
        return " · ".join(getattr(self, name) for name in SECTION)


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
        return "percent" if self.value == "accuracy" else "points"

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

    `results` are the rows of `orchestrator.results.frame` (Arrow or pandas). `value` is the accuracy, or its
    difference to the dense network of the same replicate (`delta`). Without a `budget` it is `best`, unless there
    is only one. `filters` keeps cells: an expression (`technique=lr_rewinding,compression>=8`), or a mapping of
    columns to a value or a list of values, in which numbers match as tables show them, to half a percent.

    Raises InputError for an unknown column, budget or choice.
    """
    for name, given, known in (("value", value, Value), ("statistic", statistic, Statistic), ("split", split, Split)):
        if given not in get_args(known):
            raise InputError(f"`{name}` cannot be `{given}`\n\nhint: known are {', '.join(get_args(known))}")
    rows = _rows(as_arrow(results), value, split, filters or {})
    budget = _budget(rows, budget)
    shown = [row for row in rows if row["technique"] == "dense" or budget in ("best", row["budget"])]
    sections = [_section(key, members, statistic) for key, members in group_by(shown, SECTION).items()]
    _mark_same_runs(sections)
    return Table(value, statistic, split, budget, tuple(sections))


def _rows(results: pa.Table, value: Value, split: Split, filters: Mapping[str, Any] | str) -> list[dict[str, Any]]:
    """The cells to show, with `value` in percent or points and `dense` in percent.

    A dense network is shown by the cells compared to it, and so by its own cell only where there are no others.
    """
    measure = f"{split}_accuracy" if value == "accuracy" else f"delta_{split}_accuracy"
    dense = f"dense_{split}_accuracy"
    keep = selector(filters) if isinstance(filters, str) else _matcher(filters, results.column_names)
    needed = {*_COLUMNS, measure, dense, *(CELLS.names if isinstance(filters, str) else filters)}
    columns = [name for name in results.column_names if name in needed]
    rows = [row for row in results.select(columns).to_pylist() if keep(row)]
    if isinstance(filters, str):
        check_picked(bool(rows) or not filters, filters)
    scale = 100.0 if value == "accuracy" else 1.0
    for row in rows:
        row["value"] = None if row[measure] is None else row[measure] * scale
        row["dense"] = None if row[dense] is None else row[dense] * 100.0
    pruned = {_task(row) for row in rows if row["technique"] != "dense"}
    return [row for row in rows if row["technique"] != "dense" or _task(row) not in pruned]


def _task(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ("dataset", "network", "recipe"))


def _matcher(filters: Mapping[str, Any], columns: Sequence[str]) -> Callable[[Row], bool]:
    for name in filters:
        if name not in columns:
            raise InputError(f"unknown column `{name}`\n\nhint: {closest(name, columns)}")
    return lambda row: all(_matches(row[name], wanted) for name, wanted in filters.items())


def _matches(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Iterable) and not isinstance(wanted, str):
        return any(_matches(value, one) for one in wanted)
    if isinstance(value, float) and isinstance(wanted, int | float):
        return math.isclose(value, wanted, rel_tol=_ROUNDED)
    return bool(value == wanted)


def _budget(rows: Iterable[Row], budget: str | None) -> str | None:
    lengths = {row["budget"]: row["budget_epochs"] for row in rows if row["budget"] is not None}
    known = sorted(lengths, key=lambda label: (lengths[label], label))
    if budget is None:
        return "best" if len(known) > 1 else next(iter(known), None)
    if budget != "best" and budget not in lengths:
        raise InputError(f"no cell has the budget `{budget}`\n\nhint: known are {', '.join(['best', *known])}")
    return budget


def _section(key: tuple[str, ...], rows: Sequence[Row], statistic: Statistic) -> Section:
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
        dense=summarize(list({row["replicate"]: row["dense"] for row in rows}.values())),
    )


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
