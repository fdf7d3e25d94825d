from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from workers.errors import InputError
from workers.training.optimizing.optimizer_names import OPTIMIZER_ARGUMENTS, REFUSED_OPTIMIZERS
from workers.training.optimizing.optimizers import OPTIMIZERS, make_optimizer
from workers.training.optimizing.tensorflow_adam import TFAdam
from workers.trial import Recipe


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def recipe(optimizer: str = "SGD", decay_batch_norm: bool = True, **arguments: Any) -> Recipe:
    return Recipe(batch_size=1, optimizer=optimizer, optimizer_arguments=arguments, decay_batch_norm=decay_batch_norm)


def test_arguments_reach_the_optimizer() -> None:
    model = network()
    optimizer = make_optimizer(recipe(momentum=0.9, weight_decay=2e-4, nesterov=True), model)
    assert type(optimizer) is torch.optim.SGD
    (group,) = optimizer.param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"], group["nesterov"]) == (0.0, 0.9, 2e-4, True)
    assert [id(p) for p in group["params"]] == [id(p) for p in model.parameters()]


def test_lists_from_a_sweep_file_do_for_tuples() -> None:
    model = network()
    optimizer = make_optimizer(recipe("AdamW", betas=[0.8, 0.99]), model)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert len(optimizer.state) == 6


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])  # AdamW decays by default
def test_batch_norm_may_be_spared_from_decay(optimizer: str) -> None:
    model = network()
    arguments = {"weight_decay": 0.01} if optimizer == "SGD" else {}
    decayed, spared = make_optimizer(recipe(optimizer, decay_batch_norm=False, **arguments), model).param_groups
    assert [id(p) for p in spared["params"]] == [id(model[1].weight), id(model[1].bias)]
    assert [id(p) for p in decayed["params"]] == [id(p) for layer in (model[0], model[2]) for p in layer.parameters()]
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)


def test_without_batch_norm_there_is_nothing_to_spare() -> None:
    optimizer = make_optimizer(recipe(decay_batch_norm=False, weight_decay=0.1), nn.Linear(2, 2))
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"LBFGS", "SparseAdam", "Muon", "Rprop"}))
def test_every_other_optimizer_of_torch_can_step(name: str) -> None:
    model = network()
    optimizer = make_optimizer(recipe(name), model)
    optimizer.param_groups[0]["lr"] = 0.1
    model(torch.randn(5, 3)).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"LBFGS", "SparseAdam", "Rprop"}))
def test_every_optimizer_that_can_be_used_follows_its_rates(name: str) -> None:
    """A hundredth of the rate, in the middle of training, makes steps of about a hundredth of the length."""
    lengths = []
    for rate in (1e-2, 1e-4):
        torch.manual_seed(0)
        model = nn.Linear(6, 3, bias=False)
        optimizer = make_optimizer(recipe(name), model)
        for step in range(8):
            optimizer.param_groups[0]["lr"] = 1e-2 if step < 6 else rate
            optimizer.zero_grad()
            model(torch.ones(5, 6)).sum().backward()
            before = model.weight.detach().clone()
            optimizer.step()
        lengths.append(float((model.weight.detach() - before).norm()))
    assert 50 < lengths[0] / lengths[1] < 200


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (recipe("sgd"), "unknown optimizer: `sgd`\n\nhint: did you mean `SGD`\\? use one of ASGD"),
        (recipe("Adamm"), "did you mean `Adam`"),
        (recipe("lr_scheduler"), "unknown optimizer"),
        (recipe("Optimizer"), "unknown optimizer"),
        (recipe("LBFGS"), "optimizer `LBFGS` cannot be used: it evaluates the loss several times"),
        (recipe("SparseAdam"), "optimizer `SparseAdam` cannot be used: it needs sparse gradients"),
        (recipe("Rprop"), "optimizer `Rprop` cannot be used: it ignores the learning rates of the schedule"),
        (recipe("Muon"), "optimizer `Muon` cannot be used with no arguments: .*2D"),
        (recipe(lr=0.1), "`lr` cannot be given to optimizer `SGD`: the schedule sets it"),
        (
            recipe(momentun=0.9),
            "no argument `momentun`\n\nhint: did you mean `momentum`\\? its arguments are momentum",
        ),
        (recipe(params=[]), "no argument `params`"),
        (recipe(momentum=-1), "optimizer `SGD` cannot be used with momentum: -1: Invalid momentum"),
        (recipe(momentum="0.9"), "optimizer `SGD` cannot be used"),
        (
            recipe("TFAdam", betas=[0.9, 1]),
            "optimizer `TFAdam` cannot be used with betas: .*: `betas` must be",
        ),
        (recipe("Adam", betas=[0.9]), "optimizer `Adam` cannot be used with betas: .0.9.: "),
        (recipe(nesterov=True), "optimizer `SGD` cannot be used with nesterov: True: Nesterov"),
    ],
)
def test_impossible_optimizers_are_refused(asked: Recipe, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_optimizer(asked, network())


def test_tfadam_adds_epsilon_after_the_correction() -> None:
    """By hand, with an ε large enough to tell: m/(√v + ε) times 0.1·√(1 − 0.99ᵗ)/(1 − 0.9ᵗ)."""
    weight = nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
    assert TFAdam([weight]).defaults == {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8}
    module = nn.Module()
    module.weight = weight
    optimizer = make_optimizer(recipe("TFAdam", betas=[0.9, 0.99], eps=0.5), module)
    optimizer.param_groups[0]["lr"] = 0.1
    expected, mean, square = np.array([1.0, 2.0]), np.zeros(2), np.zeros(2)
    for step, gradient in enumerate(([0.3, -2.0], [0.1, 5.0], [-0.7, 0.0]), start=1):
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        mean = 0.9 * mean + 0.1 * np.array(gradient)
        square = 0.99 * square + 0.01 * np.array(gradient) ** 2
        expected = expected - 0.1 * (1 - 0.99**step) ** 0.5 / (1 - 0.9**step) * mean / (np.sqrt(square) + 0.5)
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-12)


def test_tfadam_without_epsilon_is_adam() -> None:
    results = []
    for name in ("TFAdam", "Adam"):
        torch.manual_seed(0)
        model = nn.Linear(3, 4)
        optimizer = make_optimizer(recipe(name, eps=0.0), model)
        optimizer.param_groups[0]["lr"] = 0.01
        for _ in range(3):
            optimizer.zero_grad()
            (model(torch.randn(8, 3)) - 1).square().sum().backward()
            optimizer.step()
        results.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    torch.testing.assert_close(*results)


def test_the_names_that_are_known_without_torch_are_torchs() -> None:
    usable = {name: kind for name, kind in OPTIMIZERS.items() if name not in REFUSED_OPTIMIZERS}
    assert set(OPTIMIZER_ARGUMENTS) == set(usable)
    for name, kind in usable.items():
        assert set(inspect.signature(kind).parameters) - {"params", "lr"} <= set(OPTIMIZER_ARGUMENTS[name])
