"""Training against a plain loop of torch that takes only the network, the batches and their seeds from prunesweep."""

import pytest
import torch
from torch.nn import functional

from tests.support import tiny
from tests.support.trainings import train, training
from workers import schedules
from workers.machine.generators import seed_generators
from workers.seeds import seed
from workers.techniques import TECHNIQUES
from workers.trial import Stop, trial_id

REWIND = 8


@pytest.fixture(scope="module")
def dense():
    """The dense trial, and by the steps that it took, its states and those of the plain loop."""
    trial = tiny.dense()
    states = {step: (train(trial, step), plain_loop(trial, step)) for step in (REWIND, tiny.TOTAL)}
    return trial, states


def test_a_plain_loop_of_torch_gives_the_bits_of_a_dense_network(dense):
    for state, plain in dense[1].values():
        assert_same(state, *plain)


@pytest.mark.parametrize("technique", [name for name, technique in TECHNIQUES.items() if not technique.adaptive])
def test_a_plain_loop_of_torch_gives_the_bits_of_a_technique(dense, technique):
    trial, states = dense
    weights, _ = states[tiny.TOTAL][1]
    names = list(training(trial).weights)
    size = torch.cat([weights[name].abs().flatten() for name in names])
    threshold = size.sort(descending=True).values[size.numel() // 4 - 1]
    masks = {name: weights[name].abs() >= threshold for name in names}
    steps = TECHNIQUES[technique].steps(tiny.DENSE_TRAINING, REWIND)
    child = tiny.retraining(technique, trial, rewind=REWIND)
    start = {"final": states[tiny.TOTAL][1], "rewind": states[REWIND][1], "fresh": None}
    retrained = plain_loop(child, steps, start[TECHNIQUES[technique].start], masks)
    parents = {Stop(trial_id(trial), step): state for step, (state, _) in states.items()}
    assert_same(train(child, steps, parents), *retrained)


def plain_loop(trial, steps, start=None, masks=None):
    """The state of the network and the momentum of its parameters, by name, after some steps."""
    begun = training(trial)
    network, batches = begun.model, begun.stream
    parameters = dict(network.named_parameters())
    sgd = torch.optim.SGD(parameters.values(), lr=0, momentum=0.9, weight_decay=1e-2, fused=True)
    if start is not None:
        network.load_state_dict(start[0])
        for name, momentum in start[1].items():
            sgd.state[parameters[name]]["momentum_buffer"] = momentum.clone()
    for name, mask in (masks or {}).items():
        parameters[name].data *= mask
    for step in range(steps):
        sgd.param_groups[0]["lr"] = schedules.rate(trial.rates, step)
        inputs, labels = batches.batch(step)
        seed_generators(seed(trial.replicate, trial.stage, "step", step))
        sgd.zero_grad()
        functional.cross_entropy(network(inputs), labels).backward()
        for name, mask in (masks or {}).items():
            parameters[name].grad *= mask
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        sgd.step()
        for name, mask in (masks or {}).items():
            parameters[name].data *= mask
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    return state, {name: sgd.state[parameter]["momentum_buffer"].clone() for name, parameter in parameters.items()}


def assert_same(state, weights, momenta):
    """Parameters, BatchNorm statistics and momentum, bit for bit."""
    assert state.model.keys() == weights.keys()
    for name, tensor in weights.items():
        assert torch.equal(state.model[name], tensor), name
    for slots, momentum in zip(state.optimizer.values(), momenta.values(), strict=True):
        assert torch.equal(slots["momentum_buffer"], momentum)
