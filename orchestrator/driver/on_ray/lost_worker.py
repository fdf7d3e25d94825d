"""What is left of a worker that was lost: what its trial printed last lies on its machine, not yet in the store."""

from __future__ import annotations

import contextlib
import socket

import ray
from ray.exceptions import RayActorError

from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.on_ray.nodes import AskingInterrupted, Nodes
from workers.store import Store
from workers.store.logs import host_of, latest
from workers.training.last_words import rescue

_SECONDS = 10.0


def rescue_printed(store: Store, trial: str, interrupt: Interrupt) -> bool:
    """Move what the latest attempt at a trial printed last into its log, if its machine can still be asked.

    Returns whether a process of that machine was killed for want of memory during the attempt.
    """
    try:
        log = latest(store.files, trial)
    except OSError:
        return False
    host = None if log is None else host_of(store.files, log)
    if log is None or host is None:
        return False
    if host == socket.gethostname():
        return rescue(store.location, log)
    there = [node for node in ray.nodes() if node["Alive"] and node["NodeManagerHostname"] == host]
    nodes = Nodes(alive=there, for_trials=(), gpus=0, interrupt=interrupt)
    with contextlib.suppress(AskingInterrupted):
        answers = nodes.ask(there[:1], rescue, store.location, log, seconds=_SECONDS)
        return any(answer is True for _, answer in answers)
    return False


def killed_for_memory(error: RayActorError) -> bool:
    """Whether Ray has killed a worker because its machine ran low on memory.

    What it says of any other death mentions memory, too, among the causes that are possible.
    """
    return "running low on memory" in str(error)
