"""Many trials and many records: what a trial costs the driver, and the time of planning and of reading commands.

    python benchmarks/scale.py [--trials 1000 3000 10000 | --quick]

Each number of trials is a sweep through Ray, whose first and last thousand trials must cost the driver the same.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from driver_costs import cpu_each, follow, memory_at
from measure import Figure, finish, prunesweep, wait, work_in, write_sweep

import prunesweep as ps
from orchestrator.planning import changes, expand
from orchestrator.planning.crossing import find_out
from orchestrator.planning.plan import Cell
from workers.store import Store
from workers.store.checksummed import to_parquet
from workers.store.layout import RecordKey, record_file
from workers.store.record import SCHEMA_VERSION, whole_table
from workers.text import plural

CONSOLIDATE = """
import sys, time
from orchestrator.cli.startup import spare_pandas
spare_pandas()  # as the command does: pyarrow would import it
import pyarrow.compute, pyarrow.parquet  # which are imported only when needed
from pathlib import Path
from driver_costs import memory_of
from workers.store import Store
store = Store(sys.argv[1])
begin = time.process_time()
store.records.consolidate()
seconds = time.process_time() - begin
print(seconds, memory_of(Path("/proc/self"))[1])
"""
LAYERS, EPOCHS = 20, 182
TRIALS_A_REPLICATE = 25  # of the trivial sweep
LEAST_FOR_GROWTH = 10_000  # trials: with fewer, what each adds to the memory is lost in the rest
TECHNIQUES = ["fine_tuning", "weight_rewinding", "lr_rewinding", "low_lr_weight_rewinding", "reinitialization"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[1_000, 3_000, 10_000], help="multiples of 25")
    parser.add_argument("--quick", action="store_true", help="a small run, to check that it works")
    given = parser.parse_args()
    quick, sizes = given.quick, [200] if given.quick else given.trials
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as folder:
        figures = [
            *itertools.chain.from_iterable(driver(Path(folder), trials) for trials in sizes),
            *small_store(Path(folder)),
            *planning(Path(folder)),
            *large_store(Path(folder), replicates=1 if quick else 15),
        ]
    finish("scale", quick, figures)


def driver(folder: Path, trials: int) -> list[Figure]:
    """A sweep of trials that do next to nothing, through Ray."""
    name = f"trivial-{trials}"
    file, store = write_sweep(folder / f"{name}.yaml", trivial_sweep(trials // TRIALS_A_REPLICATE)), folder / name
    begin = time.perf_counter()
    process = prunesweep("run", file, "--store", store, "--cpus", "2", "--quiet")
    samples = follow(process, store)
    wait([process])
    seconds, work = time.perf_counter() - begin, work_in(store)
    trials, part = work.trials, min(1_000, work.trials // 2)
    size = plural(trials, "trial")
    early, late = cpu_each(samples, 1, part), cpu_each(samples, trials - part, trials)
    before = memory_at(samples, part)
    most = 8 if trials >= LEAST_FOR_GROWTH else None
    growth = memory_at(samples, trials) - before
    return [
        Figure(f"{size}: driver's CPU for each of the first {part:,}", early, "ms", at_most=16),
        Figure(f"{size}: ... of the last {part:,}", late, "ms", at_most=16),
        Figure(f"{size}: time of each", 1000 * work.seconds / trials, "ms", at_most=30),
        Figure(f"{size}: before the first and after the last", seconds - work.seconds, "s"),
        Figure(f"{size}: driver's memory after the first {part:,}", before, "MB"),
        Figure(f"{size}: ... and its growth with each", 1000 * growth / (trials - part), "kB", most),
        Figure(f"{size}: ... and at most", max(sample.peak for sample in samples), "MB"),
    ]


def small_store(folder: Path) -> list[Figure]:
    """Reading commands on a hundred cells, without the time that Python takes to start."""
    file, store = write_sweep(folder / "small.yaml", trivial_sweep(replicates=4)), folder / "small"
    wait([prunesweep("run", file, "--store", store, "--in-process", "--quiet")])
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    python = time.perf_counter() - begin
    return [
        Figure("status of 100 cells, beyond Python's start", timed("status", store) - python, "s", at_most=0.5),
        Figure("table of 100 cells, beyond Python's start", timed("table", store) - python, "s", at_most=1),
    ]


def planning(folder: Path) -> list[Figure]:
    spec = ps.load(write_sweep(folder / "plan.yaml", large_sweep(compressions=50, budgets=10, replicates=10)))
    crossing = find_out(spec, None)
    begin = time.perf_counter()
    plan = expand.make_plan(crossing)
    seconds = time.perf_counter() - begin
    return [Figure("cells planned", len(plan.cells), "cells"), Figure("plan of them", seconds, "s", at_most=10)]


def large_store(folder: Path, replicates: int) -> list[Figure]:
    """Reading commands on 1,506 cells per replicate, all of them done and consolidated."""
    spec = ps.load(write_sweep(folder / "large.yaml", large_sweep(compressions=43, budgets=7, replicates=replicates)))
    plan = expand.make_plan(find_out(spec, None))
    store = Store(folder / "large", create=True)
    store.sweeps.add(spec.name, {"version": 1, "spec": spec.canonical(), "tasks": changes.tasks(plan)}, plan.table())
    records = {cell.stop: record(cell, plan.evaluation.key) for cell in plan.cells}.values()
    publish_all(folder / "large", records, itertools.repeat(detail(density=0.5)))
    cached, memory = consolidation(store)
    shutil.rmtree(folder / "large" / "cache")
    uncached, _ = consolidation(store)
    commands = {"status": [], "table": [], "export": ["--to", folder / "export"]}
    limits = {"export": 30.0}  # it reads the file of each record, and writes four million points of learning curves
    return [
        Figure("records read", len(store.records.all_keys()), "records"),
        Figure("CPU of consolidating 10,000 records after a run", cached, "s", at_most=1),
        Figure("... and the memory of that process with all records", memory, "MB", at_most=300),
        Figure("CPU of consolidating 10,000 records without a cache", uncached, "s", at_most=15),
    ] + [
        Figure(f"{name} of them", timed(name, folder / "large", *words), "s", at_most=limits.get(name, 3))
        for name, words in commands.items()
    ]


def consolidation(store: Store) -> tuple[float, float]:
    """The CPU time of consolidating 10,000 records, in seconds, and the most memory of a process that does, in MB."""
    words = [sys.executable, "-c", CONSOLIDATE, store.location]
    here = Path(__file__).parent  # where the program finds `driver_costs`
    printed = subprocess.run(words, cwd=here, capture_output=True, text=True, check=True).stdout
    seconds, memory = map(float, printed.split())
    return seconds * 10_000 / len(store.records.all_keys()), memory


def publish_all(folder: Path, records: Iterable[dict[str, Any]], details: Iterable[dict[str, Any]]) -> None:
    """Write each record to its file, without the waits that make publication safe, and consolidate them."""
    for place in ("results", "logs"):
        (folder / place).mkdir()
    for record, detail in zip(records, details, strict=False):
        name = record_file(RecordKey(record["trial"], record["step"], record["evaluation"]))
        (folder / "results" / name).write_bytes(to_parquet(whole_table(record, detail)))
        (folder / "logs" / record["trial"]).mkdir(exist_ok=True)
        (folder / "logs" / record["trial"] / "0001.log").touch()
    Store(folder).records.consolidate()


def detail(density: float) -> dict[str, Any]:
    layers = [
        {"layer": f"layer{number}.conv", "weights": 9_216, "kept": round(9_216 * density), "multiply_adds": 2e6}
        for number in range(LAYERS)
    ]
    curve = [
        {"step": 391 * (epoch + 1), "learning_rate": 0.1, "train_loss": 2 / (epoch + 1), "train_accuracy": 0.9}
        for epoch in range(EPOCHS)
    ]
    return {"parameters": 272_474, "layers": layers, "curve": curve}


def trivial_sweep(replicates: int) -> dict[str, Any]:
    """25 trials per replicate: a perceptron of about 150 weights on 20 images, one or two steps."""
    images = {"train_images": 20, "test_images": 10, "classes": 2, "channels": 1, "size": 4}
    return {
        "dataset": {"name": "synthetic"} | images,
        "network": {"name": "mlp", "hidden": [8]},
        "recipe": {"duration": "2it", "batch_size": 10, "optimizer": {"name": "SGD", "lr": 0.1}},
        "grid": [
            {
                "technique": "weight_rewinding",
                "compression": [1 + number / 10 for number in range(1, 25)],
                "budget": "1it",
                "replicates": replicates,
            }
        ],
    }


def large_sweep(compressions: int, budgets: int, replicates: int) -> dict[str, Any]:
    """The paper's ResNet-20 with a cosine schedule, with which no two cells share a trial."""
    return {
        "dataset": "cifar10",
        "network": "resnet20",
        "recipe": {
            "duration": "71108it",
            "batch_size": 128,
            "optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 2e-4},
            "schedule": {"name": "cosine"},
            "fine_tuning_rate": 0.001,
        },
        "grid": [
            {
                "technique": TECHNIQUES,
                "compression": [1.5 + number / 4 for number in range(compressions)],
                "budget": [f"{10 + 15 * number}ep" for number in range(budgets)],
                "replicates": replicates,
            }
        ],
    }


def record(cell: Cell, evaluation: str) -> dict[str, Any]:
    """A record that a cell might have; missing columns are null."""
    accuracy = 0.92 - float(1 / cell.density) / 1000 - cell.replicate / 10_000
    now = datetime.now(UTC)
    return {
        "trial": cell.stop.trial,
        "step": cell.stop.step,
        "evaluation": evaluation,
        "stage": "1" if cell.round else "dense",
        "replicate": cell.replicate,
        "validation_score": accuracy,
        "validation_loss": 1 - accuracy,
        "validation_examples": 2000,
        "test_score": accuracy,
        "test_loss": 1 - accuracy,
        "test_examples": 8000,
        "prunable_weights": 271_152,
        "kept_weights": round(271_152 * cell.density),
        "achieved_density": float(cell.density),
        "state_digest": cell.stop.trial,
        "schema_version": SCHEMA_VERSION,
        "attempts": 1,
        "wall_seconds": 60.0,
        "started_at": now,
        "finished_at": now,
    }


def timed(*words: Any) -> float:
    """The wall time of a command, in seconds."""
    begin = time.perf_counter()
    wait([prunesweep(*words)])
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
