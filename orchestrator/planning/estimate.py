"""How long a plan will take, estimated from past trials of the same tasks."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import Any

from orchestrator.planning.plan import Plan, steps_left
from workers.store import Store
from workers.trial import Job, Stop, canonical, digest

_ENOUGH = 500  # the newest records are as good as all


def seconds_per_step(store: Store) -> dict[str, float]:
    """Median seconds per step, evaluations included, by the digest of a task. Empty without records."""
    table = store.records.read_all().table.select(["settings", "step", "wall_seconds"])
    samples: dict[str, list[float]] = defaultdict(list)
    for row in table.slice(max(0, table.num_rows - _ENOUGH)).to_pylist():
        if row["settings"] and row["step"] and row["wall_seconds"]:
            task = json.loads(row["settings"]).get("task")
            samples[_task(task)].append(row["wall_seconds"] / row["step"])
    return {task: median(values) for task, values in samples.items()}


def seconds_left(plan: Plan, jobs: Mapping[str, Job], checkpoints: set[Stop], store: Store) -> float | None:
    """Trial-seconds that jobs will take (divide by the slots); None if a task has no past trials."""
    per_step = seconds_per_step(store)
    total = 0.0
    tasks: dict[int, str] = {}
    for name, job in jobs.items():
        task = job.trial.task
        key = tasks.setdefault(id(task), _task(canonical(task)))
        if key not in per_step:
            return None
        total += per_step[key] * steps_left(job, name, checkpoints)
    return total


def _task(settings: Any) -> str:
    return digest(settings)[:16]
