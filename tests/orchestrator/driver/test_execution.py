"""What is checked before the trials of a run start."""

from __future__ import annotations

import os
import signal
import threading
from types import SimpleNamespace

import pytest

from orchestrator.driver import execution, interrupt
from orchestrator.driver.execution import Execution
from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.options import RunOptions
from orchestrator.sweep.spec import spec_from_dict
from tests.support.sweeps import tiny_sweep
from workers.errors import InputError
from workers.trial import Dataset


@pytest.mark.parametrize(("local", "checked"), [(True, []), (False, ["sha256:a"])])
def test_data_that_the_driver_has_just_loaded_are_checked_on_the_nodes_of_a_cluster(monkeypatch, local, checked):
    calls = []
    monkeypatch.setattr(execution, "check_nodes", lambda plan, data, *_, **__: calls.append(data) or frozenset())
    monkeypatch.setattr(execution, "check_rehearsed", lambda *_: None)
    run_of()._check(SimpleNamespace(), local=local)
    assert [dataset.fingerprint for dataset in calls[0]] == checked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_check_of_this_machine_that_hangs_ends_after_one_signal(monkeypatch, number):
    codes, ended = [], threading.Event()

    def check(*_):
        signal.raise_signal(number)
        assert ended.wait(60)
        raise InputError("the process would have ended")

    def leave(code):
        codes.append(code)
        ended.set()

    monkeypatch.setattr(interrupt, "HUNG_SECONDS", 0.0)
    monkeypatch.setattr(interrupt, "os", SimpleNamespace(_exit=leave, write=os.write))
    monkeypatch.setattr(execution.machine, "check_this_machine", check)
    with Interrupt() as interruption, pytest.raises(InputError, match="would have ended"):
        run_of(interrupt=interruption, options=RunOptions(in_process=True)).run()
    assert codes == [128 + number]


@pytest.mark.parametrize(("stage", "gpus"), [("dense", 8), ("child", 1)])
def test_this_machine_needs_the_gpus_of_the_trials_that_are_left(monkeypatch, stage, gpus):
    """Dense networks may have been trained on a larger machine."""
    asked = []

    def check(gpus, *_):
        asked.append(gpus)
        raise InputError("enough")

    monkeypatch.setattr(execution.machine, "check_this_machine", check)
    resources = {"gpus": 1, "dense": {"gpus": 8}}
    with Interrupt() as interruption, pytest.raises(InputError, match="enough"):
        run_of(stage, resources, interrupt=interruption, options=RunOptions(in_process=True)).run()
    assert asked == [gpus]


def run_of(stage="dense", resources=None, **parts):
    """An execution of one trial, whose data were loaded by the driver."""
    sweep = tiny_sweep() | ({"resources": resources} if resources else {})
    task = SimpleNamespace(dataset=Dataset(name="data:load", fingerprint="sha256:a"))
    nothing = {"store": None, "lease": None, "interrupt": None, "options": None}
    return Execution(
        work=SimpleNamespace(
            plan=SimpleNamespace(spec=spec_from_dict(sweep)),
            agenda=SimpleNamespace(jobs={"t": SimpleNamespace(trial=SimpleNamespace(task=task, stage=stage))}),
        ),
        facts=SimpleNamespace(loaded={"sha256:a"}),
        **nothing | parts,
    )
