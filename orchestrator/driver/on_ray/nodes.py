"""Asking the nodes of a cluster: a function runs on each of them, for as long as its answer may take.

Ray is imported only to ask: a run in this process does without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.driver.interrupt import Interrupt

_POLL_SECONDS = 0.5

Node = dict[str, Any]
"""A node as `ray.nodes` describes it."""


class AskingInterrupted(Exception):
    """The run was interrupted while nodes were asked."""


@dataclass(frozen=True, slots=True)
class Lost:
    """In place of an answer: the process that was asked has `crashed`, or its node is gone."""

    crashed: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """In place of an answer: the function has raised an error, or cannot even be loaded there."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Nodes:
    """The living nodes of a cluster.

    `for_trials` are those that can hold a trial, which takes so many `gpus`; `interrupt` ends every wait for an answer.
    """

    alive: Sequence[Node]
    for_trials: Sequence[Node]
    gpus: float
    interrupt: Interrupt

    def ask(
        self,
        nodes: Sequence[Node],
        function: Callable[..., Any],
        *arguments: Any,
        gpus: float = 0,
        seconds: float | None = None,
        alone: bool = False,
        failing: bool = False,
    ) -> Iterator[tuple[Node, Any]]:
        """What a function returns on each node, as soon as it does; nodes without an answer in time are left out.

        If `alone`, each process ends with its answer. If `failing`, an error of the function is an answer (Failed).
        Raises AskingInterrupted, and what the function raises.
        """
        import ray
        from ray.exceptions import OutOfMemoryError, RayError, RayTaskError, WorkerCrashedError

        task = ray.remote(num_cpus=0, num_gpus=gpus, max_retries=0, max_calls=int(alone))(function)
        strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        waiting = {
            task.options(scheduling_strategy=strategy(node_id=node["NodeID"], soft=False)).remote(*arguments): node
            for node in nodes
        }
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            while waiting and (deadline is None or time.monotonic() < deadline):
                if self.interrupt.requested:
                    raise AskingInterrupted
                for answer in ray.wait(list(waiting), timeout=_POLL_SECONDS)[0]:
                    node = waiting.pop(answer)
                    try:
                        yield node, ray.get(answer)
                    except RayTaskError as error:
                        if not failing:
                            raise
                        yield node, Failed((str(error.cause or error).strip().splitlines() or ["no message"])[-1])
                    except RayError as error:
                        yield node, Lost(crashed=isinstance(error, WorkerCrashedError | OutOfMemoryError))
        finally:
            for answer in waiting:
                ray.cancel(answer, force=True)


def name_of(node: Node) -> str:
    """How a person finds a node."""
    return str(node["NodeManagerAddress"])
