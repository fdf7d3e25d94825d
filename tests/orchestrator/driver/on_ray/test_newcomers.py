"""Nodes that join while a sweep runs: what is wrong with one is its fault, and not that of a trial."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from orchestrator.driver.on_ray.newcomers import Newcomers
from orchestrator.driver.on_ray.ray_actor import UnfitNode
from tests.support import tiny
from tests.support.attempts import actor
from workers.errors import BadInput, StoreError
from workers.machine.installation import versions
from workers.store import Store
from workers.store.lease import Lease
from workers.training.attempt import Bounds
from workers.trial import Network, Recipe, Task

HERE = versions()


@pytest.fixture
def leased(tmp_path):
    store = Store(tmp_path / "store", create=True)
    with Lease(store) as lease:
        yield store, Bounds(lease=lease.token, lease_path=lease.path)


@pytest.fixture
def check(leased):
    """Checks a node for the leased store, or for one at another place."""

    def call(node="new", place=None, **versions):
        newcomers = Newcomers(checked=frozenset({"old"}), versions=HERE | versions, how={}, kinds=None)
        newcomers.check_node(node, str(place or leased[0].location), leased[1])

    return call


def test_a_node_like_that_of_the_driver_may_join(check, leased):
    check()
    assert leased[0].files.sizes("").keys() == {"store.json", "lease.json"}


@pytest.mark.parametrize("name", HERE)
def test_a_node_with_another_version_is_unfit_unless_it_was_asked_before(check, name):
    with pytest.raises(BadInput) as error:
        check(**{name: "9.9"})
    assert error.value.message == f"{name} {HERE[name]}, not 9.9 as where the driver runs"
    check("old", **{name: "9.9"})


def test_a_node_without_the_store_of_the_driver_is_unfit(check, leased, tmp_path):
    Store(tmp_path / "elsewhere", create=True)
    (tmp_path / "empty").mkdir()
    for place, problem in [("elsewhere", "another store"), ("empty", "no store"), ("none", "no store")]:
        with pytest.raises(BadInput) as error:
            check(place=tmp_path / place)
        assert error.value.message == f"cannot use store `{tmp_path / place}`: {problem} is at that place"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("call", "number", "raised"),
    [("write", "EROFS", BadInput), ("write", "EIO", StoreError), ("read", "EIO", StoreError)],
)
def test_a_store_that_is_down_says_nothing_of_the_node(check, leased, monkeypatch, call, number, raised):
    def fail(*_):
        raise OSError(getattr(errno, number), "it fails")

    monkeypatch.setattr(type(leased[0].files), call, fail)
    with pytest.raises(raised, match="it fails"):
        check()


def test_data_that_differ_on_a_node_that_joins_fail_no_trial(leased, tmp_path):
    newcomers = Newcomers(checked=frozenset(), versions=HERE, how={}, kinds=None)
    task = Task(
        dataset=replace(tiny.DATA, fingerprint="sha256:other"),
        network=Network(name="mlp"),
        recipe=Recipe(batch_size=1, optimizer="SGD"),
    )
    with pytest.raises(BadInput, match="the data have changed since the sweep was planned"):
        newcomers.check_task("new", task, leased[0], str(tmp_path))


def test_the_worker_of_a_trial_checks_its_node(leased, monkeypatch):
    monkeypatch.setattr("orchestrator.driver.on_ray.ray_actor.this_node", lambda: "new")
    worker = actor(leased[0])
    worker._newcomers = Newcomers(checked=frozenset(), versions=HERE | {"torch": "1.0"}, how={}, kinds=None)
    with pytest.raises(UnfitNode, match=f"torch {HERE['torch']}, not 1.0") as ended:
        worker.step()
    assert ended.value.node == "new"
