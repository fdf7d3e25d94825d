"""Masks against hand-computed ones and against torch's own pruning."""

from fractions import Fraction as F

import pytest
import torch
from torch.nn.utils.prune import L1Unstructured, global_unstructured

from tests.support.masking import masks_of, pruned
from workers.errors import BadInput, Diverged
from workers.pruning import kept_weights


def test_smallest_magnitudes_go_from_one_global_pool():
    weights = {"a": [[3.0, -0.1], [0.2, -5.0]], "b": [0.3, -4.0]}
    assert masks_of(weights, F(1, 2)) == {"a": [[True, False], [False, True]], "b": [False, True]}


def test_ties_go_to_the_first_position():
    assert masks_of({"a": [1.0, -1.0, 1.0], "b": [1.0, 2.0]}, F(3, 5)) == {
        "a": [True, True, False],
        "b": [False, True],
    }


def test_a_mask_only_shrinks_whatever_dead_weights_became():
    weights = {"a": [9.0, 1.0, 2.0, 3.0]}
    assert masks_of(weights, F(1, 2), {"a": [False, True, True, True]}) == {"a": [False, False, True, True]}


def test_a_weight_of_zero_that_is_alive_outlives_a_dead_one():
    assert masks_of({"a": [0.0, 0.0, 5.0]}, F(2, 3), {"a": [False, True, True]}) == {"a": [False, True, True]}


@pytest.mark.parametrize("round_", range(1, 18))
def test_exactly_k_survive_each_round_of_the_paper(round_):
    generator = torch.Generator().manual_seed(round_)
    weights = {name: torch.randn(shape, generator=generator) for name, shape in {"a": (40, 30), "b": (777,)}.items()}
    density = F(4, 5) ** round_
    masks = pruned(weights, density)
    assert sum(int(mask.sum()) for mask in masks.values()) == round(1977 * density)


@pytest.mark.parametrize("compression", [F(1), F("1.25"), F(3), F("9.31"), F(32), F(600), F(3000)])
def test_k_is_exact_for_every_ratio_and_equals_torch(compression):
    network = torch.nn.Sequential(torch.nn.Linear(30, 50), torch.nn.Linear(50, 30))
    generator = torch.Generator().manual_seed(0)
    pool = {"0.weight": network[0].weight, "1.weight": network[1].weight}
    with torch.no_grad():
        for weight in pool.values():
            weight.normal_(generator=generator)
    k = kept_weights(3000, 1 / compression)
    ours = pruned(pool, 1 / compression)
    parameters = [(network[0], "weight"), (network[1], "weight")]
    global_unstructured(parameters, L1Unstructured, amount=3000 - k)
    for name, layer in zip(ours, network, strict=True):
        assert torch.equal(ours[name], layer.weight_mask.bool())
    assert sum(int(mask.sum()) for mask in ours.values()) == k


def test_k_rounds_to_the_nearest_weight():
    assert kept_weights(271_152, F(4, 5) ** 10) == 29_115
    assert kept_weights(10, F(1, 4)) == 2  # 2.5, halves to the even number
    assert kept_weights(10, F(35, 100)) == 4


@pytest.mark.parametrize("density", [F(1, 100), F(1)])
def test_impossible_densities_are_refused(density):
    with pytest.raises(BadInput, match="must keep from 1 to 2"):
        masks_of({"a": [1.0, 2.0, 3.0]}, density, {"a": [True, True, False]})


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(Diverged, match="not finite"):
        masks_of({"a": [1.0, float("nan")]}, F(1, 2))
