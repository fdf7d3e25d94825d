"""Networks and losses of any batch: several inputs, inputs by name, regression, sequences."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from tests.support.own_modules import Write
from workers import schedules
from workers.data.batches.ranks import check_ranks
from workers.data.batches.share import WHOLE, BatchShare
from workers.data.examples.arrays import Arrays
from workers.describe.answers import describe_network
from workers.errors import BadInput, InputError
from workers.models.arguments import arguments
from workers.training.losses import check_loss, evaluation_loss, loss_function
from workers.training.states.state import dump_state, parse_state
from workers.training.trainer import Trainer
from workers.trial import Dataset, Network, Pruning, Recipe, Task, Trial

CPU = torch.device("cpu")
COUNT = 12
ROWS = torch.randn(COUNT, 5, generator=torch.Generator().manual_seed(0))
TOKENS = torch.arange(COUNT * 4).view(COUNT, 4) % 7

CODE = """
    class Rows(nn.Module):
        def __init__(self, features, outputs, width=4):
            super().__init__()
            self.hidden, self.out = nn.Linear(features, width), nn.Linear(width, outputs)
        def forward(self, x):
            return self.out(self.hidden(x).relu()).squeeze(-1)

    class Two(nn.Module):
        def __init__(self, input_shapes, vocabulary):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, 3)
            self.out = nn.Linear(3 + 5, 1)
        def forward(self, rows, ids):
            mixed = torch.cat((rows, self.embedding(ids).mean(1)), 1)
            return {"price": self.out(mixed).squeeze(-1), "rows": rows}

    class Text(nn.Module):
        def __init__(self, vocabulary):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, 6)
            self.dropout = nn.Dropout(0.2)
            self.out = nn.Linear(6, vocabulary)
        def forward(self, ids):
            return self.out(self.dropout(self.embedding(ids))).mT

    class Pretrained(nn.Module):
        "As those of Hugging Face: named inputs, and an object with logits."
        def __init__(self, vocabulary, classes):
            super().__init__()
            self.embedding, self.out = nn.Embedding(vocabulary, 3), nn.Linear(3, classes)
        def forward(self, input_ids, attention_mask):
            mean = (self.embedding(input_ids) * attention_mask[..., None]).mean(1)
            return type("Output", (), {"logits": self.out(mean), "hidden_states": None})

    class Adapted(Pretrained):
        def forward(self, **inputs):
            return super().forward(**inputs).logits

    def misspelled(featurs):
        return nn.Linear(featurs, 1)

    def of_dict(outputs, targets, power=2):
        return (outputs["price"] - targets).abs().pow(power).mean()
"""


def data(inputs: Any, targets: Any) -> Arrays:
    return Arrays(
        train_inputs=inputs,
        train_targets=targets,
        test_inputs=inputs,
        test_targets=targets,
        offers={"vocabulary": 7} if not isinstance(inputs, torch.Tensor) else {},
    )


CASES = {
    "rows": (ROWS, ROWS.sum(1), "Rows", {"loss": "mse"}),
    "tuple": ((ROWS, TOKENS), ROWS.sum(1), "Two", {"loss": "of_dict", "loss_arguments": {"power": 3}}),
    "names": ({"ids": TOKENS, "rows": ROWS}, ROWS.sum(1), "Two", {"loss": "of_dict"}),
    "adapted": ({"input_ids": TOKENS, "attention_mask": torch.ones(COUNT, 4)}, TOKENS[:, 0], "Adapted", {}),
    "text": (TOKENS, TOKENS.roll(-1, 1), "Text", {}),
}
MULTIPLY_ADDS = {"rows": 5 * 4 + 4, "tuple": 8, "names": 8, "adapted": 3 * 7, "text": 4 * 6 * 7}


def task(case: str, name: str) -> tuple[Arrays, Task]:
    inputs, targets, network, settings = CASES[case]
    own = {"loss": f"{name}:of_dict"} if settings.get("loss") == "of_dict" else {}
    recipe = Recipe(batch_size=4, optimizer="SGD", optimizer_arguments={"momentum": 0.9}, **(settings | own))
    return data(inputs, targets), Task(
        dataset=Dataset(name="own:load"), network=Network(name=f"{name}:{network}"), recipe=recipe
    )


@pytest.fixture
def name(module: Write) -> str:
    return module(CODE)


@pytest.mark.parametrize("case", CASES)
def test_any_batch_is_trained_and_continued_to_the_same_bits(case: str, name: str) -> None:
    source, settings = task(case, name)
    trial = Trial(task=settings, replicate=0, stage="dense", rates=schedules.constant(0.005))
    opened = source.on(CPU, 0, source.facts())
    trainer = Trainer(trial, opened, CPU)
    for step in range(7):
        if step == 4:
            saved = dump_state(trainer.state())[0]
        trainer.advance()
    continued = Trainer(trial, opened, CPU)
    continued.restore(parse_state(saved, "the state"))
    while continued.step < 7:
        continued.advance()
    assert continued.state().digest() == trainer.state().digest()
    curve = trainer.history.curve
    assert [point["step"] for point in curve] == [3, 6]
    assert curve[1]["train_loss"] != curve[0]["train_loss"]
    assert all((point["train_accuracy"] is None) == (case != "adapted") for point in curve)


@pytest.mark.parametrize("case", ["rows", "tuple", "names"])
def test_the_mean_over_ranks_is_that_of_the_whole_batch(case: str, name: str) -> None:
    source, settings = task(case, name)
    trial = Trial(task=settings, replicate=0, stage="dense", rates=schedules.constant(0.005))
    opened = source.on(CPU, 0, source.facts())
    whole, *ranks = (Trainer(trial, opened, CPU, share) for share in (WHOLE, BatchShare(0, 2), BatchShare(1, 2)))
    losses = [trainer.forward(2)[2] for trainer in (whole, *ranks)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(losses[0], (losses[1] + losses[2]) / 2)
    for one, first, second in zip(*(trainer.parameters for trainer in (whole, *ranks)), strict=True):
        assert one.grad is not None
        torch.testing.assert_close(one.grad, (first.grad + second.grad) / 2)


def test_ranks_do_not_share_batches_with_targets_that_the_loss_leaves_out(name: str) -> None:
    """The mean over the targets of a batch is not the mean over those of its parts."""
    inputs, targets, *_ = CASES["text"]
    _, settings = task("text", name)
    source = data(inputs, targets.masked_fill(targets == 0, -100))
    trial = Trial(task=settings, replicate=0, stage="dense", rates=schedules.constant(0.005))
    opened = source.on(CPU, 0, source.facts())
    Trainer(trial, opened, CPU).advance()
    shared = Trainer(trial, opened, CPU, BatchShare(1, 2))
    before = shared.state().digest()
    with pytest.raises(BadInput, match=r"several GPUs .* loss `cross_entropy` leaves out targets of -100"):
        shared.advance()
    assert shared.state().digest() == before


@pytest.mark.parametrize("case", CASES)
def test_weights_and_products_are_counted_for_any_network(case: str, name: str) -> None:
    source, settings = task(case, name)
    facts = describe_network(settings.network, source.facts(), settings.recipe, Pruning())
    assert facts["multiply_adds"] == MULTIPLY_ADDS[case]
    assert all(count > 0 for _, count in facts["prunable"])


def test_a_network_gets_what_it_asks_for_and_the_file_comes_first(name: str) -> None:
    facts = data(ROWS, ROWS.sum(1)).facts()
    network = Network(name=f"{name}:Rows", arguments={"width": 3})
    assert arguments(network, facts) == {"features": 5, "outputs": 1, "width": 3}
    network = Network(name=f"{name}:Rows", arguments={"outputs": 4})
    assert arguments(network, facts) == {"features": 5, "outputs": 4}
    with pytest.raises(InputError, match=r"`vocabulary`\n\nhint: the data give `input_shape`, `features`, `outputs`"):
        arguments(Network(name=f"{name}:Text"), facts)
    with pytest.raises(InputError, match="hint: did you mean `features`"):
        arguments(Network(name=f"{name}:misspelled"), facts)
    assert arguments(Network(name="mlp"), data(ROWS, TOKENS[:, 0]).facts()) == {"input_shape": (5,), "classes": 7}


@pytest.mark.parametrize(
    ("targets", "settings", "message"),
    [
        (ROWS[:, :1], {"loss": "mse"}, r"same shape, not \(2,\) and \(2, 1\)\n\nhint: let the network return one"),
        (ROWS.sum(1), {}, r"needs logits for 2 classes or more, not float32 \(2,\)\n\nhint: .* `loss: mse`"),
        (TOKENS[:, 0], {"loss": "nll", "loss_arguments": {"weight": [1]}}, "(?s)failed on outputs.*hint: it takes log"),
    ],
)
def test_a_network_that_does_not_fit_the_loss(targets: Any, settings: Any, message: str, name: str) -> None:
    recipe = Recipe(batch_size=4, optimizer="SGD", **settings)
    with pytest.raises(BadInput, match=message):
        describe_network(Network(name=f"{name}:Rows"), data(ROWS, targets).facts(), recipe, Pruning())


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "hint"),
    [
        ("cross_entropy", {"logits": ROWS}, TOKENS[:, 0], "end `forward` with one tensor, such as `return outputs.log"),
        ("cross_entropy", (ROWS, ROWS), TOKENS[:, 0], "end `forward` with one tensor$"),
        ("cross_entropy", ROWS, TOKENS[:, 0].int(), r"give the targets as int64, by `.long\(\)`"),
        ("cross_entropy", ROWS, TOKENS[:, :1], r"give targets of shape \(N,\), by `.squeeze\(1\)`"),
        (
            "cross_entropy",
            ROWS,
            TOKENS[:, 0] - 9,
            "from 0, .*; numbers to predict must be floating-point: .* `loss: mse`",
        ),
        ("cross_entropy", ROWS[:, :1], TOKENS[:, 0], 'must tell how many they are: `offers={"classes": '),
        ("mse", ROWS, TOKENS[:, 0], "whole numbers are classes, of `loss: cross_entropy`; numbers to predict must be"),
        ("bce_with_logits", ROWS[:, 0], TOKENS[:, 0], "logits and probabilities of the same shape; numbers to predict"),
    ],
)
def test_losses_say_what_to_do_about_outputs_and_targets(loss: str, outputs: Any, targets: Any, hint: str) -> None:
    with pytest.raises(BadInput) as raised:
        check_loss(Recipe(batch_size=1, optimizer="SGD", loss=loss), outputs, targets)
    assert re.search(hint, raised.value.hint)


def test_logits_may_have_their_classes_last() -> None:
    logits, targets = torch.randn(3, 4, 7), TOKENS[:3]
    recipe = Recipe(batch_size=1, optimizer="SGD", label_smoothing=0.1)
    expected = F.cross_entropy(logits.mT, targets, label_smoothing=0.1)
    assert torch.equal(loss_function(recipe)(logits, targets), expected)
    assert torch.equal(loss_function(recipe)(logits.mT, targets), expected)
    ignoring = Recipe(batch_size=1, optimizer="SGD", loss_arguments={"ignore_index": 0})
    expected = F.cross_entropy(logits.mT, targets, ignore_index=0)
    assert torch.equal(loss_function(ignoring)(logits, targets), expected)


def test_losses_of_torch_by_name_with_arguments() -> None:
    outputs, targets = torch.tensor([0.0, 3.0]), torch.tensor([0.5, 1.0])
    recipe = Recipe(batch_size=1, optimizer="SGD", loss="smooth_l1", loss_arguments={"beta": 0.5})
    expected = F.smooth_l1_loss(outputs, targets, beta=0.5)
    assert torch.equal(loss_function(recipe)(outputs, targets), expected)
    assert evaluation_loss(recipe)(outputs, targets) == 2 * expected.double()
    weighted = Recipe(batch_size=2, optimizer="SGD", loss_arguments={"weight": [1.0, 3.0]}, label_smoothing=0.1)
    logits, labels = torch.randn(3, 2), torch.tensor([0, 1, 1])
    expected = F.cross_entropy(logits, labels, torch.tensor([1.0, 3.0]), label_smoothing=0.1)
    assert torch.equal(loss_function(weighted)(logits, labels), expected)
    assert evaluation_loss(weighted)(logits, labels) == F.cross_entropy(logits, labels, reduction="none").sum()
    ignoring, others = replace(weighted, loss_arguments={"ignore_index": 255}), torch.where(labels == 1, 255, labels)
    expected = F.cross_entropy(logits, others, reduction="none", ignore_index=255).sum()
    assert evaluation_loss(ignoring)(logits, others) == expected
    with pytest.raises(InputError, match=r"`weight` of loss `cross_entropy` must be numbers: \['a', 3\]"):
        loss_function(replace(weighted, loss_arguments={"weight": ["a", 3]}))
    with pytest.raises(InputError, match=r"unknown loss: `SmoothL1Loss`\n\nhint: did you mean `smooth_l1`\?"):
        loss_function(replace(recipe, loss="SmoothL1Loss"))
    with pytest.raises(InputError, match="weighted mean over all of it: `weight`"):
        check_ranks(weighted, 2, has_batch_norm=False)
    with pytest.raises(InputError, match="mean over some of its targets: `ignore_index`"):
        check_ranks(ignoring, 2, has_batch_norm=False)


@pytest.mark.parametrize("loss", ["multi_margin", "multilabel_soft_margin"])
def test_ranks_share_losses_whose_weighted_mean_counts_all_examples_alike(loss: str) -> None:
    recipe = Recipe(batch_size=4, optimizer="SGD", loss=loss, loss_arguments={"weight": [1.0, 5.0, 2.0]})
    check_ranks(recipe, 2, has_batch_norm=False)
    outputs, labels = torch.randn(4, 3), torch.tensor([0, 0, 1, 2])
    targets = labels if loss == "multi_margin" else F.one_hot(labels).float()
    mean = loss_function(recipe)
    torch.testing.assert_close(
        (mean(outputs[:2], targets[:2]) + mean(outputs[2:], targets[2:])) / 2, mean(outputs, targets)
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def f(features): return nn.Linear(3, 1)", r"cannot take a batch float32 \(2, 5\) in evaluation mode"),
        ("def f(features): return nn.Linear(5, 1).double()", r"same dtype, but .*\n\nhint: give the inputs the type"),
        ("f = lambda features: nn.Sequential(nn.Linear(features, 1), Nothing())", "returns None in evaluation mode"),
    ],
)
def test_networks_that_do_not_take_the_data(code: str, message: str, module: Write) -> None:
    nothing = "class Nothing(nn.Module):\n    def forward(self, x): ..."
    network = Network(name=f"{module(nothing + chr(10) + code)}:f")
    with pytest.raises(BadInput, match=message):
        describe_network(network, data(ROWS, ROWS.sum(1)).facts(), Recipe(batch_size=4, optimizer="SGD"), Pruning())


def test_numbers_of_64_bits_are_explained(name: str) -> None:
    rows = data(ROWS.double(), ROWS.sum(1)).facts()
    with pytest.raises(BadInput, match=r"float64 \(2, 5\)(?s:.*)hint: networks compute in float32"):
        describe_network(Network(name=f"{name}:Rows"), rows, Recipe(batch_size=4, optimizer="SGD"), Pruning())
