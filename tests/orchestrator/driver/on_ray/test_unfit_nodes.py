"""Nodes that are gone, and nodes that no trial is placed on any more."""

from __future__ import annotations

import socket

import pytest
from ray.exceptions import RayActorError

from orchestrator.driver.on_ray import ray_actor, unfit_nodes
from orchestrator.driver.on_ray.unfit_nodes import AvoidedNodes, is_draining, is_gone_with_its_node
from workers.machine.device import Device

ERROR = RayActorError(actor_id="a1")


def node(name, *, port=1, alive=True, gpus=0):
    place = {"NodeManagerAddress": "127.0.0.1", "NodeManagerPort": port}
    return {"NodeID": name, "Alive": alive, "Resources": {"CPU": 2.0, "GPU": gpus}} | place


@pytest.fixture
def cluster(monkeypatch):
    """Sets the nodes of the cluster, on whose `n1` the actor of ERROR was."""
    monkeypatch.setattr(unfit_nodes.state, "actor_table", lambda actor: {"Address": {"NodeID": "n1"}})

    def set_nodes(*nodes):
        monkeypatch.setattr("ray.nodes", lambda: list(nodes))

    return set_nodes


def test_a_machine_is_gone_once_ray_no_longer_listens_there(cluster):
    with socket.create_server(("127.0.0.1", 0)) as raylet:
        port = raylet.getsockname()[1]
        cluster(node("n1", port=port), node("n2"))
        assert not is_gone_with_its_node(ERROR)
        cluster(node("n1", port=port, alive=False))
        assert is_gone_with_its_node(ERROR)
    cluster(node("n1", port=port), node("n2"))  # Ray has not noticed yet
    assert is_gone_with_its_node(ERROR)


def test_an_actor_that_nobody_knows_is_not_gone_with_its_machine(cluster, monkeypatch):
    cluster(node("n2"))
    assert not is_gone_with_its_node(ERROR)
    assert not is_gone_with_its_node(RayActorError())
    monkeypatch.setattr(unfit_nodes.state, "actor_table", lambda actor: None)
    assert not is_gone_with_its_node(ERROR)


def test_the_gpus_of_an_avoided_machine_are_held(cluster, monkeypatch):
    held = []
    monkeypatch.setattr(unfit_nodes, "placement_group", lambda *bundles, **where: held.append((*bundles, where)))
    cluster(node("n1", gpus=2.0), node("n2", gpus=1.0), node("n3"), node("n4", gpus=1.0, alive=False))
    avoided = AvoidedNodes()
    assert avoided.add("n1") == "127.0.0.1"
    assert held == [([{"GPU": 1}], {"bundle_label_selector": [{"ray.io/node-id": "n1"}]})] * 2
    assert avoided.add("n1") is None  # another of its workers
    assert avoided.all == []
    avoided.add("n2")
    assert avoided.all == ["127.0.0.1", "127.0.0.1"]
    assert len(held) == 3


def test_outside_ray_no_machine_is_about_to_go():
    assert not is_draining()
    assert callable(unfit_nodes.state.get_draining_nodes)  # which Ray does not promise


@pytest.mark.parametrize(("seen", "got", "fits"), [(0, 1, False), (1, 1, True), (1, 2, False), (2, 2, True)])
def test_torch_must_see_the_gpus_that_a_worker_got(monkeypatch, seen, got, fits):
    monkeypatch.setattr("torch.cuda.is_available", lambda: seen > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: seen)
    monkeypatch.setattr("ray.get_gpu_ids", lambda: list(range(got)))
    assert ray_actor._has(Device(name="cuda")) == fits
    assert ray_actor._has(Device())
