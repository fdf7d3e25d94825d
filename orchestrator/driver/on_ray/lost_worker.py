"""What is left of a worker that was lost: what its trial printed last lies on its node, not yet in the store."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import ray
from ray.exceptions import RayActorError

from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.on_ray.nodes import AskingInterrupted, Nodes
from workers.store import Store
from workers.store.layout import log_path
from workers.store.logs import host_of, latest
from workers.training.last_words import rescue

_SECONDS = 10.0


def rescue_printed(store: Store, trial: str, interrupt: Interrupt) -> bool:
    """Move what the latest attempt at a trial printed last into its log, if its node can still be asked.

    Returns whether a process of that node was killed for want of memory during the attempt.
    """
    try:
        log = latest(store.files, trial)
    except OSError:
        return False
    host = None if log is None else host_of(store.files, log)
    log = log or log_path(trial, 1)  # of an attempt that died before it began its log
    here = socket.gethostname()
    if host in (None, here) and rescue(store.location, log):
        return True
    there = [node for node in ray.nodes() if node["Alive"] and _may_be(node, host, here)]
    nodes = Nodes(alive=there, for_trials=(), gpus=0, interrupt=interrupt)
    with contextlib.suppress(AskingInterrupted):
        answers = nodes.ask(there, rescue, store.location, log, seconds=_SECONDS)
        return any(answer is True for _, answer in answers)
    return False


def _may_be(node: dict[str, Any], host: str | None, here: str) -> bool:
    """Whether a node other than this machine is a host; any one may be if that is not known."""
    name = node["NodeManagerHostname"]
    return bool(name != here and (host is None or name == host))


def killed_for_memory(error: RayActorError) -> bool:
    """Whether Ray has killed a worker because its node ran low on memory.

    What it says of any other death mentions memory, too, among the causes that are possible.
    """
    return "running low on memory" in str(error)
