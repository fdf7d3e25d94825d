"""Sweeps on dense networks that were trained elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

import prunesweep as ps
from orchestrator.planning.crossing import questions
from orchestrator.planning.expand import make_plan
from orchestrator.sweep.spec import spec_from_dict
from tests.support.sweeps import answered, grid, messages_of, problems_of, sweep, tiny_sweep
from workers.errors import InputError
from workers.store import Store

FILES = {"from": "runs/dense-{replicate}.safetensors"}


def planned(**settings):
    spec = spec_from_dict(sweep(**({"dense": FILES} | settings)))
    asked = questions(spec)
    answer = {
        "dataset": {"train_images": 1000, "fingerprint": "sha256:0"},
        "network": {"prunable": [["a", 1000]], "checkpoint_bytes": 8000},
        "pretrained": {path: f"sha256:{path}" for path in asked[0].pretrained},
    }
    return asked, make_plan(answered(spec, answer))


def test_every_replicate_has_its_file():
    asked, plan = planned(grid=grid(replicates=2, technique=["lr_rewinding", "fine_tuning"]))
    assert asked[0].pretrained == ("runs/dense-0.safetensors", "runs/dense-1.safetensors")
    dense = [trial.trial for trial in plan.trials.values() if trial.trial.stage == "dense"]
    assert [trial.pretrained.checksum for trial in dense] == [f"sha256:{path}" for path in asked[0].pretrained]
    assert all(cell.dense.step == 0 for cell in plan.cells)
    assert {each.trial.start.step for each in plan.trials.values() if each.trial.start} == {0}


def test_only_retraining_takes_steps():
    _, plan = planned(grid=grid(technique="lr_rewinding", compression=[4], budget="50%"))
    assert plan.shared_steps() == plan.unshared_steps() == 100  # half of 20 epochs of 10 steps


def test_one_file_for_all_replicates():
    asked, plan = planned(dense={"from": "a.safetensors"}, grid=grid(replicates=3))
    assert asked[0].pretrained == ("a.safetensors",)
    assert len({cell.dense for cell in plan.cells}) == 3


def test_a_sweep_comes_back_from_its_canonical_form():
    spec = spec_from_dict(sweep(dense=FILES))
    assert spec.canonical()["dense"] == FILES
    assert spec_from_dict(spec.canonical()) == spec


@pytest.mark.parametrize("technique", ["weight_rewinding", "low_lr_weight_rewinding"])
def test_techniques_that_need_a_rewind_point(technique):
    data = sweep(dense=FILES, grid=grid(technique=["lr_rewinding", technique]))
    (problem,) = problems_of(data)
    assert problem.field == "grid.technique[1]"
    assert "a file has only its end" in problem.message
    assert messages_of(data | {"grid": [grid(technique=technique)]})


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("dense.pt", "cannot be a pickle, which could run code when it is opened"),
        ("dense.npz", "must be a `.safetensors` file"),
        ("dense-{seed}.safetensors", "can have no field other than `{replicate}`"),
        ("dense-{.safetensors", "can have no field other than `{replicate}`"),
        (3, "must be the path of a safetensors file"),
    ],
)
def test_files_that_are_not_opened(path, message):
    assert messages_of(sweep(dense={"from": path})) == {"dense.from": message}


def test_the_remedy_converts_without_trust():
    (problem,) = problems_of(sweep(dense={"from": "dense.pth"}))
    assert "weights_only=True" in problem.hint


def test_another_file_under_the_same_name_is_not_trained_on_until_told(tmp_path):
    def write(replicate, seed):
        bias = np.full(4, seed, np.float32)
        tensors = {"hidden.0.linear.weight": np.ones((4, 36), np.float32), "hidden.0.linear.bias": bias}
        tensors |= {"classifier.weight": np.ones((4, 4), np.float32), "classifier.bias": bias}
        save_file(tensors, tmp_path / f"dense-{replicate}.safetensors")

    def run(replicates, **told):
        files = {"from": str(tmp_path / "dense-{replicate}.safetensors")}
        spec = tiny_sweep(
            network={"name": "mlp", "hidden": [4]},
            dense=files,
            grid=grid(technique="fine_tuning", compression=[2], budget="1ep", replicates=replicates),
        )
        options = ps.RunOptions(in_process=True, quiet=True)
        return ps.run(spec_from_dict(spec), tmp_path / "store", options=options, **told)

    write(0, 1)
    assert run(1).exit_code == 0
    write(0, 2)
    write(1, 1)
    with pytest.raises(InputError, match=r"checksum of `.*dense-0.safetensors` has changed since sweep `0001-tiny`"):
        run(2)
    assert len(Store(tmp_path / "store").records.all_keys()) == 2
    assert run(2, accept_changes=True).exit_code == 0
    assert len(Store(tmp_path / "store").records.all_keys()) == 2 + 4
