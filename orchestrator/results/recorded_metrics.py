"""Rows as they are when another recorded metric is the primary one.

Frames have the scores of every metric by name (`test_f1`), but the unit and the direction only of the primary one.
Those of the others are in the metadata of the schema, by evaluation, so that filtered rows still have them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa

from orchestrator.results.score_columns import METRIC, SCORES, metric_columns, metric_of
from workers.errors import InputError
from workers.metrics.facts import MetricFacts
from workers.registry import closest

KEY = "prunesweep.metrics"
"""Of the metadata, and in the attributes of frames."""

Recorded = Mapping[str, Mapping[str, MetricFacts]]
"""The metrics besides the primary one, by evaluation and name."""


def with_recorded_metrics(rows: pa.Table, records: pa.Table) -> pa.Table:
    """Rows that know which metrics their records have besides the primary one."""
    recorded: dict[str, dict[str, list[object]]] = {}
    for record in records.select(["evaluation", "other_scores"]).to_pylist():
        for other in record["other_scores"] or ():
            recorded.setdefault(record["evaluation"], {})[other["metric"]] = [other[name] for name in METRIC]
    return with_metadata(rows, json.dumps(recorded, sort_keys=True)) if recorded else rows


def with_metadata(rows: pa.Table, recorded: str) -> pa.Table:
    """Rows with what `metadata_of` returned for others."""
    return rows.replace_schema_metadata({**(rows.schema.metadata or {}), KEY: recorded})


def metadata_of(rows: pa.Table) -> str | None:
    """What rows know of metrics besides the primary one, as text."""
    text = (rows.schema.metadata or {}).get(KEY.encode())
    return None if text is None else text.decode()


def judged_by(rows: pa.Table, metric: str | None) -> pa.Table:
    """The rows that have a metric, with its scores, unit and direction in place of those of the primary metric.

    Without a `metric`, the rows as they are. Raises InputError if no row has it.
    """
    if metric is None:
        return rows
    recorded = _recorded(rows)
    labels = rows.select([name for name in ("evaluation", *METRIC) if name in rows.column_names]).to_pylist()
    choices = [{**recorded.get(row["evaluation"], {}), metric_of(row).name: metric_of(row)} for row in labels]
    if not any(metric in choice for choice in choices):
        names = list(dict.fromkeys(name for choice in choices for name in choice))
        raise InputError(f"no cell has the metric `{metric}`", hint=closest(metric, names))
    kept = rows.filter([metric in choice for choice in choices])
    columns = metric_columns([choice[metric] for choice in choices if metric in choice])
    columns |= {
        f"{prefix}{score}": kept.column(f"{prefix}{score.removesuffix('score')}{metric}")
        for prefix in ("", "dense_", "delta_")
        for score in SCORES
    }
    for name, column in columns.items():
        index = kept.schema.get_field_index(name)
        kept = kept.append_column(name, column) if index < 0 else kept.set_column(index, name, column)
    return kept


def _recorded(rows: pa.Table) -> Recorded:
    recorded = json.loads(metadata_of(rows) or "{}")
    return {
        evaluation: {name: MetricFacts(*facts) for name, facts in metrics.items()}
        for evaluation, metrics in recorded.items()
    }
