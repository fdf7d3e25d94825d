"""A trial of a network whose layers compute their weights: the same guarantees as for all others."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from tests.support import tiny
from tests.support.trainings import through_a_file, train, training
from workers.training.masking import effective_weights
from workers.trial import Network, Stop, trial_id

NORMS = {
    "weight_norm": parametrizations.weight_norm,
    "spectral_norm": parametrizations.spectral_norm,
    "weight_hook": nn.utils.weight_norm,
    "spectral_hook": nn.utils.spectral_norm,
}


def network(input_shape, classes, norm):
    size = input_shape[0] * input_shape[1] * input_shape[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, last = NORMS[norm](nn.Linear(size, 8)), NORMS[norm](nn.Linear(8, classes))
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), last)


@pytest.mark.parametrize("norm", NORMS)
def test_what_is_pruned_is_zero_at_every_stop_and_training_continues_to_the_same_bits(norm):
    task = tiny.task(network=Network(name=f"{__name__}:network", arguments={"norm": norm}))
    trial = tiny.dense(task)
    states = {Stop(trial_id(trial), step): train(trial, step) for step in (8, tiny.TOTAL)}
    child = tiny.retraining("weight_rewinding", trial, density="1/8")
    begun = training(child)
    begun.begin(states)
    weights = begun.weights
    total = sum(weight.numel() for weight in weights.values())
    assert sum(int(mask.sum()) for mask in begun.masks.values()) == round(total / 8)
    for _ in range(4):
        state = begun.state()
        for name, weight in effective_weights(begun.model, weights, state.model).items():
            assert torch.isfinite(weight).all()
            assert torch.equal(weight != 0, state.masks[name])
        begun.advance()

    second = training(child)
    second.restore(through_a_file(train(child, 2, states)))
    for _ in range(2):
        second.advance()
    assert second.state().digest() == begun.state().digest()


def test_masks_come_from_the_weights_that_layers_use():
    """By magnitude of the weights, not of what they are computed from."""
    task = tiny.task(network=Network(name=f"{__name__}:network", arguments={"norm": "weight_norm"}))
    trial = tiny.dense(task)
    final = train(trial, tiny.TOTAL)
    child = tiny.retraining("lr_rewinding", trial, density="1/4")
    begun = training(child)
    begun.begin({Stop(trial_id(trial), 8): final, Stop(trial_id(trial), tiny.TOTAL): final})
    dense = training(trial).model
    dense.load_state_dict(final.model)
    used = {name: dense.get_submodule(name.removesuffix(".weight")).weight.detach() for name in begun.masks}
    threshold = torch.cat([weight.abs().flatten() for weight in used.values()]).sort(descending=True).values
    kept = round(len(threshold) / 4)
    for name, mask in begun.masks.items():
        assert torch.equal(mask, used[name].abs() >= threshold[kept - 1])
