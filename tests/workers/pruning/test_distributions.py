"""How many weights each layer keeps: hand-computed, exact in all, and never more than are alive."""

from fractions import Fraction as F

import pytest
import torch

from tests.support.masking import kept, masks_of, network, pruned
from workers.errors import BadInput
from workers.pruning import DISTRIBUTIONS
from workers.pruning.distributions import allot

NAMES = sorted(DISTRIBUTIONS)


def test_uniform_keeps_the_same_share_of_every_layer():
    weights = {"a": [1.0, 2.0, 3.0, 4.0], "b": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]}
    assert masks_of(weights, F(1, 2), distribution="uniform") == {
        "a": [False, False, True, True],
        "b": [False, False, False, True, True, True],
    }


def test_uniform_plus_leaves_the_first_convolution_dense_and_a_fifth_of_the_last_linear_layer():
    weights = network()  # 216 (the first convolution), 576, 128, 160 (linear)
    # k = 540: 324 for 864 weights are 37.5 %: 216, 48, 60
    assert kept(pruned(weights, F(1, 2), distribution="uniform+")) == {"a": 216, "b": 216, "c": 48, "d": 60}
    # k = 270: 54 for 864 would leave 10 of 160; it keeps 32, and 22 for 704 are 18 and 4
    assert kept(pruned(weights, F(1, 4), distribution="uniform+")) == {"a": 216, "b": 18, "c": 4, "d": 32}
    assert kept(pruned(weights, F(248, 1080), distribution="uniform+")) == {"a": 216, "b": 0, "c": 0, "d": 32}
    with pytest.raises(BadInput, match="at least 248 weights of these layers, not 247"):
        pruned(weights, F(247, 1080), distribution="uniform+")


def test_uniform_plus_of_layers_that_have_been_pruned_before():
    weights = {"a": torch.ones(1, 1, 2, 5), "b": torch.ones(10, 3), "c": torch.ones(10, 2)}
    alive = {name: torch.zeros_like(weight, dtype=torch.bool) for name, weight in weights.items()}
    alive["a"].view(-1)[:4] = alive["b"].view(-1)[:20] = alive["c"].view(-1)[:3] = True
    # of what is protected, 10 and 4, there are 4 and 3 left: these stay, and the rest is taken from b
    assert kept(pruned(weights, F(20, 60), alive, distribution="uniform+")) == {"a": 4, "b": 13, "c": 3}


def test_uniform_plus_without_convolutions_protects_the_last_layer_only():
    weights = {"a": torch.rand(10, 9), "b": torch.rand(10)[:, None]}
    assert kept(pruned(weights, F(1, 10), distribution="uniform+")) == {"a": 8, "b": 2}


def test_what_rounding_leaves_over_goes_to_the_largest_remainders():
    assert allot([7, 2, 1], [7, 2, 1], 7) == [5, 1, 1]  # 4.9, 1.4, 0.7
    assert allot([7, 4, 4], [7, 4, 4], 10) == [5, 3, 2]  # 4 2/3, 2 2/3, 2 2/3: all equal, the first two
    assert allot([3, 3], [3, 3], 3) == [2, 1]


def test_layers_that_would_overflow_are_filled_and_the_others_solved_again():
    # sums of dimensions 4, 20, 101; 50 weights in all: the scale 50/125 gives 1.6, 8, 40.4
    assert allot([4, 20, 101], [4, 100, 100], 50) == [2, 8, 40]
    # 130: 4.16 > 4, 20.8, 105.04 > 100; both full, 26 remain for the second
    assert allot([4, 20, 101], [4, 100, 100], 130) == [4, 26, 100]
    assert allot([4, 20, 101], [4, 100, 100], 204) == [4, 100, 100]


def test_erdos_renyi_kernel_is_proportional_to_the_sums_of_dimensions():
    weights = network()  # sums 17, 22, 26, 26 of 91; numbers of weights 216, 576, 128, 160 of 1080
    # k = 270: 270/91 · sums = 50.4, 65.3, 77.1, 77.1
    assert kept(pruned(weights, F(1, 4), distribution="erk")) == {"a": 51, "b": 65, "c": 77, "d": 77}
    # k = 540: c would have 154 of 128; of the other 412, 412/65 · sums = 107.8, 139.4 and 164.8 of 160,
    # so d is dense as well; 252/39 · sums = 109.8, 142.2
    assert kept(pruned(weights, F(1, 2), distribution="erk")) == {"a": 110, "b": 142, "c": 128, "d": 160}


def test_lamp_divides_by_what_is_not_smaller_in_the_layer():
    # squares 1, 4 | 9, 16, 25 give 1/5, 1 | 9/50, 16/41, 1
    weights = {"a": [1.0, 2.0], "b": [3.0, -4.0, 5.0]}
    assert masks_of(weights, F(2, 5), distribution="lamp") == {"a": [False, True], "b": [False, False, True]}
    assert masks_of(weights, F(3, 5), distribution="lamp") == {"a": [False, True], "b": [False, True, True]}
    assert masks_of(weights, F(4, 5), distribution="lamp") == {"a": [True, True], "b": [False, True, True]}


def test_lamp_does_not_depend_on_the_scale_of_a_layer_and_empties_none():
    weights = network()
    scaled = weights | {"d": weights["d"] * 1e6}
    masks = pruned(weights, F(1, 100), distribution="lamp")
    assert all(torch.equal(mask, pruned(scaled, F(1, 100), distribution="lamp")[name]) for name, mask in masks.items())
    assert min(kept(pruned(weights, F(4, 1080), distribution="lamp")).values()) == 1


def test_lamp_of_a_layer_of_zeros():
    weights = {"a": [0.0, 0.0], "b": [1.0, 2.0]}
    assert masks_of(weights, F(3, 4), distribution="lamp") == {"a": [True, False], "b": [True, True]}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("score", ["magnitude", "random", "shuffled"])
def test_exactly_k_survive_and_masks_only_shrink(name, score):
    masks = {}
    for round_ in range(1, 7 if name == "uniform+" else 16):  # which protects 248 of the 1,080
        density = F(4, 5) ** round_
        now = pruned(network(round_), density, masks, seed=round_, score=score, distribution=name)
        assert sum(kept(now).values()) == round(1080 * density)
        assert all(now[layer].shape == weight.shape for layer, weight in network().items())
        if masks:
            assert not any((now[layer] & ~masks[layer]).any() for layer in now)
        masks = now


@pytest.mark.parametrize("before", NAMES)
@pytest.mark.parametrize("after", NAMES)
def test_masks_shrink_from_one_distribution_to_another(before, after):
    masks = pruned(network(), F(1, 2), distribution=before)
    now = pruned(network(1), F(9, 20), masks, distribution=after)
    assert sum(kept(now).values()) == 486
    assert not any((now[layer] & ~masks[layer]).any() for layer in now)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_pruned_at_density_1(name):
    assert all(mask.all() for mask in pruned(network(), F(1), distribution=name).values())
