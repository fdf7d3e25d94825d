"""The columns of results that hold scores: those of the primary metric, and those of each metric by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from workers.metrics import planned_facts
from workers.metrics.facts import KNOWN_ACCURACY, PERCENT, MetricFacts
from workers.trial import ACCURACY, Metric

SPLITS = ("test", "validation")
SCORES = tuple(f"{split}_score" for split in SPLITS)
METRIC = ("metric", "metric_unit", "higher_is_better")
"""The columns that say what scores are."""

Columns = dict[str, Any]


def with_scores(rows: pa.Table) -> pa.Table:
    """Rows that an earlier version exported, when the only metric was accuracy, with the names of now."""
    names = [name.replace("_accuracy", "_score").replace("_images", "_examples") for name in rows.column_names]
    is_former = "test_accuracy" in rows.column_names and "test_score" not in rows.column_names
    return rows.rename_columns(names) if is_former else rows


def metric_of(row: Mapping[str, Any]) -> MetricFacts:
    """The primary metric of a row; accuracy where the row does not say."""
    if row.get("metric") is None:
        return KNOWN_ACCURACY
    return _facts(*(row[name] for name in METRIC))


def metrics_of(columns: Mapping[str, Iterable[Any]]) -> list[MetricFacts]:
    """The primary metric of each row of columns that have `METRIC`."""
    return list(map(_facts, *(columns[name] for name in METRIC)))


@cache  # results have thousands of rows and few metrics
def _facts(name: str | None, unit: str, higher_is_better: bool) -> MetricFacts:
    return KNOWN_ACCURACY if name is None else MetricFacts(name, unit, higher_is_better)


def metric_columns(metrics: Sequence[MetricFacts]) -> Columns:
    """The columns `METRIC` for the metric of each row."""
    return {
        "metric": pa.array([metric.name for metric in metrics], pa.string()),
        "metric_unit": pa.array([metric.unit for metric in metrics], pa.string()),
        "higher_is_better": pa.array([metric.higher_is_better for metric in metrics], pa.bool_()),
    }


def primary_metric(sweep: Mapping[str, Any]) -> MetricFacts:
    """The primary metric of a resolved sweep, as far as its file says: only records know all of one's own metric."""
    [metric, *_] = sweep.get("spec", {}).get("metric") or [{"name": ACCURACY}]
    known = {name: metric[name] for name in ("name", "label", "unit", "higher_is_better") if name in metric}
    return planned_facts(Metric(**known))


def changes(scores: Any, dense: Any, units: Any) -> pa.Array:
    """Scores minus those of the dense networks: in points where they are fractions, shown in percent."""
    rows = zip(scores.to_pylist(), dense.to_pylist(), units.to_pylist(), strict=True)
    return pa.array([_change(score, origin, unit == PERCENT) for score, origin, unit in rows], pa.float64())


def _change(score: float | None, dense: float | None, is_fraction: bool) -> float | None:
    if score is None or dense is None:
        return None
    return (score - dense) * (100.0 if is_fraction else 1.0)


def by_name(columns: Mapping[str, Any], dense_others: Sequence[Any]) -> Columns:
    """Each metric's scores under its name: `test_top5`, `dense_test_top5`, `delta_test_top5`, and for validation.

    `columns` have those of the primary metric and `other_scores`, `dense_others` are those of the dense networks.
    """
    primary = columns["metric"].to_pylist()
    others = columns["other_scores"].to_pylist()
    recorded = (other["metric"] for row in others if row for other in row)
    named: Columns = {}
    for metric in dict.fromkeys([*primary, *recorded]) or (ACCURACY,):
        rows = [name == metric for name in primary]
        own, dense = _others(others, metric), _others(dense_others, metric)
        for prefix, split in ((prefix, split) for prefix in ("", "dense_", "delta_") for split in SPLITS):
            scores = columns[f"{prefix}{split}_score"]
            if not all(rows):
                scores = _chosen(rows, scores.to_pylist(), _secondary(prefix, f"{split}_score", own, dense))
            named[f"{prefix}{split}_{metric}"] = scores
        if any(rows) and "train_score" in columns:
            named[f"train_{metric}"] = _chosen(rows, columns["train_score"].to_pylist(), [None] * len(rows))
    return named


def _others(rows: Sequence[Any], metric: str) -> list[Any]:
    """The scores of each row by a metric other than its primary one, or None."""
    return [next((other for other in row if other["metric"] == metric), None) if row else None for row in rows]


def _secondary(prefix: str, score: str, own: Sequence[Any], dense: Sequence[Any]) -> list[float | None]:
    if prefix != "delta_":
        return [other[score] if other else None for other in (dense if prefix else own)]
    return [
        _change(other[score], origin[score], other["metric_unit"] == PERCENT) if other and origin else None
        for other, origin in zip(own, dense, strict=True)
    ]


def _chosen(rows: Sequence[bool], scores: Sequence[Any], others: Sequence[Any]) -> pa.Array:
    """The scores of some rows, and other scores of the rest."""
    chosen = [score if row else other for row, score, other in zip(rows, scores, others, strict=True)]
    return pa.array(chosen, pa.float64())
