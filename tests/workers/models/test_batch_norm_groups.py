"""BatchNorm over groups of a batch, against values computed by hand."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.support import tiny
from tests.support.trainings import train, training
from workers.errors import BadInput
from workers.models.batch_norm_groups import group_batch_norm
from workers.training.evaluation import new_statistics
from workers.trial import Network

FOUR = torch.tensor([[1.0], [3.0], [10.0], [18.0]])  # groups of two: means 2 and 14, variances 1 and 16 (of 2 values)


def grouped(size=2, momentum: float | None = 0.5) -> nn.BatchNorm1d:
    layer = nn.BatchNorm1d(1, eps=1e-30, momentum=momentum)
    group_batch_norm(nn.Sequential(layer), size)
    return layer


def test_each_group_is_normalized_by_its_statistics():
    assert grouped()(FOUR).flatten().tolist() == [-1, 1, -1, 1]
    assert grouped(size=4)(FOUR).flatten().tolist() == nn.BatchNorm1d(1, eps=1e-30)(FOUR).flatten().tolist()


def test_running_statistics_are_the_mean_over_the_groups():
    layer = grouped()
    mean = layer.running_mean
    layer(FOUR)
    assert layer.running_mean is mean
    assert mean.item() == 0.5 * 0 + 0.5 * (2 + 14) / 2
    assert layer.running_var.item() == 0.5 * 1 + 0.5 * (2 + 32) / 2  # the unbiased variances of torch
    assert layer.num_batches_tracked == 1
    cumulative = grouped(momentum=None)
    for _ in range(2):
        cumulative(FOUR)
    assert cumulative.running_mean.item() == 8
    assert cumulative.num_batches_tracked == 2


def test_gradients_stay_within_a_group():
    inputs = FOUR.clone().requires_grad_()
    (grouped()(inputs)[:2] ** 3).sum().backward()
    assert inputs.grad[2:].tolist() == [[0], [0]]
    weight = grouped()
    weight(FOUR).square().sum().backward()
    assert weight.weight.grad.item() == 2 * 4


def test_evaluation_and_copies_are_those_of_any_batch_norm():
    layer = grouped()
    copied = deepcopy(layer)
    copied(FOUR)
    assert layer.num_batches_tracked == 0
    assert layer.eval()(FOUR[:3]).tolist() == FOUR[:3].tolist()


def test_a_batch_that_is_not_whole_groups_is_refused():
    with pytest.raises(BadInput, match="BatchNorm `0` cannot divide its input of 4 rows into groups of 3"):
        grouped(size=3)(FOUR)


def test_a_recipe_sets_groups_which_change_the_network_unless_they_are_the_batch():
    network = Network(name="mlp", arguments={"hidden": [8], "batch_norm": True})
    plain = tiny.dense(tiny.task(network=network))
    halves, whole = (replace(plain, task=tiny.task(network=network, batch_norm_group=size)) for size in (8, 16))
    weights = [train(trial, 3).model["hidden.0.linear.weight"] for trial in (plain, halves, whole)]
    assert torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[1])


def test_statistics_are_estimated_again_over_groups():
    trainer = training(tiny.dense(tiny.task(batch_norm_group=8)))
    before = trainer.state().digest()
    layer = next(module for module in trainer.model.modules() if isinstance(module, nn.BatchNorm1d))
    seen = []
    layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with new_statistics(trainer.model, trainer.stream, trainer.recipe, 2):
        expected = torch.cat(seen).view(4, 8, -1).var(1).mean(0)
        torch.testing.assert_close(layer.running_var, expected)
    assert trainer.state().digest() == before
