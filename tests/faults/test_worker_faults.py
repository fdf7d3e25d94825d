"""The faults of workers, by their numbers in docs/reliability.md: attempts and actors in this process."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from orchestrator.sweep.spec import spec_from_dict
from orchestrator.upkeep.logs import read_log
from tests.support.attempts import OFTEN, actor, tiny_job
from tests.support.sweeps import tiny_sweep
from tests.support.trainings import fail_in_step, in_first_step
from workers.data.loading import forget_loaded
from workers.machine.device import Device
from workers.store import Store, layout, logs
from workers.store.lease_owner import Owner
from workers.training import attempt
from workers.training.attempt import Attempt, Bounds
from workers.trial import trial_id


def saved_steps(store, job):
    return [int(name.partition(".")[0]) for name in store.files.names(f"progress/{trial_id(job.trial)}")]


def test_fault_06_the_process_that_ran_out_of_memory_is_not_used_again(tmp_path, monkeypatch):
    from orchestrator.driver.on_ray.ray_actor import Unfit

    fail_in_step(monkeypatch, MemoryError(), times=1)
    with pytest.raises(Unfit) as ended:
        actor(Store(tmp_path / "store", create=True)).step()
    assert ended.value.ending.outcome == "out_of_memory"


@pytest.mark.parametrize(("device", "replaced"), [("cuda", True), ("cuda:1", True), ("cpu", False)])
def test_a_process_whose_gpu_may_be_in_error_is_not_used_again(tmp_path, monkeypatch, device, replaced):
    """After a failed assertion on the GPU, every later call of CUDA in the process fails, too."""
    from orchestrator.driver.on_ray.ray_actor import Unfit

    fail_in_step(monkeypatch, RuntimeError("CUDA error: device-side assert triggered"), times=1)
    worker = actor(Store(tmp_path / "store", create=True))
    worker._device = Device(name=device)
    if replaced:
        with pytest.raises(Unfit) as ended:
            worker.step()
        assert ended.value.ending.outcome == "bug"
    else:
        assert json.loads(worker.step()["ending"])["outcome"] == "bug"


def test_fault_06_a_process_that_keeps_memory_of_a_trial_runs_no_other(tmp_path, monkeypatch):
    from orchestrator.driver.on_ray.ray_actor import Unfit

    forget_loaded()  # what other tests have loaded counts, too
    worker = actor(Store(tmp_path / "store", create=True))
    monkeypatch.setattr(worker._memory, "release", lambda kept: kept == 1)
    worker.step()
    worker.reset_config(worker._config)
    with pytest.raises(Unfit) as ended:
        worker.step()
    assert ended.value.ending.outcome == "interrupted"


def test_fault_09_a_worker_told_to_end_saves_its_state_and_does_not_fail(tmp_path, monkeypatch):
    from orchestrator.driver.on_ray.ray_actor import Unfit

    store = Store(tmp_path / "store", create=True)
    worker = actor(store)
    in_first_step(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Unfit) as ended:
        worker.step()
    assert ended.value.ending.outcome == "interrupted"
    assert saved_steps(store, tiny_job())[-1] == ended.value.ending.step
    assert store.failures.read_all() == {}


def test_fault_09_a_worker_on_a_machine_that_is_about_to_go_saves_its_state_and_begins_nothing(tmp_path, monkeypatch):
    from orchestrator.driver.on_ray import ray_actor

    store = Store(tmp_path / "store", create=True)
    worker = actor(store)
    assert not worker.step()["done"]
    monkeypatch.setattr(ray_actor, "is_draining", lambda: True)
    for logs_written in (1, 1):  # the second time the actor is given another trial
        with pytest.raises(ray_actor.Unfit) as ended:
            worker.step()
        assert ended.value.ending.outcome == "interrupted"
        assert len(logs.attempts(store.files, trial_id(tiny_job().trial))) == logs_written
    assert saved_steps(store, tiny_job())
    assert "ends: interrupted at step" in read_log(store, trial_id(tiny_job().trial))
    assert "its node is being drained" in read_log(store, trial_id(tiny_job().trial))


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch sees a GPU")
def test_a_machine_whose_gpus_torch_does_not_see_fails_no_trial(tmp_path, monkeypatch):
    from orchestrator.driver.on_ray import ray_actor

    monkeypatch.setattr(ray_actor, "this_node", lambda: "n1")
    worker = actor(Store(tmp_path / "store", create=True), device=Device(name="cuda"))
    with pytest.raises(ray_actor.UnfitNode) as ended:
        worker.step()
    assert ended.value.node == "n1"


@pytest.mark.parametrize("call", ["names", "write"])
def test_a_store_that_fails_fails_no_trial(tmp_path, monkeypatch, call):
    store = Store(tmp_path / "store", create=True)
    worker = actor(store, device=Device(checkpoint_seconds=0, chunk_seconds=0))

    def fail(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(type(store.files), call, fail)
    ending = json.loads(worker.step()["ending"])
    worker.cleanup()
    assert (ending["outcome"], ending["failure"]["outcome"]) == ("store_failed", "io")


def test_fault_09_a_worker_told_to_end_between_two_steps_saves_and_ends_at_once(tmp_path):
    store = Store(tmp_path / "store", create=True)
    worker = actor(store)
    reached = worker.step()["reached"]
    with pytest.raises(SystemExit):
        os.kill(os.getpid(), signal.SIGTERM)
    assert saved_steps(store, tiny_job())[-1] == reached


def test_a_worker_that_ends_before_its_first_step_has_made_no_attempt(tmp_path):
    store = Store(tmp_path / "store", create=True)
    worker = actor(store)
    worker.cleanup()
    assert list(logs.attempts(store.files, trial_id(tiny_job().trial))) == []


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
    ending = orphan.advance(seconds=3600)
    assert ending.outcome == "interrupted"
    assert "the driver is gone" in read_log(store, orphan.trial)
    assert saved_steps(store, tiny_job())[-1] == ending.step


def test_a_trial_that_takes_too_long_saves_its_state_and_is_tried_once_more(tmp_path):
    store, job = Store(tmp_path / "store", create=True), tiny_job()
    bounds = Bounds(lease="token", timeout=0.0)
    ending = Attempt(job, store, OFTEN, bounds).advance(seconds=3600)
    assert ending.outcome == "timeout"
    assert "`limits.trial_timeout`" in ending.failure.hint
    assert saved_steps(store, job) == [ending.step]
    assert Attempt(job, store, OFTEN, bounds).advance(seconds=3600).step > ending.step
    assert spec_from_dict(tiny_sweep()).failures.retries.timeout == 1


def test_every_attempt_has_a_log_that_says_where_it_continued(tmp_path):
    store, job = Store(tmp_path / "store", create=True), tiny_job()
    first = Attempt(job, store, OFTEN, Bounds(lease="token"))
    first.advance(seconds=0)
    first.close()
    second = attempt.Attempt(job, store, OFTEN, Bounds(lease="token"))
    second.advance(seconds=0)
    second.close()
    log = Path(store.location, "logs", trial_id(job.trial), "0002.log").read_text()
    assert f"continues from step {first.step}" in log
