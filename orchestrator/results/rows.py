"""The rows of `frame.join` or `reference.published` as a table needs them: filtered, in its units, and typed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.planning.cells import CELLS
from orchestrator.planning.select import check_picked, selector
from orchestrator.results.score_columns import METRIC, metric_of
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

_AS_THEY_ARE = (
    *(*SECTION, "technique", "compression", "budget", "budget_epochs", "replicate"),
    *("trial", "step", "validation_score", "mixed_parents"),
)
_OPTIONAL = (
    *(*METRIC, "dense_trial", "dense_epochs", "dense_step", "prunable_weights", "parameters"),
    *("search_cost_epochs", "sparse_multiply_adds"),
)
_ROUNDED = 0.005  # tables show 9.31 for 9.3132...; a filter means the same


@dataclass(frozen=True, slots=True)
class Row:
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
    _check_columns(results, (*_AS_THEY_ARE, score, dense, shown))
    keep = picker(filters, results.column_names)
    needed = {*_AS_THEY_ARE, *_OPTIONAL, shown, score, dense}
    needed |= {*(CELLS.names if isinstance(filters, str) else filters)}
    records = results.select([name for name in results.column_names if name in needed]).to_pylist()
    rows = [_row(record, value, shown, dense) for record in records if keep(record)]
    if isinstance(filters, str):
        check_picked(bool(rows), filters, records)
    pruned = {row.task for row in rows if not row.is_dense}
    return [row for row in rows if not row.is_dense or row.task not in pruned], _dense_scores(records, score)


def _check_columns(results: pa.Table, names: Sequence[str]) -> None:
    """Raise InputError unless results have the columns that every table needs."""
    missing = [name for name in names if name not in results.column_names]
    if missing:
        raise InputError(
            f"the rows lack {plural(len(missing), 'column')} of results: {', '.join(missing)}",
            hint="pass all columns of what `prunesweep.frame` returns",
        )


def _row(record: Mapping[str, Any], value: Value, shown: str, dense: str) -> Row:
    metric = metric_of(record)
    return Row(
        **{name: record[name] for name in _AS_THEY_ARE},
        metric=metric,
        value=_scaled(record[shown], 1.0 if value == "delta" else metric.scale),  # differences are in points already
        dense=_scaled(record[dense], metric.scale),
        has_own_dense=record.get("dense_trial", "") is not None,
        dense_epochs=record.get("dense_epochs"),
        dense_step=record.get("dense_step"),
        prunable_weights=record.get("prunable_weights"),
        parameters=record.get("parameters"),
        search_cost_epochs=record.get("search_cost_epochs"),
        sparse_multiply_adds=record.get("sparse_multiply_adds"),
    )


def _dense_scores(records: Iterable[Mapping[str, Any]], score: str) -> dict[Task, list[float]]:
    scores: dict[Task, list[float]] = {}
    for record in records:
        if record["technique"] == DENSE and record[score] is not None:
            task = record["dataset"], record["network"], record["recipe"]
            scores.setdefault(task, []).append(record[score] * metric_of(record).scale)
    return scores


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def picker(filters: Filters, columns: Sequence[str]) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a row passes filters: an expression, or a mapping of columns to a value or alternatives.

    Raises InputError for what cannot be read, and for a column that the rows do not have.
    """
    if isinstance(filters, str):
        return selector(filters)
    for name in filters:
        if name not in columns:
            raise InputError(f"unknown column: `{name}`", hint=closest(name, columns))
    return lambda record: all(_matches(record[name], wanted) for name, wanted in filters.items())


def _matches(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Iterable) and not isinstance(wanted, str):
        return any(_matches(value, alternative) for alternative in wanted)
    if isinstance(value, float) and isinstance(wanted, int | float):
        return math.isclose(value, wanted, rel_tol=_ROUNDED)
    return bool(value == wanted)
