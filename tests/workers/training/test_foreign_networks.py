"""What prunesweep chooses by itself (layout, fused optimizers) takes every network that trains without it."""

from __future__ import annotations

import textwrap

import pytest
import torch
from torch import nn

from tests.support.own_modules import Write
from tests.support.tiny import dense, task
from tests.support.trainings import CPU, through_a_file, train, training
from workers.data.loading import open_data
from workers.machine.generators import seed_generators
from workers.training.evaluation import evaluate
from workers.training.optimizing.optimizers import make_optimizer, take_step
from workers.trial import Evaluation, Network, Recipe

CONVOLUTIONS = "self.first = nn.Conv2d(1, 4, 3, padding=1); self.second = nn.Conv2d(4, 4, 3, padding=1)"
FORWARDS = {
    "view": "x = self.second(self.first(x)); return self.last(x.view(x.size(0), -1))",
    "view of a pooled map": "x = nn.functional.max_pool2d(self.first(x), 1); return self.last(x.view(-1, 144))",
    "view_as": "x = self.first(x); return self.last(x.view_as(torch.empty(len(x), 144)))",
    "view of weights": (
        "w = self.first.weight; w = w / w.view(4, -1).norm(dim=1).view(4, 1, 1, 1)\n"
        "        w2 = self.second.weight; w2 = w2 / w2.view(4, -1).norm(dim=1).view(4, 1, 1, 1)\n"
        "        x = nn.functional.conv2d(nn.functional.conv2d(x, w, padding=1), w2, padding=1)\n"
        "        return self.last(x.flatten(1))"
    ),
    "groups by view": (
        "x = self.first(x); n, c, h, w = x.shape\n"
        "        x = x.view(n, 2, 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)\n"
        "        return self.last(self.second(x).flatten(1))"
    ),
}


def network_of(module: Write, forward: str) -> Network:
    name = module(f"""
    class Net(nn.Module):
        def __init__(self, classes):
            super().__init__()
            {CONVOLUTIONS}
            self.norm = nn.BatchNorm2d(4)
            self.last = nn.Linear(144, classes)

        def forward(self, x):
            {forward.replace(chr(10), chr(10) + "    ")}

    def build(*, input_shape, classes):
        return Net(classes)
    """)
    return Network(name=f"{name}:build")


@pytest.mark.parametrize("forward", FORWARDS.values(), ids=list(FORWARDS))
def test_networks_train_in_the_layout_that_they_need(module: Write, forward: str) -> None:
    trial = dense(task(network=network_of(module, forward)))
    trainer = training(trial)
    trainer.begin({})
    for _ in range(3):
        trainer.advance()
    middle = through_a_file(trainer.state())
    evaluate(trainer.model, open_data(trial.task.dataset, CPU), trainer.recipe, Evaluation(), trainer.stream)
    again = training(trial)
    again.restore(middle)
    for _ in range(2):
        trainer.advance()
        again.advance()
    assert again.state().digest() == trainer.state().digest() == train(trial, 5).digest()


def test_a_network_that_keeps_activations_is_evaluated_with_new_statistics(module: Write) -> None:
    trial = dense(
        task(network=network_of(module, "self.kept = self.norm(self.first(x)); return self.last(self.kept.flatten(1))"))
    )
    trainer = training(trial)
    trainer.begin({})
    trainer.advance()
    before = trainer.state().digest()
    data = open_data(trial.task.dataset, CPU)
    plain = evaluate(trainer.model, data, trainer.recipe, Evaluation(), trainer.stream)
    control = evaluate(trainer.model, data, trainer.recipe, Evaluation(batch_norm_batches=3), trainer.stream)
    assert plain.test.loss != control.test.loss
    assert trainer.state().digest() == before
    assert trainer.model.norm.momentum == 0.1
    assert trainer.model.norm.training


SKIPPING = """
    class Net(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.blocks = nn.ModuleList(nn.Linear(36, 36) for _ in range(4))
            self.last = nn.Linear(36, classes)

        def forward(self, x):
            x = x.flatten(1)
            for block in self.blocks:
                if not self.training or torch.rand(()) > 0.5:
                    x = x + block(x)
            return self.last(x)

    def build(*, input_shape, classes):
        return Net(classes)
"""
OPTIMIZERS = [
    Recipe(batch_size=16, optimizer="SGD", optimizer_arguments={"momentum": 0.9, "weight_decay": 0.01}),
    Recipe(batch_size=16, optimizer="SGD", optimizer_arguments={"momentum": 0.9, "nesterov": True}),
    Recipe(batch_size=16, optimizer="SGD", optimizer_arguments={"momentum": 0.9, "dampening": 0.5}),
    Recipe(batch_size=16, optimizer="SGD", optimizer_arguments={"momentum": 0.9, "maximize": True}),
    Recipe(batch_size=16, optimizer="Adam"),
    Recipe(batch_size=16, optimizer="AdamW", optimizer_arguments={"amsgrad": True}),
    Recipe(batch_size=16, optimizer="Adagrad"),
]


@pytest.mark.parametrize("recipe", OPTIMIZERS, ids=lambda recipe: f"{recipe.optimizer} {recipe.optimizer_arguments}")
def test_layers_that_are_skipped_at_random_train_as_without_fused_kernels(module: Write, recipe: Recipe) -> None:
    namespace: dict = {"torch": torch, "nn": nn}
    exec(textwrap.dedent(SKIPPING), namespace)
    weights = []
    for fused in (None, False):
        seed_generators(0)
        network = namespace["build"](input_shape=(1, 6, 6), classes=4)
        arguments = recipe.optimizer_arguments if fused is None else recipe.optimizer_arguments | {"fused": False}
        optimizer = make_optimizer(
            Recipe(batch_size=16, optimizer=recipe.optimizer, optimizer_arguments=arguments), network
        )
        parameters = list(network.parameters())
        for _ in range(8):
            optimizer.param_groups[0]["lr"] = 0.01
            optimizer.zero_grad()
            network(torch.rand(16, 1, 6, 6)).logsumexp(1).sum().backward()
            take_step(optimizer, parameters)
        weights.append(torch.cat([parameter.detach().flatten() for parameter in parameters]))
    torch.testing.assert_close(weights[0], weights[1])


def test_a_trial_with_layers_skipped_at_random_continues_to_the_same_bits(module: Write) -> None:
    trial = dense(task(network=Network(name=f"{module(SKIPPING)}:build")))
    trainer = training(trial)
    trainer.begin({})
    trainer.advance()
    again = training(trial)
    again.restore(through_a_file(trainer.state()))
    for _ in range(4):
        again.advance()
    assert again.state().digest() == train(trial, 5).digest()


@pytest.mark.parametrize("arguments", [{"foreach": True}, {"differentiable": True}, {"capturable": False}])
def test_arguments_that_fused_kernels_refuse_are_taken(arguments: dict) -> None:
    make_optimizer(Recipe(batch_size=1, optimizer="Adam", optimizer_arguments=arguments), nn.Linear(2, 2))
