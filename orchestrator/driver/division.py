"""How a sweep is divided among several drivers: whole chains of trials, balanced by cost. Pure, like the plan."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from orchestrator.planning.crossing import Crossing
from orchestrator.planning.estimate import multiply_adds_per_step, task_digest
from orchestrator.planning.plan import Plan
from workers.store.shard import Shard
from workers.trial import Job, digest

_SLACK = 1.1
"""A family of up to this many equal shares stays whole: other shards would wait for its dense network."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The part of a sweep that the driver of a `shard` trains; `owners` has the number of the shard of each trial."""

    shard: Shard
    owners: Mapping[str, int]

    @property
    def division(self) -> str:
        """What only drivers have in common that divide the same trials in the same way."""
        return digest({"count": self.shard.count, "owners": dict(self.owners)})[:16]

    def owns(self, trial: str) -> bool:
        """Whether this shard trains a trial."""
        return self.owners.get(trial) == self.shard.number

    def owner(self, trial: str) -> Shard:
        """The shard that trains a trial."""
        return Shard(self.owners[trial], self.shard.count)


def part_of(plan: Plan, crossing: Crossing, shard: Shard) -> Assignment:
    """The part of a plan that a shard trains. It does not depend on what a store has already."""
    jobs = plan.missing(set(), set())
    return Assignment(shard, divide(jobs, shard.count, _costs(jobs, crossing)))


def divide(jobs: Mapping[str, Job], count: int, costs: Mapping[str, float]) -> dict[str, int]:
    """The number of the part, from 1, of each job. `jobs` has parents before children.

    A family, all that descends from a dense network, stays in one part unless it is much larger than an equal share.
    It is then divided into its chains, and the dense network joins the most expensive chain. The most expensive family
    or chain comes first, each to the part with the least to do.
    """
    loads = [(0.0, number) for number in range(1, count + 1)]
    owners: dict[str, int] = {}
    for bundle in _bundles(jobs, costs, _SLACK * sum(costs.values()) / count):
        load, number = heapq.heappop(loads)
        heapq.heappush(loads, (load + _cost(bundle, costs), number))
        owners |= dict.fromkeys(bundle, number)
    return {trial: owners[trial] for trial in jobs}


def _bundles(jobs: Mapping[str, Job], costs: Mapping[str, float], most: float) -> list[list[str]]:
    """The trials that stay together, most expensive first and otherwise in the order of the plan."""
    places = {trial: place for place, trial in enumerate(jobs)}
    bundles = []
    for family in _connected(jobs, lambda trial: True):
        if _cost(family, costs) <= most:
            bundles.append(family)
        else:
            bundles += _chains({trial: jobs[trial] for trial in sorted(family, key=places.__getitem__)}, costs)
    return sorted(bundles, key=lambda bundle: -_cost(bundle, costs))


def _chains(family: Mapping[str, Job], costs: Mapping[str, float]) -> list[list[str]]:
    """The chains of a family, each root with the most expensive chain that starts from it."""
    roots = [trial for trial, job in family.items() if not job.trial.parents]
    chains = _connected(family, lambda trial: bool(family[trial].trial.parents))
    chains.sort(key=lambda chain: -_cost(chain, costs))
    roots_of = [{stop.trial for trial in chain for stop in family[trial].trial.parents} for chain in chains]
    bundles = [list(chain) for chain in chains]
    for root in roots:
        index = next((index for index, starts in enumerate(roots_of) if root in starts), None)
        if index is None:
            bundles.append([root])
        else:
            bundles[index].append(root)
    return bundles


def _connected(jobs: Mapping[str, Job], counts: Callable[[str], bool]) -> list[list[str]]:
    """The jobs that `counts` picks, in groups that are connected through parents among them."""
    group: dict[str, list[str]] = {}
    for trial in filter(counts, jobs):
        parents = {stop.trial for stop in jobs[trial].trial.parents}
        joined = {id(group[parent]): group[parent] for parent in sorted(parents) if parent in group}
        largest = max(joined.values(), key=len, default=[])
        for smaller in joined.values():
            if smaller is not largest:
                largest += smaller
                group |= dict.fromkeys(smaller, largest)
        largest.append(trial)
        group[trial] = largest
    return list({id(trials): trials for trials in group.values()}.values())


def _cost(trials: Iterable[str], costs: Mapping[str, float]) -> float:
    return sum(costs[trial] for trial in trials)


def _costs(jobs: Mapping[str, Job], crossing: Crossing) -> dict[str, float]:
    """Multiply-adds of each job; its steps if those of any task are unknown."""
    of_task = multiply_adds_per_step(crossing.spec, crossing.facts)
    tasks = {id(job.trial.task): job.trial.task for job in jobs.values()}
    per_step = {key: of_task.get(task_digest(task)) or 0.0 for key, task in tasks.items()}
    if not all(per_step.values()):
        per_step = dict.fromkeys(tasks, 1.0)
    return {trial: job.last_step * per_step[id(job.trial.task)] for trial, job in jobs.items()}
