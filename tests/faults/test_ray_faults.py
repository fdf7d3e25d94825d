"""The faults of workers that are processes of Ray's, by their numbers in docs/reliability.md."""

from __future__ import annotations

import json

import pytest

import prunesweep as ps
from orchestrator.upkeep.logs import read_log
from tests.support.sweeps import recipe, tiny_sweep
from workers.store import Store
from workers.store.logs import attempts

CRASHING = """\
import ctypes, os, signal, sys, time
from torch import nn

def build(input_shape, classes, how):
    if how == "hang" and "ray" in sys.modules:
        time.sleep(1e6)
    return Crashing(input_shape, classes, how)

class Crashing(nn.Sequential):
    def __init__(self, shape, classes, how):
        super().__init__(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes))
        self.how = how

    def forward(self, images):
        if "ray" in sys.modules:
            print("last words")
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "segfault":
                ctypes.string_at(0)
        return super().forward(images)
"""


@pytest.fixture
def run(prunesweep, tmp_path):
    """Runs dense trainings of networks that fail in these ways, on two CPUs, with settings of the sweep."""

    def call(*ways, **settings):
        (tmp_path / "crashing.py").write_text(CRASHING)
        sweep = tiny_sweep(
            network=[{"name": "crashing:build", "how": how} for how in ways],
            recipe=recipe(duration="2ep", batch_size=16),
            grid={"technique": "dense", "replicates": 1},
            failures={"retries": {"lost_worker": 0, "timeout": 0}},
        )
        (tmp_path / "sweep.yaml").write_text(json.dumps(sweep | settings))
        prunesweep("run", "sweep.yaml", "--store", "store", "--cpus", 2, code=3)
        return Store(tmp_path / "store")

    return call


def check_failures(store, outcome):
    """Each failed trial was tried once, and what is said of their cause leads to the log of one of them."""
    failures = store.failures.read_all()
    status = str(ps.status(store.location))
    assert any(f"prunesweep logs {store.location} {trial}" in status for trial in failures)
    for trial, failure in failures.items():
        assert failure.outcome == outcome
        assert failure.attempts == {outcome: 1}
        assert attempts(store.files, trial) == [1]
        log = read_log(store, trial)
        assert ("printed: last words" if outcome == "lost_worker" else "crashing.py") in log  # or where it hung


@pytest.mark.timeout(1800)  # workers are lost and replaced: each new one imports torch
def test_fault_07_a_trial_that_kills_its_worker_is_set_aside_and_the_others_continue(run, prunesweep):
    store = run("kill", "segfault", "not")
    assert "2 trials failed (2 lost_worker)" in prunesweep.stderr
    check_failures(store, "lost_worker")
    assert len(store.records.all_keys()) == 1


@pytest.mark.timeout(1800)
def test_fault_08_a_trial_that_hangs_is_ended_at_its_time_limit(run, prunesweep):
    # alone under its limit, so that nothing else can run into it, however slow the machine is
    store = run("hang", limits={"trial_timeout": "15s"})
    assert "1 trial failed (1 timeout)" in prunesweep.stderr
    check_failures(store, "timeout")
    assert not store.records.all_keys()
