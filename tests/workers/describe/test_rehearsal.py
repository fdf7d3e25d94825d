"""What is found before a sweep starts, instead of in its trials."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from tests.support.own_modules import Write
from tests.support.tiny import DATA, task
from workers.describe import second_process
from workers.describe.answers import answer
from workers.describe.rehearsal import Rehearsal, rehearse, straight
from workers.describe.second_process import check_other_process, rehearse_twice, rehearsing_elsewhere, without_a_break
from workers.errors import BadInput
from workers.machine.kind import kind_of_machine
from workers.trial import Dataset, Evaluation, Metric, Network, Pruning, Recipe, canonical

NET = """
import os
import sys

import numpy as np

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.linear = nn.Linear(36, classes)
        self.norm = nn.BatchNorm1d(36)
        self.norm.rng = np.random.default_rng(0)

    def forward(self, x):
        x = x.flatten(1)
        {forward}

def build(*, input_shape, classes):
    {build}
    return Net(classes)

def steep_loss(logits, labels):
    return 1e6 * nn.functional.cross_entropy(logits, labels)
"""
FINE = "return self.linear(self.norm(x))"
ITS_OWN_GENERATOR = "return self.linear(x) * torch.rand((), generator=GENERATOR)"
REFUSED = {
    "its own generator": (ITS_OWN_GENERATOR, "not repeatable: a trial that is continued", "every step"),
    "its own generator, whose numbers change nothing so soon": (
        "return self.linear(x) * (1 + (torch.rand((), generator=GENERATOR) > 2))",
        ".GENERATOR`",
        "the generators of torch, NumPy or Python",
    ),
    "a generator of a layer": (
        "self.norm.rng.random(); return self.linear(x)",
        "draws other random numbers from `norm.rng`",
        "at every step",
    ),
    "a counter": (
        "COUNT.append(1); return self.linear(x) * len(COUNT)",
        "not repeatable: a trial",
        "in persistent buffers",
    ),
    "a buffer in evaluation": (
        "self.norm.running_mean += 0 if self.training else 1; return self.linear(self.norm(x))",
        "changes its weights or buffers in evaluation mode",
        "self.training",
    ),
    "one size of batches": ("return self.linear(x) if len(x) < 16 else x[99]", "cannot be trained with batches", ""),
    "evaluation of small batches": (
        "return self.linear(x) if self.training or len(x) == 2 else x[99]",
        "cannot be evaluated with batches",
        "batches of any size",
    ),
    "a buffer that grows": (
        "self.norm.register_buffer('seen', torch.ones(len(getattr(self.norm, 'seen', ())) + self.training)); "
        "return self.linear(self.norm(x))",
        "cannot be continued from a saved state",
        "keep their shapes",
    ),
    "no gradient": (
        "return self.linear(x).detach()",
        "cannot be trained with batches of 16 images on cpu: RuntimeError: element 0 of tensors does not",
        "let gradients reach the weights",
    ),
    "memory": (
        "return self.linear(x) + (torch.empty(10**15)[0] if len(x) > 2 else 0)",
        "cannot be trained with batches of 16 images on cpu: RuntimeError",
        "a smaller `batch_size`",
    ),
    "a loss that is not finite from the first step on": (
        "return self.linear(x) * torch.log(torch.zeros(()))",
        "with batches of 16 images on cpu: the loss at step 0 is not finite (no finite loss before): nan",
        "check the scale of the inputs (`normalization`), the initial weights",
    ),
    "a loss that is not finite after a step": (
        "self.norm(x); return self.linear(x) / (self.norm.num_batches_tracked < 3)",
        "cannot be trained with batches of 16 images on cpu: the loss at step 2 is not finite (last finite loss",
        "use a lower `lr` (the rehearsal uses this one, or 0.001 if that is less), and check the scale",
    ),
    "weights that are not finite": (
        "self.norm.running_var.fill_(float('nan') if self.training else 1); return self.linear(x)",
        "cannot be saved with batches of 16 images on cpu: buffer `norm.running_var` is not finite after step 3",
        "a lower `lr`",
    ),
    "a convolution that oneDNN computes wrongly": (
        "y = x.view(-1, 4, 3, 3).contiguous(memory_format=torch.channels_last); "
        "return self.linear(x) + nn.functional.conv2d(y, torch.ones(1, 4, 1, 1), stride=2).flatten(1).mean(1, True)",
        "oneDNN computes wrong gradients on a CPU for a 1×1 convolution with a stride",
        "omit `memory_format=torch.channels_last`",
    ),
    "an operation that cannot be repeated": (
        "y = x.clone().put_(torch.tensor([0, 0]), x.flatten()[:2]) if len(x) > 2 else x; return self.linear(y)",
        "cannot be trained repeatably on cpu: torch has no deterministic implementation of an operation: `put_`",
        "`deterministic: false` in the recipe",
    ),
    "the same, always": (
        "y = x.clone().put_(torch.tensor([0, 0]), x.flatten()[:2]); return self.linear(y)",
        "cannot be built repeatably on cpu: torch has no deterministic implementation of an operation: `put_`",
        "`deterministic: false` in the recipe",
    ),
}


def rehearsal(module: Write, forward: str = FINE, build: str = "", **recipe: object) -> Rehearsal:
    code = "GENERATOR = torch.Generator()\nCOUNT = []\n" + NET.format(forward=forward, build=build)
    return Rehearsal(task=task(network=Network(name=f"{module(code)}:build"), **recipe), evaluation=Evaluation())


@pytest.mark.parametrize(("forward", "message", "hint"), REFUSED.values(), ids=list(REFUSED))
def test_what_would_fail_in_trials_is_refused_before_them(module: Write, forward: str, message: str, hint: str) -> None:
    with pytest.raises(BadInput) as refused:
        rehearse(rehearsal(module, forward))
    assert message in refused.value.message
    assert hint in refused.value.hint


def test_a_learning_rate_below_that_of_rehearsals_is_rehearsed(module: Write) -> None:
    fragile = "return self.linear(x) * (1 if float(self.linear.weight.abs().max()) < 1 else float('nan'))"
    own = rehearsal(module, fragile, clip_grad_norm=None)
    recipe = replace(own.task.recipe, loss=own.task.network.name.replace("build", "steep_loss"))
    steep = replace(own, task=replace(own.task, recipe=recipe))
    with pytest.raises(BadInput, match="the loss at step 1 is not finite") as refused:
        rehearse(steep)
    assert "use a lower `lr` (the rehearsal uses this one, or 0.001 if that is less) or" in refused.value.hint
    gentle = replace(steep, rate=1e-9)
    assert rehearse(gentle)["digest"] == straight(gentle)


def test_a_network_that_trains_passes_with_the_digest_of_straight_steps(module: Write) -> None:
    passing = replace(rehearsal(module), evaluation=Evaluation(batch_norm_batches=3))
    result = rehearse(passing)
    assert result["digest"] == straight(passing)
    assert result["seconds_per_step"] > 0


@pytest.mark.parametrize("number", [0, 42])
def test_a_network_that_seeds_torch_would_make_all_replicates_alike(module: Write, number: int) -> None:
    with pytest.raises(BadInput, match="all replicates would begin with the same weights"):
        rehearse(rehearsal(module, build=f"torch.manual_seed({number})"))


def test_without_determinism_everything_that_trains_passes(module: Write) -> None:
    rehearse(rehearsal(module, REFUSED["an operation that cannot be repeated"][0], deterministic=False))
    own = rehearsal(module, deterministic=False)
    check_other_process(own, "one", without_a_break(own) | {"digest": "other"})


def test_what_prunesweep_ships_needs_no_rehearsal() -> None:
    shipped = Rehearsal(task=task(), evaluation=Evaluation())
    assert not shipped.needed
    changes = [
        {"network": Network(name="torchvision", arguments={"model": "resnet18"})},
        {"network": Network(name="net:build")},
        {"dataset": Dataset(name="data:load")},
        {"recipe": replace(shipped.task.recipe, loss="losses:loss")},
        {"recipe": replace(shipped.task.recipe, optimizer="NAdam", optimizer_arguments={})},
    ]
    assert all(replace(shipped, task=replace(shipped.task, **change)).needed for change in changes)
    for metric in ("metrics:Own", "bleu"):
        assert replace(shipped, evaluation=Evaluation(metrics=(Metric(name=metric),))).needed


def request(network: Network, device: str = "cpu") -> dict:
    asked = {"dataset": DATA, "network": network, "recipe": Recipe(batch_size=16, optimizer="SGD")}
    return {
        **{key: canonical(value) for key, value in (asked | {"pruning": Pruning()}).items()},
        "rehearsal": {"evaluation": canonical(Evaluation()), "device": device},
    }


@pytest.mark.parametrize(
    "top",
    ["torch.set_grad_enabled(False)", "torch.set_default_device('meta')", "torch.set_default_dtype(torch.float64)"],
)
def test_what_a_module_sets_when_it_is_imported_reaches_no_trial(module: Write, top: str) -> None:
    name = module(f"{top}\n" + NET.format(forward=FINE, build=""))
    assert answer(request(Network(name=f"{name}:build")))["facts"]["rehearsal"]["digest"]
    assert torch.is_grad_enabled()


def test_complex_parameters_are_trained_by_the_plain_optimizer(module: Write) -> None:
    scale = "network = Net(classes); network.phase = nn.Parameter(torch.ones(3, dtype=torch.complex64)); return network"
    forward = "return self.linear(self.norm(x)) * self.phase.abs().mean()"
    name = module(NET.format(forward=forward, build=scale))
    assert answer(request(Network(name=f"{name}:build")))["facts"]["rehearsal"]["digest"]


def test_an_unexpected_error_of_a_network_names_the_network(module: Write) -> None:
    broken = "network = Net(classes); network.linear.named_modules = None; return network"
    name = module(NET.format(forward=FINE, build=broken))
    answered = answer(request(Network(name=f"{name}:build")))
    assert f"network `{name}:build`" in answered["error"]
    assert answered["about"] == "network"


def test_an_answer_says_what_was_rehearsed(module: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    own = rehearsal(module).task.network
    rehearsed = answer(request(own))["facts"]["rehearsal"]
    assert rehearsed.keys() == {"evaluation", "device", "kind", "digest", "seconds_per_step"}
    assert rehearsed["kind"] == kind_of_machine("cpu")
    assert "skipped" in answer(request(own, "cuda"))["facts"]["rehearsal"]
    assert "rehearsal" not in answer(request(Network(name="mlp")))["facts"]


OF_A_PROCESS = """
import os

class Net(nn.Module):
    def __init__(self, classes, fails):
        super().__init__()
        self.linear = nn.Linear(36, classes)
        self.fails = fails

    def forward(self, x):
        if self.fails and os.getpid() != {process}:
            raise RuntimeError("the port is taken")
        return self.linear(x.flatten(1)) * (1 + os.getpid())

def build(*, input_shape, classes, fails):
    return Net(classes, fails)
"""


def test_data_that_differ_in_another_process_are_refused_as_such(module: Write) -> None:
    own = rehearsal(module)
    with pytest.raises(
        BadInput, match="data set `synthetic` is not repeatable: two processes load different"
    ) as refused:
        check_other_process(own, "digest", {"digest": "other", "data": "others"})
    assert refused.value.about == "dataset"


UNREPEATABLE_DATA = """
import os
from prunesweep import Arrays, Datasets, Declared

GENERATOR = np.random.default_rng(0)

class Rows:
    def __len__(self):
        return 40

    def __getitem__(self, row):
        return np.full(36, GENERATOR.random() if row else 0, dtype=np.float32), row % 3  # the first is read twice

def draws():
    return Datasets(train=Rows(), test=Rows(), fingerprint=Declared("rows", "a test"), noun="row")

def numbered(first, elsewhere=False):
    if elsewhere and os.getpid() != {process}:
        raise FileNotFoundError("the disk is missing")
    targets = torch.arange(40) % 3
    targets[5:] += first
    inputs = torch.rand((40, 36), generator=torch.Generator().manual_seed(0))
    return Arrays(train_inputs=inputs, train_targets=targets, test_inputs=inputs, test_targets=targets, noun="row")

def build(features):
    return nn.Linear(features, 3)
"""


def test_what_is_wrong_with_data_is_not_blamed_on_the_network(module: Write) -> None:
    name = module("import numpy as np\n" + UNREPEATABLE_DATA.format(process=os.getpid()))
    own = request(Network(name=f"{name}:build"))
    drawn, below_0, elsewhere = (
        own | {"dataset": canonical(Dataset(name=f"{name}:{function}", arguments=arguments))}
        for function, arguments in (
            ("draws", {}),
            ("numbered", {"first": -1}),
            ("numbered", {"first": 0, "elsewhere": True}),
        )
    )
    refused = answer(drawn)
    assert refused["error"].endswith(":draws` is not repeatable: a batch has other data when it is read again")
    assert refused["about"] == "dataset"
    refused = answer(below_0)
    assert "cannot be trained with batches of 16 rows on cpu: IndexError: Target -1 is" in refused["error"]
    assert refused["hint"].startswith("number the classes of the targets from 0")
    [refused] = rehearse_twice([elsewhere], os.getcwd())
    assert refused["error"].startswith(f"data set `{name}:numbered` fails in the second of two processes: data set")
    assert refused["about"] == "dataset"


def test_two_processes_are_compared(module: Write) -> None:
    name = f"{module(OF_A_PROCESS.format(process=os.getpid()))}:build"
    requests = [request(Network(name=name, arguments={"fails": fails})) for fails in (False, True)]
    differs, fails = rehearse_twice(requests, os.getcwd())
    assert "is not repeatable: two processes train it to other weights" in differs["error"]
    assert differs["about"] == "network"
    assert "fails in the second of two processes: " in fails["error"]
    assert fails["error"].endswith("in evaluation mode: the port is taken")


def test_a_second_process_that_dies_is_refused(module: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_process, "_MAIN", "import os, sys; sys.stdin.read(); os._exit(7)")
    own = rehearsal(module)
    with rehearsing_elsewhere([request(own.task.network), request(Network(name="mlp"))], os.getcwd()) as answers:
        died, not_needed = answers()
    assert not_needed is None
    with pytest.raises(BadInput, match="fails in the second of two processes: it ends with exit code 7"):
        check_other_process(own, "digest", died)


def test_a_machine_rehearses_what_another_one_asks_for(module: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_process, "rehearsing_elsewhere", in_this_process)
    own = request(rehearsal(module, "return self.linear(x) if len(x) != 7 else x[99]").task.network)
    batches_of_seven = own | {"recipe": own["recipe"] | {"batch_size": 7}}
    found, refused = rehearse_twice([own, batches_of_seven], os.getcwd())
    assert found["found"].keys() == {"digest", "seconds_per_step"}
    assert "cannot be trained with batches of 7 images on cpu" in refused["error"]


@contextlib.contextmanager
def in_this_process(requests: list[dict], folder: str) -> Iterator[Callable[[], list]]:
    yield lambda: [second_process._answer(item, without_a_break) for item in requests]


def test_on_a_gpu_the_second_process_begins_once_the_first_has_freed_its_memory(
    module: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(second_process, "_free_memory", lambda: events.append("freed"))

    @contextlib.contextmanager
    def other_process(wanted: dict) -> Iterator[SimpleNamespace]:
        events.append("begun")
        yield SimpleNamespace(wait=lambda: 1)

    monkeypatch.setattr(second_process, "_other_process", other_process)
    for device in ("cuda", "cpu"):
        with rehearsing_elsewhere([request(rehearsal(module).task.network, device)], os.getcwd()) as answers:
            events.append("here")
            answers()
    assert events == ["here", "freed", "begun", "begun", "here"]
