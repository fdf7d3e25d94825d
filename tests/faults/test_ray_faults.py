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
import ctypes, sys, time
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


@pytest.mark.timeout(1800)  # workers are lost and replaced: each new one imports torch
def test_fault_07_and_08_a_trial_that_kills_its_worker_or_hangs_is_set_aside_and_the_others_continue(run, prunesweep):
    # a limit that nothing else can run into, however slow the machine is
    store = run("hang", "segfault", "not", limits={"trial_timeout": "60s"})
    assert "2 trials failed (1 lost_worker, 1 timeout)" in prunesweep.stderr
    failures = store.failures.read_all()
    assert sorted(failure.outcome for failure in failures.values()) == ["lost_worker", "timeout"]
    status = str(ps.status(store.location))
    for outcome, said in {"lost_worker": "printed: last words", "timeout": "crashing.py"}.items():  # or where it hung
        trials = [trial for trial, failure in failures.items() if failure.outcome == outcome]
        assert any(f"prunesweep logs {store.location} {trial}" in status for trial in trials)
        for trial in trials:
            assert failures[trial].attempts == {outcome: 1}
            assert attempts(store.files, trial) == [1]
            assert said in read_log(store, trial)
    assert len(store.records.all_keys()) == 1
