"""The resources that trials get: as the sweep says, and a whole GPU or machine for one that ran out of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.driver.on_ray.nodes import Node
from orchestrator.sweep.running import ResourcesSpec
from workers.trial import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The CPUs and GPUs of one trial."""

    cpus: float = 1
    gpus: float = 0

    def fits(self, node: Node) -> int:
        """How many such trials a node can hold at once."""
        resources = node["Resources"]
        counts = [int(resources.get("CPU", 0) / self.cpus)] if self.cpus else []
        counts += [int(resources.get("GPU", 0) / self.gpus)] if self.gpus else []
        return min(counts, default=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shapes:
    """The shapes of a sweep: the `usual` one, that of dense training, and that of a trial that must be alone.

    A trial that shares nothing with others needs no shape to be `alone`.
    """

    usual: Shape
    dense: Shape | None = None
    alone: Shape | None = None

    def of(self, job: Job, alone: bool = False) -> Shape:
        """The shape of a job; `alone` if its trial ran out of memory before: never less than it usually has."""
        own = self.dense if self.dense is not None and job.trial.stage == "dense" else self.usual
        if not alone or self.alone is None:
            return own
        return Shape(cpus=max(own.cpus, self.alone.cpus), gpus=max(own.gpus, self.alone.gpus))


ONE_CPU = Shapes(usual=Shape())


def asked_shapes(resources: ResourcesSpec) -> Shapes:
    """The shapes that a sweep file asks for."""
    usual = Shape(cpus=resources.cpus, gpus=float(resources.gpus))
    if resources.dense is None:
        return Shapes(usual=usual)
    cpus, gpus = resources.dense.cpus, resources.dense.gpus
    dense = Shape(
        cpus=usual.cpus if cpus is None else cpus,
        gpus=usual.gpus if gpus is None else float(gpus),
    )
    return Shapes(usual=usual, dense=None if dense == usual else dense)


def alone_on(nodes: Sequence[Node], usual: Shape, most_at_once: int | None) -> Shape | None:
    """A shape that keeps others from the memory of a trial: a whole GPU, or without GPUs all CPUs of the largest node.

    None if trials never share either.
    """
    if most_at_once == 1:
        return None
    if 0 < usual.gpus < 1:
        return Shape(cpus=usual.cpus, gpus=1)
    largest = max((node["Resources"].get("CPU", 0) for node in nodes), default=0)
    return Shape(cpus=largest) if usual.gpus == 0 and largest >= 2 * usual.cpus else None
