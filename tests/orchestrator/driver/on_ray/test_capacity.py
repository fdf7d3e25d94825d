"""Whether the nodes of a cluster have the resources of a trial."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
import ray

import prunesweep as ps
from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.on_ray import autoscaling, capacity
from orchestrator.driver.on_ray.capacity import slots_of
from orchestrator.driver.on_ray.shapes import Shape, Shapes
from tests.support.clock import Clock


@pytest.fixture
def nodes(monkeypatch):
    """A cluster without an autoscaler: a node that has gone, and two that are there."""
    resources = [(False, {"CPU": 64.0, "GPU": 8.0}), (True, {"CPU": 1.0}), (True, {"CPU": 4.0, "GPU": 1.0})]
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": alive, "Resources": has} for alive, has in resources])
    monkeypatch.setattr(autoscaling, "current", lambda: None)


@pytest.mark.parametrize(("cpus", "gpus", "slots"), [(1.0, 0.0, 5), (2.0, 0.0, 2), (1.0, 0.25, 4), (4.0, 1.0, 1)])
def test_as_many_trials_fit_as_all_nodes_hold(nodes, cpus, gpus, slots):
    assert slots_of(Shapes(usual=Shape(cpus=cpus, gpus=gpus)), Interrupt()) == slots


def test_resources_that_no_node_has_are_refused(nodes):
    with pytest.raises(ps.InputError) as caught:
        slots_of(Shapes(usual=Shape(cpus=1.0, gpus=4.0)), Interrupt(), patience=0.0)
    available = "1 CPU and 0 GPUs; 4 CPUs and 1 GPU"
    assert caught.value.message == f"no node in the cluster has 1 CPU and 4 GPUs for a trial; available: {available}"
    assert "--wait-for-resources" in caught.value.hint


def test_what_a_local_ray_lacks_is_refused_at_once_and_not_waited_for(nodes):
    with pytest.raises(ps.InputError, match=r"^the local Ray does not have 1 CPU and 4 GPUs for a trial; ") as caught:
        slots_of(Shapes(usual=Shape(cpus=1.0, gpus=4.0)), Interrupt(), is_local=True)
    assert caught.value.hint == "change `resources` in the sweep file, or raise `--cpus` or `--gpus` if given"


@pytest.fixture
def cluster(nodes, monkeypatch):
    """The cluster with an autoscaler that reports the next of `says` every second, and the last one from then on."""

    def start(*says):
        reports, clock, requests = list(says), Clock(), []

        def sleep(seconds):
            clock.now += seconds
            del reports[: int(clock.now.is_integer() and len(reports) > 1)]

        monkeypatch.setattr(capacity, "time", SimpleNamespace(monotonic=clock, sleep=sleep))
        monkeypatch.setattr(autoscaling, "current", lambda: reports[0])
        monkeypatch.setattr(capacity, "_requested", lambda shape: contextlib.nullcontext(requests.append(shape)))
        return clock, requests

    return start


@pytest.mark.parametrize(
    ("says", "seconds"),
    [
        ([autoscaling.NOTHING_STARTS], 60),  # a cluster of fixed size
        (
            [autoscaling.NOTHING_STARTS] * 30
            + ["1 node of type gpu failed to start"] * 9
            + [autoscaling.NOTHING_STARTS],
            99,
        ),
    ],
)
def test_an_autoscaler_that_starts_nothing_though_asked_is_not_waited_for(cluster, says, seconds, capsys):
    clock, requests = cluster(*says)
    shape = Shape(cpus=1.0, gpus=4.0)
    with pytest.raises(ps.InputError, match=r"^no node in the cluster has 1 CPU and 4 GPUs for a trial; "):
        slots_of(Shapes(usual=shape), Interrupt(), patience=0.0)
    assert (requests, clock.now) == ([shape], pytest.approx(seconds, abs=1))
    assert capsys.readouterr().err.count("autoscaler: no node is starting") == 1 + (seconds > 60)


def test_an_autoscaler_that_does_not_answer_for_a_moment_is_waited_for(cluster):
    starting = ["1 node of type gpu starting"]
    clock, _ = cluster(*starting, *[None] * 40, *starting, None)
    with pytest.raises(ps.InputError, match=r"^no node in the cluster has"):
        slots_of(Shapes(usual=Shape(cpus=1.0, gpus=4.0)), Interrupt(), patience=0.0)
    assert clock.now == pytest.approx(1 + 40 + 60, abs=1)


def test_an_autoscaler_is_asked_for_each_shape_that_is_missing(cluster, monkeypatch):
    _, requests = cluster("1 node of type gpu starting")
    shapes = Shapes(dense=Shape(cpus=1.0, gpus=8.0), usual=Shape(cpus=16.0, gpus=0.0))
    missing = iter([shapes.dense, shapes.dense, shapes.usual, shapes.usual, None])
    monkeypatch.setattr(capacity, "missing_shape", lambda *_: next(missing))
    slots_of(shapes, Interrupt(), patience=0.0)
    assert requests == [shapes.dense, shapes.usual]
