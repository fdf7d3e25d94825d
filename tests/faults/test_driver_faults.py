"""The faults of drivers and their workers, by their numbers in docs/reliability.md."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import prunesweep as ps
from orchestrator.driver.disk_space import Room
from orchestrator.driver.dispatcher import Dispatcher
from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.options import RunOptions
from orchestrator.sweep.spec import spec_from_dict
from orchestrator.upkeep.logs import read_log
from tests.support import tiny
from tests.support.stores import results, with_facts
from tests.support.sweeps import grid, tiny_sweep
from workers.errors import FAILURES, InputError, StoreError
from workers.store import Store, layout
from workers.store.lease import Lease
from workers.store.lease_owner import Owner
from workers.store.local import LocalFiles
from workers.store.logs import attempts
from workers.training import attempt, trainer
from workers.training.attempt import Attempt, Bounds
from workers.training.device import Device
from workers.trial import Job, Network, Recipe, Segment, Task, Trial, trial_id

IN_PROCESS = RunOptions(in_process=True, quiet=True, checkpoint_seconds=0)
GRID = grid(technique=["lr_rewinding", "weight_rewinding"], compression=4, budget="50%", replicates=2)
SWEEP = tiny_sweep(grid=GRID)
CELLS = 2 + 4


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The store of a run to which nothing happened."""
    store = tmp_path_factory.mktemp("undisturbed") / "store"
    assert ps.run(spec_from_dict(SWEEP), store, options=IN_PROCESS).exit_code == 0
    return store


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


def fail_in_step(monkeypatch, error, times):
    """Have the first `times` optimizer steps of this process raise."""
    calls, advance = itertools.count(), trainer.Trainer.advance

    def failing(self):
        if next(calls) < times:
            raise error
        advance(self)

    monkeypatch.setattr(trainer.Trainer, "advance", failing)


def tiny_job():
    task = Task(
        dataset=tiny.DATA,
        network=Network(name="mlp", arguments={"hidden": [16]}),
        recipe=Recipe(batch_size=16, optimizer="SGD"),
    )
    trial = Trial(task=task, replicate=0, stage="dense", rates=(Segment(rate=0.1),))
    return Job(trial=trial, records=(2000,), checkpoints=())


OFTEN = Device(chunk_seconds=0)


def saved_steps(store, job):
    return [int(name.partition(".")[0]) for name in store.files.names(f"progress/{trial_id(job.trial)}")]


def test_fault_06_out_of_memory_is_an_outcome_of_its_own_that_is_not_tried_again(store, monkeypatch):
    import torch

    fail_in_step(monkeypatch, torch.OutOfMemoryError("tried to allocate 20 GiB"), times=1)
    assert run(store).outcomes == {"out_of_memory": 1}
    [failure] = Store(store).failures.read_all().values()
    assert "20 GiB" in failure.reason
    assert failure.attempts == {"out_of_memory": 1}
    assert len(results(store)) == CELLS // 2  # the other replicate is not concerned
    assert "out_of_memory" in str(ps.status(store))


def test_fault_06_the_process_that_ran_out_of_memory_is_not_used_again(tmp_path, monkeypatch):
    from orchestrator.driver.ray_tune import Unfit

    fail_in_step(monkeypatch, MemoryError(), times=1)
    with pytest.raises(Unfit) as ended:
        actor(Store(tmp_path / "store", create=True)).step()
    assert ended.value.ending.outcome == "out_of_memory"


CRASHING = """\
import ctypes, os, signal, sys, time
from torch import nn

def build(input_shape, classes, how):
    return Crashing(input_shape, classes, how)

class Crashing(nn.Sequential):
    def __init__(self, shape, classes, how):
        super().__init__(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes))
        self.how = how

    def forward(self, images):
        if "ray" in sys.modules:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "segfault":
                ctypes.string_at(0)
            if self.how == "hang":
                time.sleep(1000)
        return super().forward(images)
"""
CRASHING_SWEEP = """\
version: 1
name: crashing
dataset: {name: synthetic, train_images: 80, test_images: 40, classes: 4, channels: 1, size: 6}
network:
- {name: crashing:build, how: kill}
- {name: crashing:build, how: segfault}
- {name: crashing:build, how: not}
- {name: crashing:build, how: hang}
recipe: {duration: 2ep, batch_size: 16, optimizer: {name: SGD, lr: 0.1}}
grid: {technique: dense, replicates: 1}
failures: {retries: {lost_worker: 0, timeout: 0}}
limits: {trial_timeout: 8s}
"""


def prunesweep(folder, *arguments):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PRUNESWEEP_", "RAY_"))}
    return subprocess.run(
        [sys.executable, "-m", "prunesweep", *map(str, arguments)],
        cwd=folder,
        env=kept | {"RAY_TMPDIR": "/tmp", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.timeout(300)  # workers are lost and replaced: each new one imports torch
def test_fault_07_and_08_a_trial_that_kills_or_hangs_its_worker_is_set_aside_and_the_others_go_on(tmp_path):
    (tmp_path / "crashing.py").write_text(CRASHING)
    (tmp_path / "sweep.yaml").write_text(CRASHING_SWEEP)
    found = prunesweep(tmp_path, "run", "sweep.yaml", "--store", "store", "--cpus", 2)
    assert found.returncode == 3, found.stderr
    assert "3 trials failed (2 lost_worker, 1 timeout)" in found.stderr
    store = Store(tmp_path / "store")
    for trial, failure in store.failures.read_all().items():
        assert failure.attempts == {failure.outcome: 1}
        assert attempts(store.files, trial) == [1]
        assert f"prunesweep logs {store.location} {trial}" in str(ps.status(tmp_path / "store"))
        log = read_log(store, trial)
        assert ("crashing.py" in log) == (failure.outcome == "timeout")  # where it hung
    assert len(store.records.all_keys()) == 1


def actor(store, job=None):
    """A worker's actor as Tune makes it, here in this process."""
    import json

    from orchestrator.driver.ray_actor import TrialActor
    from workers.trial import job_to_json

    made = object.__new__(TrialActor)
    config = {"job": json.dumps(job_to_json(job or tiny_job()))}
    before = signal.getsignal(signal.SIGTERM)
    made.setup(config, store.location, OFTEN, Bounds(lease="token"), os.getcwd())
    made.restore_handler = lambda: signal.signal(signal.SIGTERM, before)
    return made


def test_fault_09_a_worker_told_to_end_saves_its_state_and_that_is_no_failure(tmp_path):
    from orchestrator.driver.ray_tune import Unfit

    store = Store(tmp_path / "store", create=True)
    worker = actor(store)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    try:
        with pytest.raises(Unfit) as ended:
            worker.step()
    finally:
        worker.restore_handler()
    assert ended.value.ending.outcome == "interrupted"
    assert saved_steps(store, tiny_job())[-1] == ended.value.ending.step
    assert store.failures.read_all() == {}


def test_fault_09_a_worker_told_to_end_between_two_steps_saves_and_ends_at_once(tmp_path, monkeypatch):
    from orchestrator.driver import ray_actor

    monkeypatch.setattr(ray_actor, "_STEP_SECONDS", 0)
    store = Store(tmp_path / "store", create=True)
    worker = actor(store)
    reached = worker.step()["reached"]
    try:
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        worker.restore_handler()
    assert saved_steps(store, tiny_job())[-1] == reached


def test_fault_10_a_second_interrupt_ends_at_once(tmp_path):
    code = (
        "import os, signal\nfrom orchestrator.driver.interrupt import Interrupt\n"
        "with Interrupt() as interrupt:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n    assert interrupt.requested\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n    print('still here')\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (130, "")
    assert "press Ctrl-C again to exit immediately" in found.stderr


@pytest.mark.parametrize("fate", ["silent", "replaced"])
def test_fault_10_a_worker_whose_driver_is_gone_saves_its_state_and_stops(tmp_path, fate):
    store = Store(tmp_path / "store", create=True)
    driver = Owner.this_process()
    store.files.write(layout.LEASE, driver.to_bytes())
    orphan = Attempt(tiny_job(), store, OFTEN, Bounds(lease=driver.token, period=0.1))
    assert orphan.advance(seconds=0) is None
    if fate == "replaced":
        store.files.write(layout.LEASE, Owner.this_process().to_bytes())
    begun = time.monotonic()
    ending = orphan.advance(seconds=30)
    assert ending.outcome == "interrupted"
    assert "the driver is gone" in read_log(store, orphan.trial)
    assert time.monotonic() - begun < 10
    assert saved_steps(store, tiny_job())[-1] == ending.step


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


def test_fault_24_a_cluster_too_small_is_refused_with_what_it_has(monkeypatch):
    from orchestrator.driver import cluster as clusters

    monkeypatch.setattr(clusters, "ray", FakeRay({"CPU": 8.0, "GPU": 1.0}, {"CPU": 4.0}))
    assert clusters._RESOURCE_SECONDS <= 15
    monkeypatch.setattr(clusters, "_RESOURCE_SECONDS", 0.1)
    with pytest.raises(
        InputError, match=r"1 CPU and 2 GPUs for a trial; available: 8 CPUs and 1 GPU; 4 CPUs and 0 GPUs"
    ):
        clusters.slots_of(clusters.Cluster(address="auto", gpus=2), Interrupt())
    assert clusters.slots_of(clusters.Cluster(address="auto", gpus=0.25), Interrupt()) == 4


def test_fault_24_machines_are_waited_for_if_told_to(monkeypatch):
    from orchestrator.driver import cluster as clusters

    cluster = FakeRay()
    monkeypatch.setattr(clusters, "ray", cluster)
    monkeypatch.setattr(clusters, "_RESOURCE_SECONDS", 0.1)
    threading.Timer(0.7, cluster.shapes.append, ({"CPU": 2.0, "GPU": 2.0},)).start()
    waiting = clusters.Cluster(address="auto", gpus=2, wait_for_resources=True)
    assert clusters.slots_of(waiting, Interrupt()) == 1
    cluster.shapes.clear()
    assert clusters.slots_of(waiting, Interrupt(stop_after=0.7)) == 0


def test_a_trial_that_takes_too_long_saves_its_state_and_is_tried_once_more(tmp_path):
    store, job = Store(tmp_path / "store", create=True), tiny_job()
    bounds = Bounds(lease="token", timeout=0.0)
    ending = Attempt(job, store, OFTEN, bounds).advance(seconds=30)
    assert ending.outcome == "timeout"
    assert "`limits.trial_timeout`" in ending.failure.hint
    assert saved_steps(store, job) == [ending.step]
    assert Attempt(job, store, OFTEN, bounds).advance(seconds=30).step > ending.step
    assert spec_from_dict(SWEEP).failures.retries.timeout == 1


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
    with pytest.raises(InputError, match="is not an outcome of a failed trial"):
        RunOptions(retry=(word,))
    assert set(FAILURES) >= {"diverged", "lost_worker", "io", "timeout"}


def test_every_attempt_has_a_log_that_says_where_it_went_on(tmp_path):
    store, job = Store(tmp_path / "store", create=True), tiny_job()
    first = Attempt(job, store, OFTEN, Bounds(lease="token"))
    first.advance(seconds=0)
    first.close()
    second = attempt.Attempt(job, store, OFTEN, Bounds(lease="token"))
    second.advance(seconds=0)
    second.close()
    log = Path(store.location, "logs", trial_id(job.trial), "0002.log").read_text()
    assert f"continues from step {first.step}" in log
