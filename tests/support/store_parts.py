"""What tests write into stores: a record with something in every column, its details, cells, and files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import obstore.store
import pyarrow as pa

from tests.support.stores import results
from workers.store import Store
from workers.store.filesystems.bucket import BucketFiles
from workers.store.filesystems.files import Files
from workers.store.filesystems.local import LocalFiles
from workers.store.layout import RecordKey
from workers.store.record import SCHEMA

CELLS = pa.table({"trial": ["a", "b"], "lineage": [["x"], []]})
DETAIL = {
    "parameters": 5,
    "layers": [{"layer": "w", "weights": 4, "kept": 2, "multiply_adds": 4.0}],
    "curve": [{"step": 5, "learning_rate": 0.1, "train_loss": 1.5, "train_accuracy": 0.5}],
}


def files_at(kind: str, folder: Path) -> Files:
    """A local folder or a bucket in memory."""
    return LocalFiles(folder) if kind == "local" else BucketFiles(obstore.store.MemoryStore(), "memory")


def record(trial: str = "a", step: int = 3, accuracy: float = 0.5, **others: Any) -> dict[str, Any]:
    """A record with something in every column."""
    text: dict[str, Any] = {field.name: "x" for field in SCHEMA if pa.types.is_string(field.type)}
    numbers = {field.name: 1 for field in SCHEMA if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)}
    times = {"started_at": datetime(2025, 1, 1, tzinfo=UTC), "finished_at": datetime.now(UTC)}
    truths: dict[str, Any] = {field.name: True for field in SCHEMA if pa.types.is_boolean(field.type)}
    scores = [{"metric": "x", "metric_unit": "x", "higher_is_better": True, "validation_score": 1.0, "test_score": 1.0}]
    key = {"trial": trial, "step": step, "evaluation": "e", "test_score": accuracy}
    return text | numbers | truths | times | {"other_scores": scores} | key | others


def accuracies(store: Store) -> dict[RecordKey, float]:
    """The test accuracy of every record."""
    rows = results(store)
    return {RecordKey(row["trial"], row["step"], row["evaluation"]): row["test_score"] for row in rows}
