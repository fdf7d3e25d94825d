"""The adaptive rate: its factor by hand, and a training that keeps it."""

import math
from dataclasses import replace

import pytest
import torch

from tests.support import tiny
from tests.support.trainings import through_a_file, train, training
from workers.pruning.adaptive import rate_factor
from workers.trial import Stop, trial_id

WEIGHTS = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([[2.0], [4.0]])}  # squares 1, 4, 4, 16: 25 in all


def masks(*alive):
    return {"a": torch.tensor(alive[:2]), "b": torch.tensor(alive[2:]).view(2, 1)}


def test_the_factor_by_hand():
    # 1/5 of the norm and a quarter of the weights are gone
    assert rate_factor(WEIGHTS, {}, masks(False, True, True, True), 0.1) == pytest.approx(0.2 / 0.5)
    # 3/5 of the norm and three quarters
    assert rate_factor(WEIGHTS, {}, masks(False, False, False, True), 0.1) == pytest.approx(0.6 / math.sqrt(0.75))


def test_only_weights_that_were_alive_count():
    before = masks(True, True, True, False)  # squares 1, 4, 4; one of three goes
    assert rate_factor(WEIGHTS, before, masks(False, True, True, False), 0.1) == pytest.approx(1 / math.sqrt(3))


def test_the_factor_is_clipped():
    assert rate_factor(WEIGHTS, {}, masks(False, True, True, True), 0.7) == 0.7
    assert rate_factor(WEIGHTS, {}, masks(True, True, True, False), 0.1) == 1  # 0.8 / 0.5
    assert rate_factor(WEIGHTS, {}, masks(True, True, True, True), 0.3) == 0.3  # nothing pruned
    assert rate_factor({"a": torch.zeros(2)}, {}, {"a": torch.tensor([True, False])}, 0.3) == 0.3


def test_the_worker_keeps_the_factor_over_an_interruption():
    dense = tiny.dense()
    final = Stop(trial_id(dense), tiny.TOTAL)
    states = {final: train(dense, tiny.TOTAL)}
    trial = tiny.retraining("adaptive_linear_lr_restarting", dense, rewind=20, density="3/4")  # 4 steps of 24
    begun = training(trial)
    begun.begin(states)
    factor = begun.history.rate_factor
    expected = rate_factor(
        {name: states[final].model[name] for name in begun.weights}, {}, begun.masks, float(trial.rate_floor)
    )
    assert factor == expected
    assert 4 / 24 < factor < 1
    begun.advance()
    begun.advance()
    again = training(trial)
    again.restore(through_a_file(begun.state()))
    again.advance()
    linear = train(replace(trial, rate_floor=None), 3, states)
    assert again.learning_rate == pytest.approx(0.1 * factor * (4 - 2) / (4 - 0.4))
    assert linear.history.rate_factor == 1
    assert linear.digest() != again.state().digest()
