from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from tests.support.own_modules import Write
from workers.data.loading import load_facts
from workers.describe import answers, apart
from workers.describe.answers import answer, describe_network
from workers.describe.apart import describe_apart
from workers.errors import InputError
from workers.trial import Dataset, Evaluation, Metric, Network, Pruning, Recipe, canonical

DATASET = Dataset(name="synthetic", arguments={"channels": 3, "size": 32, "train_images": 30, "test_images": 20})
RECIPE = Recipe(batch_size=128, optimizer="SGD", optimizer_arguments={"momentum": 0.9})
RESNET20 = Network(name="cifar_resnet", arguments={"depth": 20})


def request(**changes: Any) -> dict[str, Any]:
    asked = {"dataset": DATASET, "network": RESNET20, "recipe": RECIPE, "pruning": Pruning()} | changes
    return {name: canonical(value) for name, value in asked.items()}


def test_data_set_facts() -> None:
    facts = load_facts(DATASET).to_json()
    fingerprint = facts.pop("fingerprint")
    assert fingerprint.startswith("sha256:")
    assert facts == {
        "train_images": 30, "test_images": 20, "channels": 3, "height": 32, "width": 32, "classes": 10,
    }  # fmt: skip


def test_network_facts() -> None:
    facts = describe_network(RESNET20, load_facts(DATASET), RECIPE, Pruning())
    weights, parameters = 271_152, 272_762
    # stem, two convolutions a block and a shortcut a stage
    normalized = sum(layers * width for layers, width in ((8, 16), (7, 32), (7, 64)))
    buffer_bytes = normalized * 2 * 4 + 22 * 8  # means and variances; a counter for each BatchNorm
    assert sum(count for _, count in facts["prunable"]) == weights
    assert facts["prunable"][0] == ["stem.conv.weight", 432]
    assert facts["parameters"] == parameters
    assert facts["buffer_bytes"] == buffer_bytes
    assert facts["checkpoint_bytes"] == 2 * 4 * parameters + buffer_bytes + weights  # with momentum and masks
    assert facts["multiply_adds"] == 41_075_328
    assert facts["paper_flops"] == 41_886_986


@pytest.mark.parametrize(
    ("optimizer", "arguments", "slots"), [("SGD", {}, 0), ("SGD", {"momentum": 0.9}, 1), ("Adam", {}, 2)]
)
def test_checkpoints_hold_what_the_optimizer_keeps(optimizer: str, arguments: dict, slots: int) -> None:
    recipe = Recipe(batch_size=1, optimizer=optimizer, optimizer_arguments=arguments)
    network = Network(name="mlp", arguments={"hidden": []})
    facts = describe_network(network, load_facts(DATASET), recipe, Pruning())
    parameters, weights = 30_730, 30_720
    counters = 2 * 4 if optimizer == "Adam" else 0  # a step for each parameter
    assert facts["checkpoint_bytes"] == 4 * parameters * (1 + slots) + counters + weights


def test_excluded_weights_are_not_prunable() -> None:
    facts = describe_network(RESNET20, load_facts(DATASET), RECIPE, Pruning(exclude=("classifier.*",)))
    assert sum(count for _, count in facts["prunable"]) == 271_152 - 640


def test_facts_are_plain_json() -> None:
    answered = answer(request())
    assert json.loads(json.dumps(answered)) == answered
    assert set(answered["facts"]) == {"dataset", "network", "pretrained"}


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"dataset": Dataset(name="digit")}, "unknown data set: `digit`", "did you mean `digits`"),
        ({"recipe": Recipe(batch_size=1, optimizer="LBFGS")}, "LBFGS", ""),
        ({"network": Network(name="cifar_resnet", arguments={"depth": 21})}, "`depth`", ""),
        ({"recipe": Recipe(batch_size=1, optimizer="SDG")}, "unknown optimizer: `SDG`", "did you mean `SGD`"),
        ({"pruning": Pruning(exclude=("fc",))}, "`exclude` pattern `fc`", ""),
    ],
)
def test_mistakes_are_answers(change: dict, message: str, hint: str) -> None:
    answered = answer(request(**change))
    assert message in answered["error"]
    assert hint in answered["hint"]
    assert "hint:" not in answered["error"]
    about = next(iter(change))
    assert answered["about"] == ("optimizer" if about == "recipe" else about)


def test_a_metric_that_does_not_fit_is_refused_without_a_rehearsal() -> None:
    for metric, message in {"rmse": "the same shape, not (2, 10) and (2,)", "top5": None}.items():
        evaluation = Evaluation(metrics=(Metric(name=metric),))
        answered = answer(request() | {"rehearsal": {"evaluation": canonical(evaluation), "device": "cpu"}})
        assert answered.get("error") == (message and f"metric `{metric}`: outputs and targets must have {message}")
        assert answered.get("about") == (message and "metric")


def test_a_holdout_is_a_mistake_in_the_evaluation() -> None:
    answered = answer(request(dataset=Dataset(name="digits", holdout=1000)))
    assert answered["error"] == "`holdout` must be at least 0 and below the 1,000 training images: 1,000"
    assert (answered["about"], answered["hint"]) == ("evaluation", "hold out fewer images")


def test_unknown_data_sets_raise() -> None:
    with pytest.raises(InputError):
        load_facts(Dataset(name="nothing"))


TALKATIVE = """
import argparse, os, sys
from torch import nn
print("preparing data")
os.system("echo preparing data; echo and more >&2; sleep 60 &")
os.write(1, bytes([0xff, 0xfe]))
argparse.ArgumentParser().parse_args()
sys.stdout = None
os.close(1)

def build(*, input_shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, classes))
"""


def test_another_process_answers_whatever_users_code_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talkative.py").write_text(TALKATIVE)
    usual, unknown = request(), request(dataset=Dataset(name="digit"))
    described, same, refused = describe_apart([request(network=Network(name="talkative:build")), usual, unknown])
    assert described["facts"]["network"]["parameters"] == 3073 * 10
    assert same == answer(usual)
    assert "unknown data set" in refused["error"]


def test_a_network_that_ends_the_process_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaving.py").write_text("import os\nprint('bye', flush=True)\nos._exit(0)\n")
    [refused] = describe_apart([request(network=Network(name="leaving:build"))])
    assert refused["error"].endswith("inspects `leaving:build` ended with exit code 0, and its output is:\nbye")
    assert (refused["about"], refused["hint"]) == ("network", "the code must not end its process")


def test_a_death_is_put_down_to_one_of_several_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], input: bytes, **_: object) -> subprocess.CompletedProcess[bytes]:
        asked = json.loads(input)
        names = [request["network"]["name"] for request in asked["requests"]]
        if "bad:build" in names:
            return subprocess.CompletedProcess(command, -9)
        Path(asked["answers"]).write_text(json.dumps([{"facts": name} for name in names]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    good, bad = describe_apart([request(network=Network(name=name)) for name in ("good:build", "bad:build")])
    assert good == {"facts": "good:build"}
    assert bad["error"] == "the process that inspects `bad:build` was killed by SIGKILL"
    assert bad["hint"] == "memory may have run out"


def test_a_person_is_reminded_of_what_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], input: bytes, **_: object) -> subprocess.CompletedProcess[bytes]:
        while "Still inspecting `slow:build` after 0" not in printed_so_far():
            time.sleep(0.001)
        return subprocess.CompletedProcess(command, 3)

    def printed_so_far() -> str:
        text.append(capsys.readouterr().err)
        return "".join(text)

    text: list[str] = []
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(apart, "REMINDER_SECONDS", 0.001)
    describe_apart([request(network=Network(name="slow:build"))])


def test_a_network_that_exits_when_it_is_called_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Exits(nn.Linear):
        def forward(self, images):
            raise SystemExit(3)

    monkeypatch.setattr(answers, "describe_network", lambda *_: Exits(1, 1)(None))
    refused = answer(request(network=Network(name="exits:build")))
    assert refused["error"].startswith("cannot inspect network `exits:build`: SystemExit: 3")


def test_data_that_fail_after_they_are_made_are_named(module: Write) -> None:
    name = module("""
from prunesweep import Images

class Broken:
    facts = check_held_out = inspected = on = lambda self, *_: 1 / 0

def load():
    return Broken()
""")
    refused = answer(request(dataset=Dataset(name=f"{name}:load"), network=Network(name="mlp")))
    assert refused["error"].startswith(f"cannot inspect data set `{name}:load`: ZeroDivisionError")
    assert refused["about"] == "dataset"
    refused = answer(request(dataset=Dataset(name=f"{name}:Images"), network=Network(name="mlp")))
    assert refused["about"] == "dataset"
