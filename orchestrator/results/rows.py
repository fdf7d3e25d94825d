"""The rows of `frame.join` or `reference.published` as a table needs them: filtered, in its units, and typed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.planning.select import check_picked, columns_of, selector
from orchestrator.results.score_columns import METRIC, metrics_of
from orchestrator.results.statistics import SECTION, Split, Value
from workers.errors import InputError
from workers.metrics.facts import MetricFacts
from workers.registry import closest
from workers.techniques import DENSE
from workers.text import plural

if TYPE_CHECKING:
    import pyarrow as pa

Filters = Mapping[str, Any] | str
Task = tuple[str, str, str]
"""Dataset, network and recipe."""

_TASK = ("dataset", "network", "recipe")
_Lists = dict[str, list[Any]]
"""Columns by name."""

_AS_THEY_ARE = (
    *(*SECTION, "technique", "compression", "budget", "budget_epochs", "replicate"),
    *("trial", "step", "validation_score", "mixed_parents"),
)
_OPTIONAL = (
    *(*METRIC, "dense_trial", "dense_epochs", "dense_step", "prunable_weights", "parameters"),
    *("search_cost_epochs", "sparse_multiply_adds"),
)
_ROUNDED = 0.005  # tables show 9.31 for 9.3132...; a filter means the same


class Row(NamedTuple):
    """One replicate of one cell.

    `value` is what the table shows and `dense` the score of the dense network that it is compared to, both as they are
    shown (in percent). `has_own_dense` is false where it is unknown which dense network that is. `validation_score` is
    as it is stored; `dense_epochs` and `dense_step` are the length of the dense training, null where it is unknown, as
    are the numbers of the network's prunable weights and of all its parameters, the search cost, and the multiply-adds
    of one example.
    """

    dataset: str
    network: str
    recipe: str
    pruning: str
    schedule: str
    technique: str
    compression: float
    budget: str | None
    budget_epochs: float | None
    replicate: int
    trial: str
    step: int | None
    validation_score: float | None
    mixed_parents: bool
    metric: MetricFacts
    value: float | None
    dense: float | None
    has_own_dense: bool
    dense_epochs: float | None
    dense_step: int | None
    prunable_weights: int | None = None
    parameters: int | None = None
    search_cost_epochs: float | None = None
    sparse_multiply_adds: float | None = None

    @property
    def is_dense(self) -> bool:
        return self.technique == DENSE

    @property
    def task(self) -> Task:
        return self.dataset, self.network, self.recipe

    @property
    def section(self) -> tuple[str, ...]:
        return self.dataset, self.network, self.recipe, self.pruning, self.schedule


def read_rows(
    results: pa.Table, value: Value, split: Split, filters: Filters
) -> tuple[list[Row], dict[Task, list[float]]]:
    """The rows that pass the filters, and the scores of all dense networks of each task, as they are shown.

    The cells of a task show its dense networks, so rows of dense networks are kept only in tasks without other cells.
    """
    score, dense = f"{split}_score", f"dense_{split}_score"
    shown = f"delta_{score}" if value == "delta" else score
    has = set(results.column_names)
    _check_columns(results, (*_AS_THEY_ARE, score, dense, shown, *(METRIC if "metric" in has else ())))
    lists = _lists(results, (*_AS_THEY_ARE, *_OPTIONAL, dense, shown), passing(results, filters))
    lists["has_own_dense"] = [trial is not None or "dense_trial" not in has for trial in lists["dense_trial"]]
    rows = _rows(lists, lists[shown], lists[dense], value)
    pruned = {row.task for row in rows if not row.is_dense}
    return [row for row in rows if not row.is_dense or row.task not in pruned], _dense_scores(results, score)


def _check_columns(results: pa.Table, names: Sequence[str]) -> None:
    """Raise InputError unless results have the columns that every table needs."""
    missing = [name for name in names if name not in results.column_names]
    if missing:
        raise InputError(
            f"the rows lack {plural(len(missing), 'column')} of results: {', '.join(missing)}",
            hint="pass all columns of what `prunesweep.frame` returns",
        )


def _lists(results: pa.Table, names: Sequence[str], chosen: Sequence[bool]) -> _Lists:
    """Columns of the chosen rows; nulls for columns that results do not have."""
    nothing = [None] * sum(chosen)
    columns = {name: results.column(name).to_pylist() for name in names if name in results.column_names}
    return {name: list(compress(columns[name], chosen)) if name in columns else nothing for name in names}


def _rows(lists: _Lists, values: Sequence[Any], dense: Sequence[Any], value: Value) -> list[Row]:
    metrics = metrics_of(lists)
    scales = [metric.scale for metric in metrics]
    fields = lists | {
        "metric": metrics,
        "value": values if value == "delta" else _scaled(values, scales),  # differences are in points already
        "dense": _scaled(dense, scales),
    }
    return list(map(Row, *(fields[name] for name in Row._fields)))


def _dense_scores(results: pa.Table, score: str) -> dict[Task, list[float]]:
    is_dense = [technique == DENSE for technique in results.column("technique").to_pylist()]
    lists = _lists(results, (*_TASK, *METRIC, score), is_dense)
    shown = _scaled(lists[score], [metric.scale for metric in metrics_of(lists)])
    scores: dict[Task, list[float]] = {}
    for task, value in zip(zip(*(lists[name] for name in _TASK), strict=True), shown, strict=True):
        if value is not None:
            scores.setdefault(task, []).append(value)
    return scores


def _scaled(values: Iterable[float | None], scales: Iterable[float]) -> list[float | None]:
    return [None if value is None else value * scale for value, scale in zip(values, scales, strict=True)]


def passing(results: pa.Table, filters: Filters) -> list[bool]:
    """Whether each row passes filters: an expression, or a mapping of columns to a value or alternatives.

    Raises InputError for what cannot be read, for a column that the rows do not have, and for an expression that no
    row passes.
    """
    keep = selector(filters) if isinstance(filters, str) else _picker(filters, results.column_names)
    named = columns_of(filters) if isinstance(filters, str) else filters
    records = results.select([name for name in named if name in results.column_names]).to_pylist()
    passes = list(map(keep, records))
    if isinstance(filters, str):
        check_picked(any(passes), filters, records)
    return passes


def _picker(filters: Mapping[str, Any], columns: Sequence[str]) -> Callable[[Mapping[str, Any]], bool]:
    for name in filters:
        if name not in columns:
            raise InputError(f"unknown column: `{name}`", hint=closest(name, columns))
    wanted = {name: _alternatives(choice) for name, choice in filters.items()}
    return lambda record: all(_is_among(record[name], choices) for name, choices in wanted.items())


def _alternatives(choice: Any) -> list[Any]:
    return list(choice) if isinstance(choice, Iterable) and not isinstance(choice, str) else [choice]


def _is_among(value: Any, choices: Iterable[Any]) -> bool:
    if isinstance(value, float):
        return any(_is_near(value, choice) for choice in choices)
    return value in choices


def _is_near(value: float, choice: Any) -> bool:
    return math.isclose(value, choice, rel_tol=_ROUNDED) if isinstance(choice, int | float) else bool(value == choice)
