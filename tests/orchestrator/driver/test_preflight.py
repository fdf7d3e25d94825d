"""Code of the user's own on the machines of a cluster, and the layers that a plan lists."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest

from orchestrator.driver.preflight import (
    check_data,
    check_importable,
    data_problem,
    gpu_problem,
    own_functions,
    problem_with,
    unseen_data,
)
from orchestrator.planning.prunable_layers import Layer, Layers
from workers.trial import Dataset, Network, Recipe, Task


def task(dataset="digits", network="resnet8", **recipe):
    recipe = Recipe(batch_size=1, optimizer="SGD", **recipe)
    return Task(dataset=Dataset(name=dataset), network=Network(name=network), recipe=recipe)


def plan_of(*tasks):
    trials = {str(number): SimpleNamespace(trial=SimpleNamespace(task=each)) for number, each in enumerate(tasks)}
    return SimpleNamespace(trials=trials)


def test_functions_of_ones_own_in_a_plan():
    assert own_functions(plan_of(task())) == []
    found = own_functions(plan_of(task("data:load", loss="losses:focal"), task(network="nets:a"), task("data:load")))
    assert found == ["data:load", "losses:focal", "nets:a"]


def test_nothing_is_asked_of_a_cluster_without_code_of_ones_own(monkeypatch):
    monkeypatch.setattr("orchestrator.driver.preflight._alive", None)
    check_importable([], "anywhere")
    check_data([], "anywhere")


def test_a_machine_says_what_it_cannot_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "only_here_on_disk.py").write_text("def load(): ...\n")
    problem = problem_with(["only_here_on_disk:load"], "/no/such/folder")
    assert problem == "cannot import `only_here_on_disk:load`: there is no module `only_here_on_disk`"
    assert problem_with(["only_here_on_disk:load"], str(tmp_path)) is None
    assert "did you mean" not in problem_with(["only_here_on_disk:lode"], str(tmp_path))


def test_gpus_that_are_not_there_are_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert gpu_problem(Fraction(0)) is None
    assert "a trial is to have 1/2 GPUs, and torch finds none" in gpu_problem(Fraction(1, 2))


def test_data_that_nobody_has_loaded_are_looked_at(tmp_path):
    names = ("digits", "synthetic", "cifar10", "image_parquet", "data:load")
    jobs = [SimpleNamespace(trial=SimpleNamespace(task=task(name))) for name in names]
    assert [dataset.name for dataset in unseen_data(jobs)] == ["cifar10", "image_parquet", "data:load"]
    assert [dataset.name for dataset in unseen_data(jobs, loaded={""})] == ["cifar10"]  # its facts need no loading
    cifar = replace(task("cifar10").dataset, arguments={"root": str(tmp_path)}, fingerprint="md5:x")
    problem = data_problem([cifar], str(tmp_path))
    assert f"CIFAR10 cannot be read from `{tmp_path}`" in problem
    assert "hint: name the folder" in problem


def test_data_that_changed_since_they_were_planned_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "changing_data.py").write_text(
        "import torch\nfrom workers.data.images import Images\ndef load(bright):\n"
        "    part = torch.full((4, 1, 2, 2), bright, dtype=torch.uint8), torch.tensor([0, 1, 0, 1])\n"
        "    return Images(train_images=part[0], train_labels=part[1], test_images=part[0], test_labels=part[1],"
        " classes=2)\n"
    )
    dataset = Dataset(name="changing_data:load", arguments={"bright": 1}, fingerprint="sha256:before")
    assert "the data changed since the sweep was planned" in data_problem([dataset], str(tmp_path))


@pytest.mark.parametrize(
    ("count", "said"), [(1, "10 prunable weights in 1 layer"), (2, "20 prunable weights in 2 layers")]
)
def test_layers_as_text(count, said):
    text = str(Layers("digits", "mlp", "magnitude", [Layer("hidden.weight", [5, 2], 10, 1200.0)] * count))
    assert said in text.splitlines()[0]
    assert text.splitlines()[-1].split() == ["hidden.weight", "5×2", "10", "1,200"]
