"""How long a plan will take, estimated from past trials of the same tasks, or from their rehearsals."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any, NamedTuple

from orchestrator.planning.crossing import questions
from orchestrator.planning.facts import Facts, Question, task_of
from orchestrator.sweep.spec import SweepSpec
from workers.store import Store
from workers.trial import Job, Task, canonical, digest

_ENOUGH = 500  # the newest records are as good as all


def seconds_per_step(store: Store) -> dict[str, float]:
    """Median seconds per step, evaluations included, by the digest of a task. Empty without records."""
    table = store.records.read_all().table.select(["settings", "step", "wall_seconds", "finished_at"])
    samples: dict[str, list[float]] = defaultdict(list)
    for row in table.sort_by([("finished_at", "descending")]).slice(0, _ENOUGH).to_pylist():
        if row["settings"] and row["step"] and row["wall_seconds"]:
            task = json.loads(row["settings"]).get("task")
            samples[_task(task)].append(row["wall_seconds"] / row["step"])
    return {task: median(values) for task, values in samples.items()}


def rehearsed_seconds_per_step(asked: Iterable[Question], facts: Facts) -> dict[str, float]:
    """Seconds per step of rehearsals, by the digest of a task. Without the tasks that were not rehearsed."""
    answers = [(question, facts[question]) for question in asked]
    return {
        task_digest(task_of(question, answer)): answer.facts["rehearsal"]["seconds_per_step"]
        for question, answer in answers
        if "seconds_per_step" in answer.facts.get("rehearsal", {})
    }


class Ground(NamedTuple):
    """What is known of a task before its trials run: seconds per step, and multiply-adds per step; None if unknown."""

    seconds: float | None = None
    multiply_adds: float | None = None


def grounds(spec: SweepSpec, facts: Facts, store: Store) -> dict[str, Ground]:
    """What is known of each task of a sweep, by its digest: from past trials, else from rehearsals."""
    seconds = rehearsed_seconds_per_step(questions(spec), facts) | seconds_per_step(store)
    return {task: Ground(seconds.get(task), work) for task, work in multiply_adds_per_step(spec, facts).items()}


def multiply_adds_per_step(spec: SweepSpec, facts: Facts) -> dict[str, float | None]:
    """Multiply-adds of a training step of each task of a sweep, by its digest; None if unknown."""
    known = {}
    for question in questions(spec):
        answer = facts[question]
        work = answer.facts["network"].get("multiply_adds")
        known[task_digest(task_of(question, answer))] = work and work * question.recipe.batch_size
    return known


class Estimate(NamedTuple):
    """Trial-seconds (divide by the slots), and whether any of them are estimated from a rehearsal."""

    seconds: float
    rehearsed: bool


def seconds_left(
    jobs: Mapping[str, Job], steps: Mapping[str, int], past: Mapping[str, float], rehearsed: Mapping[str, float]
) -> Estimate | None:
    """How long jobs with so many `steps` left take, by the speed of `past` trials, else of rehearsals; None without."""
    total, uses_rehearsal = 0.0, False
    tasks: dict[int, str] = {}
    for name, job in jobs.items():
        task = job.trial.task
        if id(task) not in tasks:  # a digest takes a while
            tasks[id(task)] = task_digest(task)
        key = tasks[id(task)]
        per_step = past.get(key, rehearsed.get(key))
        if per_step is None:
            return None
        uses_rehearsal |= key not in past
        total += per_step * steps[name]
    return Estimate(total, uses_rehearsal)


def task_digest(task: Task) -> str:
    """What the seconds per step of a task are known by."""
    return _task(canonical(task))


def _task(settings: Any) -> str:
    return digest(settings)[:16]
