"""Nodes at fault, or about to go: no trial starts there, and none fails for it.

Ray's own state is asked through `ray._private.state`: its public API needs the dashboard.
"""

from __future__ import annotations

import ray
from ray._private.state import state
from ray.exceptions import RayActorError, RayError
from ray.util.placement_group import placement_group

from orchestrator.driver.on_ray.address import listens
from orchestrator.driver.on_ray.nodes import Node, name_of

_LABEL = "ray.io/node-id"  # which Ray gives to each node


class UnfitNode(Exception):
    """Raised in a worker: trials cannot run on the `node` of this id, for a `reason`."""

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(node, reason)
        self.node = node
        self.reason = reason


def this_node() -> str:
    """The id of the node of this worker."""
    return str(ray.get_runtime_context().get_node_id())


def is_draining() -> bool:
    """Whether the node of this worker is about to go: `docker stop`, the eviction of a pod, a notice of preemption."""
    if not ray.is_initialized():
        return False
    try:
        return this_node() in state.get_draining_nodes()
    except (RayError, RuntimeError, OSError):  # Ray is in trouble, which shows elsewhere
        return False


def is_gone_with_its_node(error: RayActorError) -> bool:
    """Whether a worker was lost because its node, or Ray on it, is gone. Ray itself notices that much later."""
    try:
        actor = state.actor_table(error.actor_id) if error.actor_id else None
        node = _node((actor or {}).get("Address", {}).get("NodeID"))
    except (RayError, RuntimeError, OSError):
        return False
    return node is not None and not (
        node["Alive"] and listens(f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}")
    )


class AvoidedNodes:
    """The nodes that no trial is placed on any more: this run itself holds their GPUs or CPUs (`resource`)."""

    def __init__(self, resource: str = "GPU") -> None:
        self._resource = resource
        self._names: dict[str, str] = {}

    def add(self, identity: str) -> str | None:
        """Avoid a node from now on. Returns its name, None if it is avoided already or gone."""
        node = _node(identity)
        if node is None or identity in self._names:
            return None
        self._names[identity] = name_of(node)
        for _ in range(int(node["Resources"].get(self._resource, 0))):
            placement_group([{self._resource: 1}], bundle_label_selector=[{_LABEL: identity}])
        return self._names[identity]

    @property
    def all(self) -> list[str]:
        """The names of all nodes with the resource if each of them is avoided, else nothing."""
        nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get(self._resource)]
        return sorted(map(name_of, nodes)) if all(node["NodeID"] in self._names for node in nodes) else []


def _node(identity: str | None) -> Node | None:
    return next((node for node in ray.nodes() if node["NodeID"] == identity), None)
