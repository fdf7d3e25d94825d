"""A cluster with two kinds of nodes: what fails on one of them is refused before any trial starts."""

from __future__ import annotations

import json

import pytest
from ray.cluster_utils import Cluster

import prunesweep as ps
from orchestrator.driver.options import RunOptions
from tests.support.own_modules import Write
from tests.support.sweeps import recipe, tiny_sweep
from workers.store import Store

PICKY = """
class Picky(nn.Linear):
    def forward(self, images):
        if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
            raise RuntimeError("needs vector instructions")
        return super().forward(images.flatten(1))

def build(*, input_shape, classes):
    return Picky(36, classes)
"""


@pytest.fixture
def two_kinds(monkeypatch):
    """The address of a cluster with a node like this one and one that uses no vector instructions."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(**node, env_vars={"ATEN_CPU_CAPABILITY": "default"})
    yield cluster.address
    cluster.shutdown()


@pytest.fixture
def write(module: Write, tmp_path):
    """Writes a sweep file for a network that fails on one kind of node, with more settings; returns its path."""
    own = {"name": f"{module(PICKY)}:build"}

    def call(**settings):
        path = tmp_path / "sweep.yaml"
        sweep = tiny_sweep(network=own, recipe=recipe(duration="4ep", batch_size=16), **settings)
        path.write_text(json.dumps(sweep, indent=1))
        return path

    return call


@pytest.mark.timeout(1800)
def test_a_network_that_fails_on_one_kind_is_refused_as_are_gpus_that_no_node_has(
    two_kinds, write, tmp_path, capsys
) -> None:
    path, store = write(), tmp_path / "store"
    with pytest.raises(ps.SpecError) as caught:
        ps.run(ps.load(path), store, options=RunOptions(address=two_kinds, quiet=True))
    [problem] = caught.value.problems
    assert problem.message.endswith(": needs vector instructions")
    assert "DEFAULT" in problem.message
    assert problem.where.startswith(f"{path}:")
    assert problem.field == "network"
    assert capsys.readouterr().err.count("Rehearsing 1 task on node ") == 1
    assert Store(store).records.all_keys() == set()
    with pytest.raises(ps.InputError, match="no node in the cluster has 1 CPU and 4 GPUs for a trial"):
        ps.run(ps.load(write(resources={"gpus": 4})), store, options=RunOptions(address=two_kinds, quiet=True))
