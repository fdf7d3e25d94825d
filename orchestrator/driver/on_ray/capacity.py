"""How many trials fit on the nodes of a cluster, and the wait for nodes that join or that its autoscaler adds."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.tune import PlacementGroupFactory
from ray.util.placement_group import placement_group, remove_placement_group

from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.on_ray import autoscaling
from orchestrator.driver.on_ray.nodes import Node, Nodes
from orchestrator.driver.on_ray.shapes import Shape, Shapes
from workers.errors import InputError
from workers.machine.terminal import say

RESOURCE_SECONDS = 10.0
"""How long nodes may take to show up before a run is refused."""

_ASKED_SECONDS = 60.0
"""An autoscaler that starts no node for so long after it was asked for one can add none."""

_POLL_SECONDS = 0.5


def slots_of(
    shapes: Shapes,
    interrupt: Interrupt,
    *,
    is_local: bool = False,
    patience: float = RESOURCE_SECONDS,
    waits: bool = False,
    most: int | None = None,
) -> int:
    """How many trials of the usual shape fit at once, at most `most`; 0 if interrupted before any could.

    No node joins a Ray that `is_local`. On a cluster, waits `patience` seconds for nodes; as long as its autoscaler,
    which is asked for them, does something about it; and without limit if it `waits`. Raises InputError if no node has
    the resources of a trial.
    """
    deadline = time.monotonic() + (0.0 if is_local else patience)
    with contextlib.ExitStack() as requests:
        autoscaler, said = _Autoscaler(requests), ""
        while not interrupt.requested:
            missing = missing_shape(shapes, alive())
            if missing is None:
                slots = sum(map(shapes.usual.fits, alive()))
                return slots if most is None else min(slots, most)
            if time.monotonic() >= deadline:
                scaling = autoscaler.doing_about(missing)
                if not waits and scaling is None:
                    raise _too_small(missing, is_local)
                news = f"{_awaited(missing)}{f'; autoscaler: {scaling}' if scaling else ''}"
                if news != said:
                    say(news)
                    said = news
            time.sleep(_POLL_SECONDS)
    return 0


@dataclass
class _Autoscaler:
    """What adds nodes to the cluster, if there is such a thing: it does so only for `requests` that wait."""

    requests: contextlib.ExitStack
    _asked_for: Shape | None = None
    _since: float = -math.inf
    _doing: str | None = None

    def doing_about(self, missing: Shape) -> str | None:
        """What it does about a shape that no node can hold, in words; None if nothing adds such a node.

        An answer that does not come, as from a cluster that is busy with its new nodes, changes nothing.
        """
        doing = autoscaling.current()
        if doing is not None:
            self._doing = doing
            if missing != self._asked_for:
                self.requests.enter_context(_requested(missing))
                self._asked_for, self._since = missing, time.monotonic()
            if doing != autoscaling.NOTHING_STARTS:
                self._since = time.monotonic()
        return self._doing if time.monotonic() < self._since + _ASKED_SECONDS else None


def missing_shape(shapes: Shapes, nodes: Sequence[Node]) -> Shape | None:
    """A shape that trials need and that no node can hold."""
    needed = [shape for shape in (shapes.dense, shapes.usual) if shape is not None]
    return next((shape for shape in needed if not any(map(shape.fits, nodes))), None)


def fitting_nodes(shapes: Shapes, interrupt: Interrupt) -> Nodes:
    """The living nodes of the cluster that this process is connected to."""
    nodes = alive()
    fitting = [node for node in nodes if shapes.usual.fits(node)]
    return Nodes(alive=nodes, for_trials=fitting, gpus=shapes.usual.gpus, interrupt=interrupt)


def alive() -> list[Node]:
    """The nodes of the cluster, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def available_nodes() -> str:
    """The CPUs and GPUs of each node of the cluster, for people."""
    nodes = [node["Resources"] for node in alive()]
    return "; ".join(_in_words(node.get("CPU", 0), node.get("GPU", 0)) for node in nodes) or "no nodes"


def placement_of(config: Mapping[str, Any]) -> PlacementGroupFactory:
    """What a trial of Tune with this configuration gets; Tune also asks without one."""
    return PlacementGroupFactory([config.get("shape", {"CPU": 1})])


@contextlib.contextmanager
def _requested(shape: Shape) -> Iterator[None]:
    """Show the autoscaler what is needed."""
    group = placement_group([{"CPU": shape.cpus, "GPU": shape.gpus}])
    try:
        yield
    finally:
        remove_placement_group(group)


def _too_small(shape: Shape, is_local: bool) -> InputError:
    place = "the local Ray does not have" if is_local else "no node in the cluster has"
    remedy = "raise `--cpus` or `--gpus` if given" if is_local else "wait for nodes to join with `--wait-for-resources`"
    return InputError(
        f"{place} {_in_words(shape.cpus, shape.gpus)} for a trial; available: {available_nodes()}",
        hint=f"change `resources` in the sweep file, or {remedy}",
    )


def _awaited(shape: Shape) -> str:
    return f"Waiting for a node with {_in_words(shape.cpus, shape.gpus)}; available: {available_nodes()}"


def _in_words(cpus: float, gpus: float) -> str:
    return f"{_count(cpus, 'CPU')} and {_count(gpus, 'GPU')}"


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}" if number == 1 else f"{number:g} {noun}s"
