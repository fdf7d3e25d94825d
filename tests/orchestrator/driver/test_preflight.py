"""Code of the user's own on the machines of a cluster, and the layers that a plan lists."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest

from orchestrator.driver.on_ray.nodes import Lost
from orchestrator.driver.preflight import (
    check_data,
    check_gpus,
    check_importable,
    check_shared,
    check_this_machine,
    data_problem,
    import_problem,
    own_functions,
    unseen_data,
)
from orchestrator.planning.prunable_layers import Layer, Layers
from workers.errors import BadInput, InputError
from workers.store import Store
from workers.trial import Dataset, MaskRule, Network, Pruning, Recipe, Stop, Task


def task(dataset="digits", network="resnet8", **recipe):
    recipe = Recipe(batch_size=1, optimizer="SGD", **recipe)
    return Task(dataset=Dataset(name=dataset), network=Network(name=network), recipe=recipe)


def plan_of(*tasks, mask=None):
    trials = [SimpleNamespace(trial=SimpleNamespace(task=task, mask=mask)) for task in tasks]
    return SimpleNamespace(trials=dict(enumerate(trials)))


def test_functions_of_ones_own_in_a_plan():
    assert own_functions(plan_of(task())) == []
    found = own_functions(plan_of(task("data:load", loss="losses:focal"), task(network="nets:a"), task("data:load")))
    assert found == ["data:load", "losses:focal", "nets:a"]
    pruning = Pruning(score="scores:snip", distribution="ours:flat")
    mask = MaskRule(source=Stop("parent", 0), density=Fraction(1, 4), pruning=pruning)
    assert own_functions(plan_of(task(), mask=mask)) == ["scores:snip", "ours:flat"]


class FakeNodes:
    """Two nodes; `answers` has what each address answers. One that is left out does not answer in time."""

    def __init__(self, answers):
        self.alive = self.for_trials = [{"NodeManagerAddress": name, "NodeID": name} for name in ("head", "second")]
        self._answers = answers

    def ask(self, nodes, function, *arguments, seconds=None):
        for node in nodes:
            if node["NodeID"] in self._answers:
                yield node, self._answers[node["NodeID"]]


def test_nothing_is_asked_of_a_cluster_without_own_code_and_data():
    check_importable([], "anywhere", None)
    check_data([], "anywhere", None)


def test_the_problem_of_a_node_keeps_its_hint():
    nodes = FakeNodes({"head": None, "second": BadInput("the data changed", hint="plan again")})
    with pytest.raises(InputError) as error:
        check_data([task().dataset], "anywhere", nodes)
    assert (error.value.message, error.value.hint) == ("node second: the data changed", "plan again")
    with pytest.raises(InputError, match="node second cannot use the code of this sweep: the data changed") as error:
        check_importable(["data:load"], "code", nodes)
    assert error.value.hint == "install the package on every node, or share `code` among them at the same path"


def test_a_store_that_some_nodes_do_not_see_is_refused_and_the_silent_ones_are_named(tmp_path, capsys):
    store = Store(tmp_path / "store", create=True)
    check_shared(store, FakeNodes({"head": True, "second": True}))
    with pytest.raises(InputError, match="is not the same on every node; not found on: second"):
        check_shared(store, FakeNodes({"head": True, "second": False}))
    assert capsys.readouterr().err == ""
    check_shared(store, FakeNodes({"head": True}))
    check_shared(store, FakeNodes({"head": True, "second": Lost(crashed=False)}))
    assert capsys.readouterr().err == "warning: node second does not answer, so it is not checked\n" * 2
    assert store.files.sizes("").keys() == {"store.json"}


def test_a_machine_says_what_it_cannot_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "only_here_on_disk.py").write_text("def load(): ...\n")
    problem = import_problem(["only_here_on_disk:load"], "/no/such/folder")
    assert problem.message == "cannot import `only_here_on_disk:load`: module `only_here_on_disk` not found"
    assert import_problem(["only_here_on_disk:load"], str(tmp_path)) is None
    misspelled = import_problem(["only_here_on_disk:lode"], str(tmp_path))
    assert "did you mean" not in misspelled.message
    assert "did you mean" in misspelled.hint


@pytest.mark.parametrize(("gpus", "said"), [(Fraction(1, 2), "1/2 GPU"), (Fraction(2), "2 GPUs")])
def test_missing_gpus_are_refused(gpus, said, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    check_gpus(Fraction(0))
    with pytest.raises(InputError, match=f"each trial needs {said}, but torch sees none on this machine"):
        check_gpus(gpus)


def test_data_that_nobody_has_loaded_are_checked(tmp_path):
    names = ("digits", "synthetic", "cifar10", "image_parquet", "data:load")
    jobs = [SimpleNamespace(trial=SimpleNamespace(task=task(name))) for name in names]
    assert [dataset.name for dataset in unseen_data(jobs)] == ["cifar10", "image_parquet", "data:load"]
    assert [dataset.name for dataset in unseen_data(jobs, loaded={""})] == ["cifar10"]  # its facts need no loading
    cifar = replace(task("cifar10").dataset, arguments={"root": str(tmp_path)}, fingerprint="md5:x")
    problem = data_problem([cifar], str(tmp_path))
    assert f"CIFAR10 cannot be read from `{tmp_path}`" in problem.message
    assert problem.hint.startswith("set `root` to the folder that has it")
    plan = SimpleNamespace(spec=SimpleNamespace(resources=SimpleNamespace(gpus=Fraction(0))))
    with pytest.raises(InputError) as error:
        check_this_machine(plan, [cifar], str(tmp_path))
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
