"""What a task takes on this machine, measured."""

from __future__ import annotations

import pytest
import torch

from tests.support import tiny
from workers.describe.answers import answer
from workers.describe.probe import probe
from workers.describe.rehearsal import Rehearsal
from workers.errors import InputError
from workers.trial import Evaluation, canonical

REHEARSAL = Rehearsal(task=tiny.task(), evaluation=Evaluation())


def test_a_probe_measures_beginning_stepping_and_evaluating():
    result = probe(REHEARSAL, seconds=0)
    assert result.keys() == {"begin", "step", "evaluation", "cpus", "gpus"}
    assert min(result["begin"], result["step"], result["evaluation"]) > 0
    assert result["cpus"] >= 1


def test_a_request_with_a_probe_is_answered_without_facts(monkeypatch):
    monkeypatch.setattr("workers.describe.probe._MOST", 1)
    task = tiny.task()
    request = {name: canonical(getattr(task, name)) for name in ("dataset", "network", "recipe")}
    asked = request | {"probe": {"evaluation": {}, "device": "cpu"}}
    assert answer(asked).keys() == {"probe"}
    broken = asked | {"network": {"name": "mlp", "arguments": {"hidden": [16], "dropout": 7}}}
    assert "dropout" in answer(broken)["error"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_machine_without_the_device_of_trials_is_refused():
    with pytest.raises(InputError, match="this machine has no `cuda` device"):
        probe(Rehearsal(task=tiny.task(), evaluation=Evaluation(), device="cuda"))
