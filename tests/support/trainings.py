"""Trainings in this process, step by step, without a store."""

from __future__ import annotations

import itertools

import torch

from workers.data.loading import open_data
from workers.training.process import configure, make_trainer
from workers.training.states.state import dump_state, parse_state
from workers.training.trainer import Trainer

CPU = torch.device("cpu")


def training(trial) -> Trainer:
    configure(trial.task.recipe)
    return make_trainer(trial, open_data(trial.task.dataset, CPU), CPU)


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


def in_first_step(monkeypatch, act, times=1):
    """Have the first `times` optimizer steps of this process act before they train."""
    calls, advance = itertools.count(), Trainer.advance

    def acting(self):
        if next(calls) < times:
            act()
        advance(self)

    monkeypatch.setattr(Trainer, "advance", acting)


def fail_in_step(monkeypatch, error, times):
    """Have the first `times` optimizer steps of this process raise."""

    def act():
        raise error

    in_first_step(monkeypatch, act, times)
