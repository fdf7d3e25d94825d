"""Rows that figures are drawn from: the demo's, the published study's, and seeded random ones."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.results.reference import published
from tests.support.places import ROOT
from tests.support.records import cell, dense_cell, record_of

TECHNIQUES = (
    *("fine_tuning", "weight_rewinding", "lr_rewinding", "low_lr_weight_rewinding", "reinitialization"),
    *("my_technique_with_a_long_name", "another"),
)


@pytest.fixture(scope="session")
def demo():
    """The 135 cells of `make demo`, without what tells of the machine."""
    return pq.read_table(ROOT / "tests/golden/demo.parquet")


@pytest.fixture(scope="session")
def reference():
    """`reference("resnet20")`: the study's rows of a network. Drawing is faster than with all of them."""
    rows = published()
    networks = np.array(rows.column("network").to_pylist())
    return cache(lambda network: rows.filter(networks == network))


@pytest.fixture(scope="session")
def random_rows():
    """`random_rows(seed)`: a grid of random techniques, compressions, budgets, replicates, gaps and accuracies."""
    return cache(_random_rows)


def _random_rows(seed):
    random = np.random.default_rng(seed)
    techniques = random.choice(TECHNIQUES, random.integers(1, len(TECHNIQUES) + 1), replace=False)
    compressions = sorted(set(np.round(1.05 + 30 * random.random(random.integers(1, 12)) ** 3, 2).tolist()))
    replicates, budgets = int(random.integers(1, 5)), sorted(set(random.integers(1, 60, 3).tolist()))
    scale = 10 ** random.uniform(-3, -0.5)
    rows = [joined(dense_cell(replicate=replicate), 0.9) for replicate in range(replicates)]
    for technique, compression, epochs, replicate in product(techniques, compressions, budgets, range(replicates)):
        labels = {"budget": f"{epochs}ep", "budget_epochs": float(epochs), "search_cost_epochs": float(epochs)}
        pruned = cell(technique=str(technique), compression=compression, replicate=replicate, **labels)
        score = float(np.clip(0.9 - scale * abs(random.normal()) * compression / 10, 0, 1))
        rows.append(joined(pruned, score if random.random() > 0.02 else None))
    return pa.Table.from_pylist(rows)


def joined(cell, accuracy):
    """A cell and its record as one row, as `frame.join` gives it; None for a record that is missing."""
    values = record_of(cell, test_score=accuracy, validation_score=accuracy, kept_weights=int(1000 * cell["density"]))
    if accuracy is None:
        values = dict.fromkeys(values)
    delta = None if accuracy is None else 100 * (accuracy - 0.9)
    dense = {"dense_test_score": 0.9, "dense_validation_score": 0.9, "dense_epochs": 60.0}
    deltas = {"delta_test_score": delta, "delta_validation_score": delta}
    return values | cell | dense | deltas | {"mixed_parents": False, "same_run_as": None}
