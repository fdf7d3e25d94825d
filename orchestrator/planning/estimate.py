"""How long a plan will take, estimated from past trials of the same tasks, or from their rehearsals."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any, NamedTuple

from orchestrator.planning.facts import Facts, Question, task_of
from orchestrator.planning.plan import steps_left
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


def rehearsed_seconds_per_step(questions: Iterable[Question], facts: Facts) -> dict[str, float]:
    """Seconds per step of rehearsals, by the digest of a task. Without the tasks that were not rehearsed."""
    answers = [(question, facts[question]) for question in questions]
    return {
        _task(canonical(task_of(question, answer))): answer.facts["rehearsal"]["seconds_per_step"]
        for question, answer in answers
        if "seconds_per_step" in answer.facts.get("rehearsal", {})
    }


class Estimate(NamedTuple):
    """Trial-seconds (divide by the slots), and whether any of them are estimated from a rehearsal."""

    seconds: float
    rehearsed: bool


def seconds_left(
    jobs: Mapping[str, Job], checkpoints: set[Stop], past: Mapping[str, float], rehearsed: Mapping[str, float]
) -> Estimate | None:
    """How long jobs will take, by the seconds per step of `past` trials, else of rehearsals; None without both."""
    total, uses_rehearsal = 0.0, False
    tasks: dict[int, str] = {}
    for name, job in jobs.items():
        task = job.trial.task
        key = tasks.setdefault(id(task), _task(canonical(task)))
        per_step = past.get(key, rehearsed.get(key))
        if per_step is None:
            return None
        uses_rehearsal |= key not in past
        total += per_step * steps_left(job, name, checkpoints)
    return Estimate(total, uses_rehearsal)


def _task(settings: Any) -> str:
    return digest(settings)[:16]
