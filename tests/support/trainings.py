"""Trainings in this process, step by step, without a store."""

from __future__ import annotations

import torch

from workers.data.images import open_data
from workers.training.state import dump_state, parse_state
from workers.training.trainer import Trainer, configure

CPU = torch.device("cpu")


def training(trial) -> Trainer:
    configure(trial.task.recipe)
    return Trainer(trial, open_data(trial.task.dataset, CPU), CPU)


def train(trial, steps, parents=None):
    """The state of a trial after some steps."""
    begun = training(trial)
    begun.begin(parents or {})
    for _ in range(steps):
        begun.advance()
    return begun.state()


def through_a_file(state):
    """A state as it is read again."""
    return parse_state(dump_state(state)[0], "test")
