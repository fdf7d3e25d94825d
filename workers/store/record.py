"""The schema of a record: one Parquet row for each (trial, step, evaluation).

Columns in `RESULT_COLUMNS` are what the trial computed: two executions of it must agree on them. The others say
where and when that happened. Columns are only added or renamed, and `SCHEMA_VERSION` is raised with each change;
readers find renamed ones by `FORMER_NAMES`, and fill columns that an older record lacks with what `IMPLIED` says, or
nulls.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from workers.trial import ACCURACY

SCHEMA_VERSION = 4

FORMER_NAMES = {
    "achieved_density": ("density",),  # in schema 1; the others in schemas 1 to 3
    "train_score": ("train_accuracy",),
    "validation_score": ("validation_accuracy",),
    "validation_examples": ("validation_images",),
    "test_score": ("test_accuracy",),
    "test_examples": ("test_images",),
}
"""Columns that had other names in earlier schemas."""

IMPLIED = {"metric": ACCURACY, "metric_unit": "percent", "higher_is_better": True}
"""What earlier schemas did not have to say."""

_OTHER_SCORE = pa.struct(
    [
        pa.field("metric", pa.string()),
        pa.field("metric_unit", pa.string()),
        pa.field("higher_is_better", pa.bool_()),
        pa.field("validation_score", pa.float64()),
        pa.field("test_score", pa.float64()),
    ]
)

_RESULTS = [
    pa.field("trial", pa.string(), nullable=False),
    pa.field("step", pa.int64(), nullable=False),
    pa.field("evaluation", pa.string(), nullable=False),
    pa.field("stage", pa.string(), nullable=False),
    pa.field("replicate", pa.int32(), nullable=False),
    pa.field("start_trial", pa.string()),
    pa.field("start_step", pa.int64()),
    pa.field("mask_trial", pa.string()),
    pa.field("mask_step", pa.int64()),
    pa.field("epochs", pa.float64()),  # trained in this trial up to this stop
    pa.field("learning_rate", pa.float64()),  # of the last step; null at step 0
    pa.field("train_loss", pa.float64()),  # mean over the last whole epoch; null before one is complete
    pa.field("metric", pa.string()),  # the primary one; see workers.metrics.facts for this and the next two
    pa.field("metric_unit", pa.string()),
    pa.field("higher_is_better", pa.bool_()),
    pa.field("train_score", pa.float64()),  # null for metrics that cannot be summed while training
    pa.field("validation_score", pa.float64()),  # fractions of 1 if the unit is percent
    pa.field("validation_loss", pa.float64()),
    pa.field("validation_examples", pa.int64()),
    pa.field("test_score", pa.float64()),
    pa.field("test_loss", pa.float64()),
    pa.field("test_examples", pa.int64()),
    pa.field("other_scores", pa.list_(_OTHER_SCORE)),  # of the metrics that are recorded besides the primary one
    pa.field("prunable_weights", pa.int64()),
    pa.field("kept_weights", pa.int64()),
    pa.field("achieved_density", pa.float64()),  # kept_weights / prunable_weights
    pa.field("collapsed_layers", pa.int32()),  # prunable layers without one weight left
    pa.field("multiply_adds", pa.float64()),  # of the dense network, one example
    pa.field("sparse_multiply_adds", pa.float64()),  # theoretical: each layer's times its density
    pa.field("paper_flops", pa.float64()),  # the study's own counter
    pa.field("sparse_paper_flops", pa.float64()),
    pa.field("state_digest", pa.string()),  # SHA-256 of the state at this stop
    pa.field("start_digest", pa.string()),  # ... of the state it started from
    pa.field("mask_digest", pa.string()),  # ... of the state its mask was made from
]

_PROVENANCE = [
    pa.field("schema_version", pa.int32(), nullable=False),
    pa.field("settings", pa.string()),  # the trial's canonical settings, JSON
    pa.field("metric_signature", pa.string()),  # of the primary metric, if it has one, such as sacrebleu's
    pa.field("attempts", pa.int32()),
    pa.field("wall_seconds", pa.float64()),  # training and evaluation in this trial up to this stop
    pa.field("started_at", pa.timestamp("us", tz="UTC")),
    pa.field("finished_at", pa.timestamp("us", tz="UTC")),
    pa.field("host", pa.string()),
    pa.field("device", pa.string()),
    pa.field("instruction_set", pa.string()),
    pa.field("threads", pa.int32()),
    pa.field("ranks", pa.int32()),
    pa.field("python_version", pa.string()),
    pa.field("torch_version", pa.string()),
    pa.field("prunesweep_version", pa.string()),
    pa.field("commit", pa.string()),
]

SCHEMA = pa.schema(_RESULTS + _PROVENANCE)
RESULT_COLUMNS = tuple(f.name for f in _RESULTS)

DETAIL_SCHEMA = pa.schema(
    [
        pa.field("parameters", pa.int64()),  # null in older files
        pa.field(
            "layers",
            pa.list_(
                pa.struct(
                    [
                        ("layer", pa.string()),
                        ("weights", pa.int64()),
                        ("kept", pa.int64()),
                        ("multiply_adds", pa.float64()),
                    ]
                )
            ),
        ),
        pa.field(
            "curve",
            pa.list_(
                pa.struct(
                    [
                        ("step", pa.int64()),
                        ("learning_rate", pa.float64()),
                        ("train_loss", pa.float64()),
                        ("train_accuracy", pa.float64()),
                    ]
                )
            ),
        ),
    ]
)
"""The details of a record, which are in its file (before schema 3, in one next to it). None is compared when a stop
is repeated.

All parameters of the network, of which a record's `prunable_weights` are a share; per-layer weights in network order;
and the learning curve, one point per epoch.
"""


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table of the declared schema. Raises pyarrow.ArrowInvalid for values that do not fit."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def whole_table(record: dict[str, Any], detail: dict[str, Any]) -> pa.Table:
    """A record with its details, as its file has them. Raises pyarrow.ArrowInvalid for values that do not fit."""
    return pa.Table.from_pylist([record | detail], schema=whole_schema())


def whole_schema() -> pa.Schema:
    return pa.schema([*SCHEMA, *DETAIL_SCHEMA])


def same_result(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two records of the same stop agree on everything the trial computed."""
    return all(
        first[name] == second[name] or (first[name] != first[name] and second[name] != second[name])  # both NaN
        for name in RESULT_COLUMNS
    )
