"""Gradients that are clipped in groups of examples."""

from __future__ import annotations

import torch
from torch.nn.utils import clip_grad_norm_

from tests.support import tiny
from tests.support.trainings import training
from workers.training.exchange import Step
from workers.training.optimizing.clipping import clipped_apart
from workers.trial import Network


def test_the_clipped_gradients_of_groups_are_added_up() -> None:
    """(0, 0) + (2, 0) is clipped to (1, 0), and (0, 3) + (0, 1) to (0, 1)."""
    weight, unused = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))
    rows = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 3.0], [0.0, 1.0]])

    def backward(batch):
        inputs, targets = batch
        loss = (inputs @ weight).sum() + 2 * len(targets)
        loss.backward()
        return Step(loss.detach(), None, len(targets))

    def clip():
        clip_grad_norm_([weight], 1.0)

    step = clipped_apart((rows, torch.arange(4)), 2, [weight, unused], backward, clip)
    torch.testing.assert_close(weight.grad, torch.tensor([1.0, 1.0]))
    assert unused.grad is None
    assert (step.loss.item(), step.correct, step.examples) == (4.0, None, 4)


def test_a_step_of_a_trial_clips_each_group_of_its_batch() -> None:
    network = Network(name="mlp", arguments={"hidden": [4]})
    trial = tiny.dense(tiny.task(network=network, clip_group=2, clip_grad_norm=0.01))
    trained, by_hand = training(trial), training(trial)
    inputs, labels = by_hand.stream.batch(0)
    gradients = [torch.zeros_like(parameter) for parameter in by_hand.parameters]
    for begin in range(0, len(labels), 2):
        by_hand.model.zero_grad()
        part = slice(begin, begin + 2)
        torch.nn.functional.cross_entropy(by_hand.model(inputs[part]), labels[part]).backward()
        clip_grad_norm_(by_hand.parameters, 0.01)
        for total, parameter in zip(gradients, by_hand.parameters, strict=True):
            total += parameter.grad
    trained.advance()
    for total, parameter in zip(gradients, trained.parameters, strict=True):
        torch.testing.assert_close(parameter.grad, total)
    assert trained.history.images == len(labels)
