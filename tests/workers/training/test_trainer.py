"""The same bits however a training is cut up, and exactly what each technique takes over from its parents."""

from dataclasses import replace
from fractions import Fraction as F

import pytest
import torch

from tests.support import tiny
from tests.support.trainings import through_a_file, train, training
from workers.errors import BadInput, Diverged
from workers.techniques import TECHNIQUES
from workers.trial import Network, Pruning, Stop, trial_id

FIRST = "hidden.0.linear.weight"


@pytest.fixture(scope="module")
def dense():
    """The dense trial, and its states at the rewind point and at the end."""
    trial = tiny.dense()
    begun = training(trial)
    states = {}
    for step in range(tiny.TOTAL + 1):
        if step in (0, 8, tiny.TOTAL):
            states[Stop(trial_id(trial), step)] = begun.state()
        if step < tiny.TOTAL:
            begun.advance()
    return trial, states


def steps_of(technique, rewind=8):
    return TECHNIQUES[technique].steps(tiny.DENSE_TRAINING, rewind)


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("stop", [1, 7, 13])
def test_stopped_at_any_step_and_continued_gives_the_same_bits(dense, technique, stop):
    trial, states = dense
    child = tiny.retraining(technique, trial)
    undisturbed = train(child, steps_of(technique), states)

    first = train(child, stop, states)
    train(tiny.dense(replicate=5), 3)  # another trial in between, in the same process
    second = training(child)
    second.restore(through_a_file(first))
    for _ in range(steps_of(technique) - stop):
        second.advance()
    assert second.state().digest() == undisturbed.digest()
    assert second.history.curve == undisturbed.history.curve


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "network",
    [tiny.PERCEPTRON, Network(name="cifar_resnet", arguments={"depth": 8, "width": 2})],
    ids=lambda network: network.name,
)
@pytest.mark.parametrize("optimizer", [("SGD", {"momentum": 0.9}), ("AdamW", {}), ("RMSprop", {"centered": True})])
def test_interrupted_dense_training_gives_the_same_bits(network, optimizer, precision):
    name, arguments = optimizer
    trial = tiny.dense(tiny.task(network=network, optimizer=name, optimizer_arguments=arguments, precision=precision))
    undisturbed = train(trial, 9)
    second = training(trial)
    second.restore(through_a_file(train(trial, 4)))
    for _ in range(5):
        second.advance()
    assert second.state().digest() == undisturbed.digest()


def test_twice_in_one_process_gives_the_same_bits(dense):
    trial, states = dense
    child = tiny.retraining("weight_rewinding", trial)
    assert train(child, 5, states).digest() == train(child, 5, states).digest()


def test_replicates_and_stages_see_different_batches_and_rounds_of_any_technique_the_same():
    def first_batch(trial):
        return training(trial).stream.batch(0)[0]

    trial = tiny.dense()
    round_one = first_batch(tiny.retraining("fine_tuning", trial))
    assert torch.equal(round_one, first_batch(tiny.retraining("lr_rewinding", trial, density="1/8")))
    assert not torch.equal(round_one, first_batch(trial))
    assert not torch.equal(first_batch(trial), first_batch(tiny.dense(replicate=1)))


@pytest.mark.parametrize("technique", ["weight_rewinding", "low_lr_weight_rewinding"])
def test_weight_rewinding_takes_over_everything_from_the_rewind_point(dense, technique):
    trial, states = dense
    rewind = states[Stop(trial_id(trial), 8)]
    final = states[Stop(trial_id(trial), tiny.TOTAL)]
    begun = training(tiny.retraining(technique, trial))
    begun.begin(states)
    now = begun.state()
    assert_taken_over(now, rewind)
    assert not torch.equal(now.model[FIRST], final.model[FIRST])


@pytest.mark.parametrize("technique", ["fine_tuning", "lr_rewinding"])
def test_the_others_keep_everything_from_the_end_of_training(dense, technique):
    trial, states = dense
    begun = training(tiny.retraining(technique, trial))
    begun.begin(states)
    assert_taken_over(begun.state(), states[Stop(trial_id(trial), tiny.TOTAL)])


def assert_taken_over(now, source):
    """Weights (but for the mask), BatchNorm statistics and momentum, bit for bit."""
    for name, tensor in source.model.items():
        expected = tensor * now.masks[name] if name in now.masks else tensor
        assert torch.equal(now.model[name], expected), name
    assert now.optimizer.keys() == source.optimizer.keys()
    for index, slots in source.optimizer.items():
        assert torch.equal(now.optimizer[index]["momentum_buffer"], slots["momentum_buffer"])


def test_rewinding_to_step_0_begins_without_momentum(dense):
    trial, states = dense
    begun = training(tiny.retraining("weight_rewinding", trial, rewind=0))
    begun.begin(states)
    assert begun.state().optimizer == {}


def test_the_mask_comes_from_the_final_weights_even_when_weights_are_rewound(dense):
    trial, states = dense
    masks = []
    for technique in TECHNIQUES:
        begun = training(tiny.retraining(technique, trial))
        begun.begin(states)
        masks.append(begun.state().masks)
    for other in masks[1:]:
        assert all(torch.equal(other[name], masks[0][name]) for name in masks[0])


def test_a_random_mask_is_the_same_for_all_techniques_of_a_round_and_differs_between_rounds_and_replicates(dense):
    trial, states = dense

    def mask(technique, **changes):
        child = tiny.retraining(technique, trial)
        rule = replace(child.mask, pruning=Pruning(score="random"))
        begun = training(replace(child, mask=rule, **changes))
        begun.begin(states)
        return begun.masks[FIRST]

    first = mask("fine_tuning")
    assert all(torch.equal(mask(technique), first) for technique in TECHNIQUES)
    assert not torch.equal(mask("fine_tuning", stage="2"), first)
    assert not torch.equal(mask("fine_tuning", replicate=1), first)


def test_reinitialization_starts_from_other_weights_than_the_dense_network(dense):
    trial, states = dense
    begun = training(tiny.retraining("reinitialization", trial))
    begun.begin(states)
    first = states[Stop(trial_id(trial), 0)].model[FIRST]
    now = begun.state()
    alive = now.masks[FIRST]
    assert not torch.isclose(now.model[FIRST][alive], first[alive]).any()
    assert now.optimizer == {}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_pruned_weights_are_exactly_zero_after_every_step(dense, technique):
    trial, states = dense
    begun = training(tiny.retraining(technique, trial))
    begun.begin(states)
    for _ in range(steps_of(technique)):
        for name, mask in begun.masks.items():
            assert not begun.weights[name][~mask].any()
        begun.advance()
    assert sum(int(mask.sum()) for mask in begun.masks.values()) == round(
        F(1, 4) * sum(weight.numel() for weight in begun.weights.values())
    )


def test_a_start_state_is_not_changed_by_the_trials_that_begin_with_it(dense):
    trial, states = dense
    before = {stop: state.digest() for stop, state in states.items()}
    train(tiny.retraining("fine_tuning", trial), 5, states)
    train(tiny.retraining("weight_rewinding", trial), 5, states)
    assert {stop: state.digest() for stop, state in states.items()} == before


def test_a_loss_that_is_not_finite_is_caught_before_the_step():
    trial = tiny.dense(tiny.task(optimizer_arguments={"momentum": 0.0}, clip_grad_norm=None, batch_norm_momentum=None))
    begun = training(trial)
    begun.advance()
    with torch.no_grad():
        begun.weights[FIRST].fill_(float("inf"))
    before = {name: tensor.clone() for name, tensor in begun.model.named_parameters()}
    with pytest.raises(Diverged, match=r"loss at step 1 is not finite \(last finite loss [0-9.]+\): nan"):
        begun.advance()
    for name, tensor in begun.model.named_parameters():
        assert torch.equal(tensor, before[name])


def test_a_state_with_weights_that_are_not_finite_is_never_given_out():
    begun = training(tiny.dense())
    with torch.no_grad():
        begun.weights[FIRST][0, 0] = float("nan")
    with pytest.raises(Diverged, match="not finite"):
        begun.state()


def test_a_parent_of_another_network_is_refused(dense):
    _, states = dense
    other = tiny.retraining(
        "fine_tuning", tiny.dense(tiny.task(network=Network(name="mlp", arguments={"hidden": [5]})))
    )
    parents = {stop: next(iter(states.values())) for stop in other.parents}
    with pytest.raises(BadInput, match="does not fit this network"):
        training(other).begin(parents)


def test_the_learning_curve_has_a_point_for_each_whole_epoch(dense):
    trial, states = dense
    curve = states[Stop(trial_id(trial), tiny.TOTAL)].history.curve
    assert [point["step"] for point in curve] == [5, 10, 15, 20]
    assert all(0 <= point["train_accuracy"] <= 1 and point["train_loss"] > 0 for point in curve)
