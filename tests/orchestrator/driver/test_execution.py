"""What is checked before the trials of a run start."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from orchestrator.driver import execution
from orchestrator.driver.execution import Execution
from orchestrator.sweep.spec import spec_from_dict
from tests.support.sweeps import tiny_sweep
from workers.trial import Dataset


@pytest.mark.parametrize(("local", "checked"), [(True, []), (False, ["sha256:a"])])
def test_data_that_the_driver_has_just_loaded_are_checked_on_the_nodes_of_a_cluster(monkeypatch, local, checked):
    calls = []
    monkeypatch.setattr(execution, "check_nodes", lambda plan, data, *_, **__: calls.append(data) or frozenset())
    monkeypatch.setattr(execution, "check_rehearsed", lambda *_: None)
    task = SimpleNamespace(dataset=Dataset(name="data:load", fingerprint="sha256:a"))
    run = Execution(
        work=SimpleNamespace(
            plan=SimpleNamespace(spec=spec_from_dict(tiny_sweep())),
            agenda=SimpleNamespace(jobs={"t": SimpleNamespace(trial=SimpleNamespace(task=task))}),
        ),
        store=None,
        lease=None,
        interrupt=None,
        options=None,
        facts=SimpleNamespace(loaded={"sha256:a"}),
    )
    run._check(SimpleNamespace(), local=local)
    assert [dataset.fingerprint for dataset in calls[0]] == checked
