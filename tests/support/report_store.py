"""A store with everything that the report page shows, and the page that was made of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import prunesweep as ps
from tests.support.places import ROOT
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.store.failures import Failure

TECHNIQUES = {"fine_tuning": 0.03, "weight_rewinding": 0.012, "lr_rewinding": 0.010}
"""What each loses at 4×, as a share of the accuracy; twice as much at each doubling, and half at the longer budget."""

BEGUN = datetime(2025, 1, 1, tzinfo=UTC)
FAILED = "one_shot_fine_tuning_16.0_10ep_2"
LAYERS = ("conv", "fc")
GOLDEN = ROOT / "tests" / "golden" / "report.html"


def anonymous(text: str, store: str) -> str:
    """A page without what differs between two machines or versions: the place of its store and our version."""
    return text.replace(store, "runs").replace(f"prunesweep {ps.__version__}", "prunesweep VERSION")


def detail(density: float, steps: int) -> dict[str, object]:
    """Layers, of which the first collapses at 16×, and a learning curve."""
    kept = [0 if density < 0.1 else round(400 * density), round(600 * density)]
    layers = zip(LAYERS, (400, 600), kept, strict=True)
    curve = [
        {"step": step, "learning_rate": 0.1 if step < 60 else 0.01, "train_loss": 2.0 / step, "train_accuracy": 0.9}
        for step in range(10, steps + 1, 10)
    ]
    return {
        "parameters": 1010,
        "layers": [
            {"layer": name, "weights": weights, "kept": left, "multiply_adds": 1e5} for name, weights, left in layers
        ],
        "curve": curve,
    }


def mirrored(record):
    """A record with an error that is lower where the accuracy is higher: a point of one is a unit of the other."""
    metric = {"metric": "rmse", "metric_unit": "mg/dl", "higher_is_better": False, "train_score": None}
    return record | metric | {name: 100 * (1.4 - record[name]) for name in ("test_score", "validation_score")}


def with_both(record):
    """A record of accuracy that also has the error of `mirrored`."""
    error = mirrored(record)
    other = ("metric", "metric_unit", "higher_is_better", "test_score", "validation_score")
    return record | {"other_scores": [{name: error[name] for name in other}]}


def build(path, *, change=None, **labels):
    """Three techniques × 4×, 8×, 16× × two budgets × three replicates; one trial diverged.

    `change` makes other records of these, such as `mirrored`.
    """
    cells, records = [], []
    for replicate in range(3):
        dense = dense_cell(replicate=replicate, **labels)
        cells.append(dense)
        records.append(_record(dense, len(records), test_score=0.9 + 0.002 * replicate, achieved_density=1.0))
        for technique, loss in TECHNIQUES.items():
            for doublings, compression in enumerate((4.0, 8.0, 16.0)):
                for budget in (5.0, 10.0):
                    pruned = cell(
                        technique=technique,
                        compression=compression,
                        replicate=replicate,
                        budget=f"{budget:.0f}ep",
                        budget_epochs=budget,
                        search_cost_epochs=budget,
                        **labels,
                    )
                    cells.append(pruned)
                    if pruned["trial"] != FAILED:
                        # Replicates differ by a little in a fixed pattern, so that intervals have a length.
                        noise = 0.0005 * ((replicate * 7 + doublings * 3 + len(technique)) % 5)
                        accuracy = 0.9 + 0.002 * replicate - loss * 2**doublings * (10 / budget) + noise
                        records.append(
                            _record(pruned, len(records), test_score=accuracy, validation_score=accuracy - 0.001)
                        )
    store = make_store(path, cells, [])
    for number, record in enumerate(map(change, records) if change else records):
        measured = detail(record["achieved_density"], 100)
        if change:
            measured["curve"] = [point | {"train_accuracy": None} for point in measured["curve"]]
        store.records.publish(record, measured)
        assert number < 100
    failure = Failure(outcome="diverged", reason="the loss is nan at step 3", hint="lower the rate", step=3, host="b")
    store.failures.write(FAILED, failure)
    return store


def _record(of, number, **overrides):
    start = BEGUN + timedelta(seconds=20 * (number // 2))
    return record_of(
        of,
        host="ab"[number % 2],
        instruction_set=("avx2", "avx512")[number % 2],
        wall_seconds=15.0 + number % 4,
        started_at=start,
        finished_at=start + timedelta(seconds=15 + number % 4),
        sparse_multiply_adds=4e6 * of["density"],
        **overrides,
    )
