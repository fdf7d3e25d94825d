"""The faults of drivers and their workers, by their numbers in docs/reliability.md."""

from __future__ import annotations

import errno
import itertools
import os
import time
from types import SimpleNamespace

import pytest

import prunesweep as ps
from orchestrator.driver import interrupt
from orchestrator.driver.disk_space import Room
from orchestrator.driver.dispatcher import Dispatcher
from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.options import RunOptions
from orchestrator.sweep.spec import spec_from_dict
from tests.support.clock import Clock
from tests.support.stores import results, undisturbed_run, with_facts
from tests.support.sweeps import grid, tiny_sweep
from tests.support.trainings import fail_in_step
from workers.errors import FAILURES, InputError, StoreError
from workers.store import Store
from workers.store.filesystems.local import LocalFiles
from workers.store.lease import Lease

IN_PROCESS = RunOptions(in_process=True, quiet=True, checkpoint_seconds=0)
GRID = grid(technique=["lr_rewinding", "weight_rewinding"], compression=4, budget="50%", replicates=2)
SWEEP = tiny_sweep(grid=GRID)
CELLS = 2 + 4


undisturbed = undisturbed_run(spec_from_dict(SWEEP))


@pytest.fixture
def store(tmp_path, undisturbed):
    """A new store that knows the data and the network already."""
    return with_facts(tmp_path / "store", undisturbed)


@pytest.fixture
def at_once(monkeypatch):
    """No waiting before anything is tried again."""
    monkeypatch.setitem(Dispatcher.__init__.__kwdefaults__, "first_delay", 0.01)
    monkeypatch.setitem(Room.__init__.__kwdefaults__, "pauses", (0.01, 0.02, 0.03))


def run(store, **changes):
    return ps.run(spec_from_dict(SWEEP | changes), store, options=IN_PROCESS)


def test_fault_06_out_of_memory_is_a_separate_outcome_that_is_not_tried_again(store, monkeypatch):
    import torch

    fail_in_step(monkeypatch, torch.OutOfMemoryError("tried to allocate 20 GiB"), times=1)
    assert run(store).outcomes == {"out_of_memory": 1}
    [failure] = Store(store).failures.read_all().values()
    assert "20 GiB" in failure.reason
    assert failure.attempts == {"out_of_memory": 1}
    assert len(results(store)) == CELLS // 2  # the other replicate is not concerned
    assert "out_of_memory" in str(ps.status(store))


def test_fault_11_a_second_driver_is_refused_before_it_writes_anything(store):
    with Lease(Store(store)), pytest.raises(StoreError, match=rf"process {os.getpid()}.*\n\nhint: wait until"):
        run(store)
    assert Store(store).sweeps.folders() == []
    assert run(store).exit_code == 0  # given back


def test_fault_11_a_driver_that_lost_its_lease_stops_and_says_who_has_it(store, monkeypatch):
    monkeypatch.setattr(Lease, "problem", property(lambda self: "store is in use by another driver: host elsewhere"))
    with pytest.raises(StoreError, match=r"host elsewhere.*\n\nhint: finished work is saved"):
        run(store)
    assert Store(store).failures.read_all() == {}


@pytest.mark.parametrize("folder", ["progress", "checkpoints", "results"])
def test_fault_17_a_full_disk_pauses_the_sweep_and_fails_no_trial(store, undisturbed, monkeypatch, at_once, folder):
    write, refusals = LocalFiles._write_temporary, itertools.count()

    def full(self, path, data, durable=True):
        if path.startswith(f"{folder}/") and next(refusals) < 2:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        return write(self, path, data, durable)

    monkeypatch.setattr(LocalFiles, "_write_temporary", full)
    assert run(store).exit_code == 0
    assert Store(store).failures.read_all() == {}
    assert results(store) == results(undisturbed)


def test_fault_17_a_disk_that_stays_full_ends_the_sweep_with_what_is_missing(store, monkeypatch, at_once):
    monkeypatch.setattr(LocalFiles, "free_bytes", lambda self: 1_000_000)
    with pytest.raises(StoreError, match=r"no room in the store: the next trial needs 64[.0-9]* MB and 1 MB are free"):
        run(store)
    assert Store(store).failures.read_all() == {}
    monkeypatch.undo()
    assert run(store).exit_code == 0


def test_fault_19_a_flaky_store_is_tried_again(store, undisturbed, monkeypatch, at_once):
    publish, calls = LocalFiles.publish, itertools.count()

    def flaky(self, path, data):
        if path.startswith("results/") and next(calls) in (0, 1, 5):
            raise OSError(errno.EIO, "Input/output error", path)
        return publish(self, path, data)

    monkeypatch.setattr(LocalFiles, "publish", flaky)
    assert run(store).exit_code == 0
    assert results(store) == results(undisturbed)


def test_fault_19_a_store_that_stays_broken_fails_the_trial_with_the_count_of_attempts(store, monkeypatch, at_once):
    def broken(self, path, data):
        if path.startswith("results/"):
            raise OSError(errno.EIO, "Input/output error", path)
        return publish(self, path, data)

    publish = LocalFiles.publish
    monkeypatch.setattr(LocalFiles, "publish", broken)
    assert run(store, failures={"retries": {"io": 2}}).outcomes == {"io": 2}
    for trial, failure in Store(store).failures.read_all().items():
        assert failure.attempts == {"io": 3}
        assert failure.log == f"logs/{trial}/0003.log"
    assert "(3 times io)" in str(ps.status(store))


def test_fault_20_durations_and_leases_survive_a_clock_that_jumps_back(store, undisturbed, monkeypatch):
    jumps = itertools.count()
    monkeypatch.setattr(time, "time", lambda: 1e9 - 3600 * next(jumps))
    assert run(store).exit_code == 0
    assert results(store) == results(undisturbed)
    assert all(seconds >= 0 for seconds in Store(store).records.read_all().table.column("wall_seconds").to_pylist())


class FakeRay:
    def __init__(self, *shapes):
        self.shapes = list(shapes)

    def nodes(self):
        return [{"Alive": True, "Resources": shape} for shape in self.shapes]


@pytest.fixture
def cluster_of(monkeypatch):
    """Sets the resources of the nodes of a cluster, and what its autoscaler says, if it has one."""
    from orchestrator.driver.on_ray import capacity

    def call(*shapes, autoscaler=None):
        cluster = FakeRay(*shapes)
        monkeypatch.setattr(capacity, "ray", cluster)
        monkeypatch.setattr(capacity.autoscaling, "current", lambda: autoscaler)
        return cluster

    return call


def test_fault_24_a_cluster_too_small_is_refused_with_what_it_has(cluster_of):
    from orchestrator.driver.on_ray import capacity
    from orchestrator.driver.on_ray.shapes import Shape, Shapes

    cluster_of({"CPU": 8.0, "GPU": 1.0}, {"CPU": 4.0})
    assert capacity.RESOURCE_SECONDS <= 15
    two, quarter = Shape(gpus=2), Shape(gpus=0.25)
    said = r"1 CPU and 2 GPUs for a trial; available: 8 CPUs and 1 GPU; 4 CPUs and 0 GPUs"
    for shapes in (Shapes(usual=two), Shapes(usual=quarter, dense=two)):
        with pytest.raises(InputError, match=said):
            capacity.slots_of(shapes, Interrupt(), patience=0)
    assert capacity.slots_of(Shapes(usual=quarter), Interrupt()) == 4
    assert capacity.slots_of(Shapes(usual=quarter), Interrupt(), most=3) == 3


def test_fault_24_machines_are_waited_for_if_told_to_or_if_an_autoscaler_can_add_them(cluster_of, monkeypatch, capsys):
    from orchestrator.driver.on_ray import capacity
    from orchestrator.driver.on_ray.shapes import Shape, Shapes

    shapes, node = Shapes(usual=Shape(gpus=2)), {"CPU": 2.0, "GPU": 2.0}
    requests, clock = [], Clock()

    def sleep(seconds):
        clock.now += seconds
        if clock.now in (1.0, 3.0):
            cluster.shapes.append(node)

    for module in (capacity, interrupt):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock, sleep=sleep))
    monkeypatch.setattr(capacity, "placement_group", lambda bundles: requests.append(bundles) or "group")
    monkeypatch.setattr(capacity, "remove_placement_group", lambda group: requests.append(group))
    cluster = cluster_of()
    assert capacity.slots_of(shapes, Interrupt(), patience=0, waits=True) == 1
    cluster.shapes.clear()
    assert capacity.slots_of(shapes, Interrupt(stop_after=1), patience=0, waits=True) == 0
    assert (requests, clock.now) == ([], 2.0)
    capsys.readouterr()
    cluster = cluster_of({"CPU": 1.0}, autoscaler="1 node of type gpu starting")
    assert capacity.slots_of(shapes, Interrupt(), patience=0) == 1
    assert requests == [[{"CPU": 1, "GPU": 2}], "group"]
    said = "Waiting for a node with 1 CPU and 2 GPUs; available: 1 CPU and 0 GPUs"
    assert capsys.readouterr().err == f"{said}; autoscaler: 1 node of type gpu starting\n"


@pytest.mark.parametrize("retry", [("all",), ("bug",), ("io", "bug")])
def test_failed_trials_run_again_by_class(store, undisturbed, monkeypatch, retry):
    with monkeypatch.context() as patched:
        fail_in_step(patched, ValueError("a bug"), times=1)
        assert run(store).outcomes == {"bug": 1}
    options = RunOptions(in_process=True, quiet=True)
    assert ps.resume(store, options=options).outcomes == {"bug": 1}
    others = RunOptions(in_process=True, quiet=True, retry=("diverged", "lost_worker"))
    assert ps.resume(store, options=others).outcomes == {"bug": 1}
    assert ps.resume(store, options=RunOptions(in_process=True, quiet=True, retry=retry)).exit_code == 0
    assert results(store) == results(undisturbed)


@pytest.mark.parametrize("word", ["diverging", "done", ""])
def test_an_unknown_class_of_failures_is_refused(word):
    with pytest.raises(InputError, match="not an outcome of a failed trial: `"):
        RunOptions(retry=(word,))
    assert set(FAILURES) >= {"diverged", "lost_worker", "io", "timeout"}
