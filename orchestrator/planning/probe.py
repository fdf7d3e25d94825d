"""What a sweep takes on this machine, measured: a few steps and an evaluation of each task, in another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from orchestrator.planning.cells import place_in_words
from orchestrator.planning.crossing import Crossing, rehearsal_of
from orchestrator.planning.estimate import task_digest
from orchestrator.planning.facts import task_of
from orchestrator.sweep.running import ResourcesSpec
from workers.describe.apart import describe_apart
from workers.errors import InputError
from workers.trial import Job, canonical


class Probed(NamedTuple):
    """A task in words, and the seconds that it takes to begin a trial, for a step and for an evaluation."""

    task: str
    begin: float
    step: float
    evaluation: float

    def seconds(self, job: Job, steps: int) -> float:
        """Seconds of a job that has so many steps left."""
        return self.begin + steps * self.step + len(job.records) * self.evaluation


class Probe(NamedTuple):
    """The tasks of a sweep by digest, and how many of its trials this machine can run at once."""

    tasks: dict[str, Probed]
    slots: int

    def seconds(self, jobs: Mapping[str, Job], steps: Mapping[str, int]) -> dict[str, float]:
        """Seconds of each job, given its steps left."""
        digests = {id(job.trial.task): "" for job in jobs.values()}
        for job in jobs.values():
            digests[id(job.trial.task)] = digests[id(job.trial.task)] or task_digest(job.trial.task)
        return {name: self.tasks[digests[id(job.trial.task)]].seconds(job, steps[name]) for name, job in jobs.items()}


def probe(crossing: Crossing) -> Probe:
    """Measure each task of a sweep on this machine. Raises InputError where that fails."""
    spec, how = crossing.spec, rehearsal_of(crossing.spec)
    words: dict[str, str] = {}
    requests: dict[str, dict[str, Any]] = {}
    for setting, facts in crossing:
        task = task_of(setting.question, facts)
        digest, labels = task_digest(task), setting.labels()
        place = place_in_words(labels)
        words.setdefault(digest, f"{place} on {labels['dataset']}" if len(spec.datasets) > 1 else place)
        names = {name: canonical(getattr(task, name)) for name in ("dataset", "network", "recipe")}
        requests.setdefault(digest, names | {"probe": how})
    answers = describe_apart(list(requests.values()), "Measuring a few steps of each task on this machine")
    for answer in answers:
        if "error" in answer:
            raise InputError(answer["error"], hint=answer["hint"])
    measured = dict(zip(requests, (answer["probe"] for answer in answers), strict=True))
    tasks = {
        digest: Probed(words[digest], result["begin"], result["step"], result["evaluation"])
        for digest, result in measured.items()
    }
    machine = next(iter(measured.values()))
    return Probe(tasks, _slots(spec.resources, machine["cpus"], machine["gpus"]))


def _slots(resources: ResourcesSpec, cpus: int, gpus: int) -> int:
    """Trials that fit on a machine at once, at least 1."""
    fits = [cpus // resources.cpus]
    if resources.gpus:
        fits.append(int(gpus / resources.gpus))
    return max(1, min(fits))


def longest_chain(jobs: Mapping[str, Job], seconds: Mapping[str, float]) -> float:
    """Seconds of the longest chain of jobs that start from each other; `jobs` has parents before children."""
    ends: dict[str, float] = {}
    for name, job in jobs.items():
        begin = max((ends[stop.trial] for stop in job.trial.parents if stop.trial in ends), default=0.0)
        ends[name] = begin + seconds[name]
    return max(ends.values(), default=0.0)
