"""Gradients and inputs for scores: right, the same for all techniques, and without a trace in the trial."""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support import tiny
from workers.data.loading import open_data
from workers.errors import BadInput
from workers.training.measurement import Measurement
from workers.training.trainer import Trainer
from workers.trial import trial_id

CPU = torch.device("cpu")
CODE = """
import random, torch
def score(weight, gradient, inputs, generator):
    assert inputs[0].dtype == gradient.dtype == torch.float32
    noise = torch.rand(weight.shape, generator=generator) * torch.rand(()) * random.random()  # an unseeded draw, too
    return (weight * gradient).abs() * inputs[0].norm() + noise
"""


@pytest.fixture(scope="module")
def trained():
    """A dense trial after all its steps, and its data."""
    data = open_data(tiny.DATA, CPU)
    trainer = Trainer(tiny.dense(), data, CPU)
    for _ in range(tiny.TOTAL):
        trainer.advance()
    return data, trainer.state()


@pytest.fixture
def score(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "own_score.py").write_text(CODE)
    yield "own_score:score"
    sys.modules.pop("own_score", None)


def begun(technique, score, trained):
    data, state = trained
    trial = tiny.retraining(technique, tiny.dense())
    pruning = replace(trial.mask.pruning, score=score)
    trial = replace(trial, mask=replace(trial.mask, pruning=pruning))
    trainer = Trainer(trial, data, CPU)
    stops = {stop: replace(state, trial=trial_id(tiny.dense())) for stop in trial.parents}
    trainer.begin(stops)
    return trainer


def test_the_trial_begins_with_the_bits_of_its_start_state(score, trained):
    plain, own = (begun("lr_rewinding", name, trained) for name in ("magnitude", score))
    unpruned = [name for name in plain.model.state_dict() if name not in plain.weights]
    assert any("running_mean" in name for name in unpruned)
    assert all(torch.equal(plain.model.state_dict()[name], own.model.state_dict()[name]) for name in unpruned)
    assert {name: int(mask.sum()) for name, mask in plain.masks.items()} != {
        name: int(mask.sum()) for name, mask in own.masks.items()
    }
    assert sum(int(mask.sum()) for mask in own.masks.values()) == sum(int(m.sum()) for m in plain.masks.values())


def test_all_techniques_of_a_round_get_the_same_masks_in_any_process(score, trained):
    first = begun("lr_rewinding", score, trained).masks
    torch.rand(7), random.random(), np.random.rand()
    for technique in ("weight_rewinding", "reinitialization", "lr_rewinding"):
        masks = begun(technique, score, trained).masks
        assert all(torch.equal(masks[name], first[name]) for name in first)


def test_gradients_and_inputs_equal_those_of_a_forward_and_backward_pass(trained):
    data, state = trained
    trainer = Trainer(tiny.dense(), data, CPU)
    trainer.restore(state)
    measurement = Measurement(lambda: trainer)
    before = torch.random.get_rng_state()
    first, second = measurement.gradients(2)
    (taken,) = measurement.inputs(next(iter(trainer.weights)), 1)
    assert torch.equal(torch.random.get_rng_state(), before)
    for index, gradients in enumerate((first, second)):
        trainer.model.zero_grad()
        trainer.forward(index)[2].backward()
        assert all(torch.equal(gradients[name], weight.grad) for name, weight in trainer.weights.items())
    assert torch.equal(taken, trainer.stream.batch(0)[0].flatten(1))


def test_a_layer_that_is_never_called_has_no_inputs(trained):
    data, _ = trained
    trainer = Trainer(tiny.dense(), data, CPU)
    name = list(trainer.weights)[-1]
    trainer.model.forward = lambda images: torch.zeros(len(images), 4, requires_grad=True)
    with pytest.raises(BadInput, match=f"the inputs of weight `{name}` are unknown: its layer .* is never called"):
        Measurement(lambda: trainer).inputs(name, 1)
