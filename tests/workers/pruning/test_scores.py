"""The controls: masks that are random, but repeatably so, and comparable with magnitude's."""

from fractions import Fraction as F

import pytest
import torch

from tests.support.masking import kept, network, pruned
from workers.pruning import DISTRIBUTIONS


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("score", ["random", "shuffled"])
def test_random_masks_are_a_function_of_the_seed(score):
    once = pruned(network(), F(1, 4), score=score)
    assert equal(once, pruned(network(), F(1, 4), score=score))
    assert not equal(once, pruned(network(), F(1, 4), score=score, seed=1))


def test_random_masks_do_not_look_at_the_weights():
    assert equal(pruned(network(0), F(1, 4), score="random"), pruned(network(1), F(1, 4), score="random"))


def test_random_masks_of_one_seed_are_nested_over_densities():
    dense, sparse = (pruned(network(), density, score="random") for density in (F(1, 2), F(1, 5)))
    assert not any((sparse[name] & ~dense[name]).any() for name in dense)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_shuffling_keeps_as_many_of_each_layer_as_magnitude(distribution):
    masks = pruned(network(1), F(1, 2))
    settings = {"density": F(3, 10), "masks": masks, "distribution": distribution}
    by_magnitude = pruned(network(), **settings)
    shuffled = pruned(network(), score="shuffled", **settings)
    assert kept(shuffled) == kept(by_magnitude)
    assert not equal(shuffled, by_magnitude)
    assert not any((shuffled[name] & ~masks[name]).any() for name in masks)


def test_shuffled_masks_keep_large_and_small_weights_alike():
    weight = torch.arange(10_000.0)
    mask = pruned({"a": weight}, F(1, 2), score="shuffled")["a"]
    assert weight[mask].mean() == pytest.approx(5_000, rel=0.02)
