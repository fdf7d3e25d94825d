"""What one machine lacks for a plan, and the layers that a plan lists."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest

from orchestrator.driver.preflight.machine import (
    check_gpus,
    check_this_machine,
    data_problem,
    import_problem,
    own_functions,
    unseen_data,
)
from orchestrator.planning.prunable_layers import Layer, Layers
from workers.errors import InputError
from workers.trial import Dataset, Evaluation, MaskRule, Metric, Network, Pruning, Recipe, Stop, Task


def task(dataset="digits", network="resnet8", **recipe):
    recipe = Recipe(batch_size=1, optimizer="SGD", **recipe)
    return Task(dataset=Dataset(name=dataset), network=Network(name=network), recipe=recipe)


def plan_of(*tasks, mask=None, metric="accuracy"):
    trials = [SimpleNamespace(trial=SimpleNamespace(task=task, mask=mask)) for task in tasks]
    evaluation = Evaluation(metrics=(Metric(name="accuracy"), Metric(name=metric)))
    return SimpleNamespace(trials=dict(enumerate(trials)), evaluation=evaluation)


def test_functions_of_ones_own_in_a_plan():
    assert own_functions(plan_of(task())) == []
    found = own_functions(plan_of(task("data:load", loss="losses:focal"), task(network="nets:a"), task("data:load")))
    assert found == ["data:load", "losses:focal", "nets:a"]
    pruning = Pruning(score="scores:snip", distribution="ours:flat")
    mask = MaskRule(source=Stop("parent", 0), density=Fraction(1, 4), pruning=pruning)
    assert own_functions(plan_of(task(), mask=mask)) == ["scores:snip", "ours:flat"]
    assert own_functions(plan_of(task(), metric="mine:Recall")) == ["mine:Recall"]


def test_a_machine_says_what_it_cannot_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "only_here_on_disk.py").write_text("def load(): ...\n")
    problem = import_problem(["only_here_on_disk:load"], "/no/such/folder")
    assert problem.message == "cannot import `only_here_on_disk:load`: module `only_here_on_disk` not found"
    assert import_problem(["only_here_on_disk:load"], str(tmp_path)) is None
    misspelled = import_problem(["only_here_on_disk:lode"], str(tmp_path))
    assert "did you mean" not in misspelled.message
    assert "did you mean" in misspelled.hint


@pytest.mark.parametrize(
    ("gpus", "seen", "said"),
    [
        (Fraction(1, 2), 0, "1/2 GPU, but torch sees none"),
        (Fraction(2), 0, "2 GPUs, but torch sees none"),
        (Fraction(4), 2, "4 GPUs, but torch sees 2"),
    ],
)
def test_missing_gpus_are_refused(gpus, seen, said, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: seen > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: seen)
    check_gpus(Fraction(seen))
    with pytest.raises(InputError, match=f"a trial needs {said} on this machine") as caught:
        check_gpus(gpus)
    assert caught.value.hint.startswith(f"{'lower' if seen else 'remove'} `gpus` in `resources` of the sweep file")


def test_data_that_nobody_has_loaded_are_checked(tmp_path):
    names = ("digits", "synthetic", "cifar10", "image_parquet", "data:load")
    jobs = [SimpleNamespace(trial=SimpleNamespace(task=task(name))) for name in names]
    assert [dataset.name for dataset in unseen_data(jobs)] == ["cifar10", "image_parquet", "data:load"]
    assert [dataset.name for dataset in unseen_data(jobs, loaded={""})] == ["cifar10"]  # its facts need no loading
    cifar = replace(task("cifar10").dataset, arguments={"root": str(tmp_path)}, fingerprint="md5:x")
    problem = data_problem([cifar], str(tmp_path))
    assert f"CIFAR10 cannot be read from `{tmp_path}`" in problem.message
    assert problem.hint.startswith("set `root` to the folder that has it")
    with pytest.raises(InputError) as error:
        check_this_machine(Fraction(0), [cifar], str(tmp_path))
    assert (error.value.message, error.value.hint) == (problem.message, problem.hint)


def test_data_that_changed_since_they_were_planned_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "changing_data.py").write_text(
        "import torch\nfrom workers.data.images import Images\ndef load(bright):\n"
        "    part = torch.full((4, 1, 2, 2), bright, dtype=torch.uint8), torch.tensor([0, 1, 0, 1])\n"
        "    return Images(train_images=part[0], train_labels=part[1], test_images=part[0], test_labels=part[1],"
        " classes=2)\n"
    )
    dataset = Dataset(name="changing_data:load", arguments={"bright": 1}, fingerprint="sha256:before")
    assert "the data have changed since the sweep was planned" in str(data_problem([dataset], str(tmp_path)))


@pytest.mark.parametrize(
    ("count", "said"), [(1, "10 prunable weights in 1 layer"), (2, "20 prunable weights in 2 layers")]
)
def test_layers_as_text(count, said):
    text = str(Layers("digits", "mlp", "magnitude", [Layer("hidden.weight", [5, 2], 10, 1200.0)] * count, []))
    assert said in text.splitlines()[0]
    assert text.splitlines()[-1].split() == ["hidden.weight", "5×2", "10", "1,200"]
