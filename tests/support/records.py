"""Hand-written cells and records for tests: full, valid, and different only where a test says so."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestrator.planning.cells import CELLS
from orchestrator.results.frame import join
from workers.store import Store
from workers.store.record import SCHEMA_VERSION

EVALUATION = "e0e0e0e0"


def record(**overrides: Any) -> dict[str, Any]:
    """A record as a worker publishes it: a network at 4× that gets 90% on both splits."""
    values = {
        "trial": "trial",
        "step": 100,
        "evaluation": EVALUATION,
        "stage": "1",
        "replicate": 0,
        "start_trial": "dense_0",
        "start_step": 100,
        "mask_trial": "dense_0",
        "mask_step": 100,
        "epochs": 10.0,
        "learning_rate": 0.001,
        "train_loss": 0.01,
        "metric": "accuracy",
        "metric_unit": "percent",
        "higher_is_better": True,
        "train_score": 0.99,
        "validation_score": 0.9,
        "validation_loss": 0.3,
        "validation_examples": 2000,
        "test_score": 0.9,
        "test_loss": 0.31,
        "test_examples": 8000,
        "other_scores": None,
        "prunable_weights": 1000,
        "kept_weights": 250,
        "achieved_density": 0.25,
        "collapsed_layers": 0,
        "multiply_adds": 4e6,
        "sparse_multiply_adds": 1e6,
        "paper_flops": 4.1e6,
        "sparse_paper_flops": 1.1e6,
        "state_digest": None,
        "start_digest": None,
        "mask_digest": None,
        "schema_version": SCHEMA_VERSION,
        "settings": "{}",
        "attempts": 1,
        "wall_seconds": 12.5,
        "started_at": datetime(2025, 1, 1, tzinfo=UTC),
        "finished_at": datetime(2025, 1, 1, 0, 1, tzinfo=UTC),
        "host": "host",
        "device": "cpu",
        "instruction_set": "avx2",
        "threads": 1,
        "ranks": 1,
        "python_version": "3.11",
        "torch_version": "2.10",
        "prunesweep_version": "0.1.0",
        "commit": None,
    }
    return values | overrides


def cell(**overrides: Any) -> dict[str, Any]:
    """A cell of a one-shot grid; its trial's id spells out what it is, unless given."""
    values = {
        "dataset": "digits",
        "network": "resnet8",
        "recipe": "default",
        "pruning": "magnitude",
        "schedule": "one_shot",
        "technique": "fine_tuning",
        "round": 1,
        "compression": 4.0,
        "budget": "10ep",
        "budget_epochs": 10.0,
        "replicate": 0,
        "search_cost_epochs": 10.0,
        "step": 100,
        "evaluation": EVALUATION,
        "dense_step": 100,
    } | overrides
    dense = values["technique"] == "dense"
    named = "-".join(str(values[name]) for name in ("schedule", "technique", "compression", "budget", "replicate"))
    values.setdefault("dense_trial", f"dense_{values['replicate']}")
    values.setdefault("trial", values["dense_trial"] if dense else named.replace("-", "_"))
    derived = {"density": 1 / values["compression"], "lineage": [] if dense else [values["dense_trial"]]}
    return derived | values


def dense_cell(**overrides: Any) -> dict[str, Any]:
    """The dense network of a replicate."""
    fixed = {"pruning": "none", "schedule": "dense", "technique": "dense", "compression": 1.0, "round": 0}
    return cell(**(fixed | {"budget": None, "budget_epochs": None, "search_cost_epochs": 0.0} | overrides))


def record_of(cell: dict[str, Any], **overrides: Any) -> dict[str, Any]:
    """The record that a cell points to."""
    shared = {name: cell[name] for name in ("trial", "step", "evaluation", "replicate")}
    return record(**(shared | {"achieved_density": cell["density"]} | overrides))


def cells_table(cells: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(cells, schema=CELLS)


def make_store(
    location: str | os.PathLike[str],
    cells: list[dict[str, Any]],
    records: list[dict[str, Any]],
    *,
    sweep: str = "digits",
) -> Store:
    """A new store with one sweep of these cells, and these records published."""
    store = Store(location, create=True)
    store.sweeps.add(sweep, {"name": sweep}, cells_table(cells))
    for published in records:
        store.records.publish(published, {"layers": [], "curve": []})
    return store


_DENSE = {0: 0.90, 1: 0.91, 2: 0.92}


def result_grid(
    path: Path, groups: dict[tuple[str, float, str], tuple[Any, Any]], *, missing: Collection[tuple[str, str, int]] = ()
) -> pa.Table:
    """Results of three replicates: `groups` maps (technique, compression, budget) to (test, validation) losses."""
    cells = [dense_cell(replicate=replicate) for replicate in _DENSE]
    records = [
        record_of(record_cell, test_score=accuracy, validation_score=accuracy)
        for record_cell, accuracy in zip(cells, _DENSE.values(), strict=True)
    ]
    for (technique, compression, budget), (test, validation) in groups.items():
        for replicate, accuracy in _DENSE.items():
            retrained = cell(
                technique=technique,
                compression=compression,
                budget=budget,
                budget_epochs=float(budget.removesuffix("ep")),
                replicate=replicate,
            )
            cells.append(retrained)
            if (technique, budget, replicate) not in missing:
                losses = {
                    "test_score": accuracy - test[replicate],
                    "validation_score": accuracy - validation[replicate],
                }
                records.append(record_of(retrained, **losses))
    return join(make_store(path, cells, records)).rows
