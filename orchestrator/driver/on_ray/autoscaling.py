"""Whether a cluster has an autoscaler, and what that is doing: nodes that are missing may then still come.

There are two: the older one leaves its report in Ray's key-value store (`ray up`), the newer one with Ray's control
service (KubeRay). On a cluster that is started by hand both only look on, and name each node by its id. On a cluster of
fixed size the newer one looks on, too (KubeRay), and the older one has no node left to add (`ray up` with a list of
machines): either reports as ever, but starts nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import ray
from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply
from ray.exceptions import RayError

from workers.text import plural

NOTHING_STARTS = "no node is starting"
"""What an autoscaler is doing that has nothing to do, or can do nothing."""

_ANSWER_SECONDS = 5
_BY_HAND = "node_"  # what a node that was started by hand is called, with its id of 56 digits
_ID_DIGITS = 56


def current() -> str | None:
    """What the autoscaler of the connected cluster is doing, in words; None without an autoscaler."""
    client = GcsClient(address=ray.get_runtime_context().gcs_address)
    try:
        older = client.internal_kv_get(DEBUG_AUTOSCALING_STATUS.encode(), timeout=_ANSWER_SECONDS)
        newer = client.get_cluster_status(timeout_s=_ANSWER_SECONDS)
    except (RayError, RuntimeError, OSError):  # Ray is in trouble, which shows elsewhere
        return None
    return of_older(json.loads(older)) if older else of_newer(GetClusterStatusReply.FromString(newer))


def of_older(status: dict[str, Any]) -> str | None:
    """What a report of the older autoscaler says."""
    report = status.get("autoscaler_report") or {}
    starting = Counter(report.get("pending_launches") or {})
    starting += Counter(node[1] for node in report.get("pending_nodes") or ())
    failed = Counter(node[1] for node in report.get("failed_nodes") or ())
    known = {*(report.get("active_nodes") or ()), *(report.get("idle_nodes") or ()), *starting, *failed}
    return _in_words(starting, failed) if any(map(_is_type, known)) else None


def of_newer(reply: GetClusterStatusReply) -> str | None:
    """What a report of the newer autoscaler says."""
    state = reply.autoscaling_state
    starting, failed = Counter[str](), Counter[str]()
    for request in state.pending_instance_requests:
        starting[request.ray_node_type_name] += request.count
    for instance in state.pending_instances:
        starting[instance.ray_node_type_name] += 1
    for request in state.failed_instance_requests:
        failed[request.ray_node_type_name] += request.count
    known = {*starting, *failed, *(node.ray_node_type_name for node in reply.cluster_resource_state.node_states)}
    return _in_words(starting, failed) if state.autoscaler_state_version and any(map(_is_type, known)) else None


def _is_type(name: str) -> bool:
    """Whether a name is that of a type of nodes, and not of one node that was started by hand."""
    return bool(name) and not (name.startswith(_BY_HAND) and len(name) == len(_BY_HAND) + _ID_DIGITS)


def _in_words(starting: Counter[str], failed: Counter[str]) -> str:
    parts = [f"{plural(count, 'node')} of type {name} starting" for name, count in sorted(starting.items())]
    parts += [f"{plural(count, 'node')} of type {name} failed to start" for name, count in sorted(failed.items())]
    return ", ".join(parts) or NOTHING_STARTS
