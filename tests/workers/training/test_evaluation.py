from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import pytest
import torch
from torch import nn

from workers.data.batches.stream import Stream, eval_inputs
from workers.data.images import Resident, ResidentPart
from workers.data.loading import open_data
from workers.data.split import validation_indices
from workers.errors import BadInput, InputError
from workers.metrics.judge import Judge
from workers.models.build import build
from workers.training.evaluation import evaluate, new_statistics, score
from workers.trial import ACCURACY, Dataset, Evaluation, Metric, Network, Recipe

RECIPE = Recipe(batch_size=50, optimizer="SGD", normalization="none", label_smoothing=0.5)
CPU = torch.device("cpu")
ACCURATE = Metric(name=ACCURACY)


def data(holdout: int = 0) -> Resident:
    dataset = Dataset(name="synthetic", arguments={"train_images": 200, "test_images": 100}, holdout=holdout)
    return open_data(dataset, CPU)


def network(recipe: Recipe = RECIPE) -> nn.Module:
    return build(Network(name="resnet8", arguments={"width": 4}), data().facts, recipe, 0, "dense")


def stream(recipe: Recipe = RECIPE, holdout: int = 0) -> Stream:
    images = data(holdout)
    return Stream(images.train.images, images.train.labels, recipe, 0, "dense")


class Sure(nn.Module):
    """Says class 1 for images whose first pixel is bright, else 0; with logit `logit` against 0."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = (x[:, 0, 0, 0] > 0.5).float() * self.logit
        return torch.stack((self.logit - bright, bright), 1)


def test_scores_by_hand() -> None:
    images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    images[2:, 0, 0, 0] = 255
    (accuracy,), loss, count = score(
        Sure(2.0), ResidentPart(images, torch.tensor([0, 1, 1, 1])), RECIPE, [Judge(ACCURATE)]
    )
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert (accuracy, count) == (0.75, 4)
    assert loss == pytest.approx((3 * right + wrong) / 4, rel=1e-6)  # no label smoothing, whatever the recipe


def test_only_the_primary_metric_must_have_a_score() -> None:
    images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    part = ResidentPart(images, torch.zeros(4, dtype=torch.int64))
    area = Metric(name="auroc")
    assert score(Sure(2.0), part, RECIPE, [Judge(ACCURATE), Judge(area)]).scores == (1.0, None)
    with pytest.raises(BadInput, match="metric `auroc` is undefined on the test examples: no target is positive"):
        score(Sure(2.0), part, RECIPE, [Judge(area, "test examples"), Judge(ACCURATE)])


def test_more_images_than_a_batch_count_once() -> None:
    images = torch.zeros(2500, 1, 1, 1, dtype=torch.uint8)
    labels = torch.zeros(2500, dtype=torch.int64)
    labels[-1:] = 1
    (accuracy,), loss, count = score(Sure(2.0), ResidentPart(images, labels), RECIPE, [Judge(ACCURATE)])
    assert accuracy == 2499 / 2500
    assert count == 2500
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert loss == pytest.approx((2499 * right + wrong) / 2500, rel=1e-6)


def test_a_share_of_the_test_set_validates() -> None:
    scores = evaluate(network(), data(), RECIPE, Evaluation(validation_share=Fraction(1, 5)), stream())
    assert (scores.validation.examples, scores.test.examples) == (20, 80)
    which = torch.from_numpy(validation_indices(100, Fraction(1, 5)))
    images, labels = data().test.images[which], data().test.labels[which]
    model = network().eval()
    logits = model(eval_inputs(images, RECIPE))
    assert scores.validation.scores[0] == (logits.argmax(1) == labels).double().mean().item()
    assert scores.validation.loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)


def test_held_out_images_validate() -> None:
    scores = evaluate(network(), data(40), RECIPE, Evaluation(validation_share=None), stream(holdout=40))
    assert (scores.validation.examples, scores.test.examples) == (40, 100)


def test_something_must_validate() -> None:
    with pytest.raises(InputError, match=r"no validation examples(.|\n)*hint: hold examples out"):
        evaluate(network(), data(), RECIPE, Evaluation(validation_share=None), stream())


@pytest.mark.parametrize("batches", [0, 2])
def test_evaluation_leaves_the_network_as_it_was(batches: int) -> None:
    model = network()
    model.get_submodule("stem.norm").eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    evaluate(model, data(), RECIPE, Evaluation(batch_norm_batches=batches), stream())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())


def test_bf16_is_evaluated_as_it_is_trained() -> None:
    model = network()
    in_bfloat16 = score(model, data().test, dataclasses.replace(RECIPE, precision="bf16"), [])
    in_float32 = score(model, data().test, RECIPE, [])
    assert in_bfloat16.loss != in_float32.loss
    assert in_bfloat16.loss == pytest.approx(in_float32.loss, rel=0.02)


def test_new_statistics_are_plain_averages_of_the_batches() -> None:
    model = network()
    statistics = []
    for index in range(3):
        inputs, _ = stream().batch(index)
        outputs = model.get_submodule("stem.conv")(inputs)
        statistics.append(torch.stack((outputs.mean((0, 2, 3)), outputs.var((0, 2, 3)))))
    mean, variance = torch.stack(statistics).mean(0)
    norm = model.get_submodule("stem.norm")
    with new_statistics(model, stream(), RECIPE, 3):
        torch.testing.assert_close(norm.running_mean, mean)
        torch.testing.assert_close(norm.running_var, variance)


def test_reestimating_draws_nothing_and_drops_nothing_out() -> None:
    arguments = {"hidden": [8], "batch_norm": True, "dropout": 0.5}
    model = build(Network(name="mlp", arguments=arguments), data().facts, RECIPE, 0, "dense")
    before = torch.get_rng_state()
    first, second = (_statistics(model) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)


def _statistics(model: nn.Module) -> dict[str, torch.Tensor]:
    with new_statistics(model, stream(), RECIPE, 2):
        return {name: buffer.clone() for name, buffer in model.named_buffers()}


def test_reestimation_helps_where_momentum_is_too_slow() -> None:
    """A trained network whose statistics lag behind (the paper's momentum on a short run) is repaired."""
    digits = open_data(Dataset(name="digits"), CPU)
    model = build(Network(name="resnet8", arguments={"width": 4}), digits.facts, RECIPE, 0, "dense")
    batches = Stream(digits.train.images, digits.train.labels, RECIPE, 0, "dense")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for index in range(60):
        inputs, labels = batches.batch(index)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    lagging = evaluate(model, digits, RECIPE, Evaluation(), batches)
    repaired = evaluate(model, digits, RECIPE, Evaluation(batch_norm_batches=4), batches)
    assert repaired.test.scores[0] > lagging.test.scores[0] + 0.2
