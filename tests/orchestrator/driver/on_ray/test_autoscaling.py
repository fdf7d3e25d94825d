"""A cluster with an autoscaler is told from one that was started by hand, and what it says is put into words."""

from __future__ import annotations

from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply

from orchestrator.driver.on_ray.autoscaling import of_newer, of_older

BY_HAND = "node_" + "0123456789abcdef" * 3 + "01234567"


def report(**parts):
    return {"autoscaler_report": {"active_nodes": {}, "pending_nodes": [], "pending_launches": {}} | parts}


def test_the_older_autoscaler():
    assert of_older({}) is None
    assert of_older(report(active_nodes={BY_HAND: 1})) is None
    assert of_older(report(active_nodes={"head": 1})) == "no node is starting"
    starting = report(active_nodes={"head": 1}, pending_launches={"gpu": 2}, pending_nodes=[["10.0.0.9", "gpu", "up"]])
    assert of_older(starting) == "3 nodes of type gpu starting"
    failed = report(active_nodes={"head": 1}, failed_nodes=[["10.0.0.9", "gpu"]])
    assert of_older(failed) == "1 node of type gpu failed to start"


def test_the_newer_autoscaler():
    reply = GetClusterStatusReply()
    node = reply.cluster_resource_state.node_states.add(ray_node_type_name="workers")
    assert of_newer(reply) is None  # KubeRay names the types of nodes without an autoscaler, too
    reply.autoscaling_state.autoscaler_state_version = 7
    assert of_newer(reply) == "no node is starting"
    reply.autoscaling_state.pending_instance_requests.add(ray_node_type_name="workers", count=2)
    reply.autoscaling_state.failed_instance_requests.add(ray_node_type_name="gpu", count=1)
    assert of_newer(reply) == "2 nodes of type workers starting, 1 node of type gpu failed to start"
    reply.autoscaling_state.Clear()
    node.ray_node_type_name = BY_HAND
    reply.autoscaling_state.autoscaler_state_version = 7
    assert of_newer(reply) is None
