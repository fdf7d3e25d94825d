"""Structured pruning: the study's densities to the last weight, and masks of whole filters."""

from fractions import Fraction as F
from math import prod

import pyarrow.parquet as parquet
import pytest
import torch

from tests.support.masking import kept
from tests.support.places import SHARED
from workers.errors import InputError
from workers.models.build import prunable
from workers.models.cifar_resnet import cifar_resnet
from workers.models.imagenet_resnet import imagenet_resnet
from workers.pruning.filters import LAYERS, removed_filters, structured_density
from workers.pruning.masks import prune
from workers.trial import MaskRule, Pruning, Stop

REFERENCE = SHARED / "reference" / "renda2020_results.parquet"

PUBLISHED = {
    "resnet56_a": [0.9209166901, 0.8452521837, 0.7780031934, 0.7162768855, 0.6643561567],
    "resnet56_b": [0.8711749789, 0.7763125763, 0.6998591152, 0.6380952381, 0.5879026956],
    "resnet110_a": [0.9772632283, 0.9658948424, 0.9602106495, 0.9573685530, 0.9561982780],
    "resnet110_b": [0.6875922985, 0.4789861332, 0.3383673735, 0.2468072854, 0.1830737366],
    "resnet34_a": [0.9246381155, 0.8720337514, 0.8355147765, 0.8093727139, 0.7913776438],
    "resnet34_b": [0.8937159746, 0.8331702760, 0.7986667489, 0.7783477441, 0.7667075045],
}
LEVELS = [(layers, level) for layers in LAYERS for level in range(1, 6)]


@pytest.fixture(scope="module")
def resnet56():
    return prunable(cifar_resnet(depth=56, input_shape=(3, 32, 32), classes=10))


@pytest.fixture(scope="module")
def shapes(resnet56):
    with torch.device("meta"):
        resnet110 = cifar_resnet(depth=110, input_shape=(3, 32, 32), classes=10)
        resnet34 = imagenet_resnet(depth=34, input_shape=(3, 224, 224), classes=1000)
    networks = {"resnet56": resnet56, "resnet110": prunable(resnet110), "resnet34": prunable(resnet34)}
    return {
        name: {layer: tuple(weight.shape) for layer, weight in weights.items()} for name, weights in networks.items()
    }


def density(shapes, layers, level):
    of = shapes[layers.partition("_")[0]]
    return structured_density(of, layers, removed_filters(of, layers, level))


@pytest.mark.parametrize(("layers", "level"), LEVELS)
def test_densities_are_the_published_ones(shapes, layers, level):
    assert round(float(density(shapes, layers, level)), 10) == PUBLISHED[layers][level - 1]


def test_densities_are_those_of_the_studys_data_to_the_last_weight(shapes):
    if not REFERENCE.exists():
        pytest.skip("the study's data are not next to this checkout")
    table = parquet.read_table(REFERENCE, columns=["network", "structure", "density"])
    published = {tuple(row.values()) for row in table.to_pylist()}
    for layers in LAYERS:
        network, _, variant = layers.partition("_")
        theirs = {row[2] for row in published if row[:2] == (network, f"structured_{variant}")}
        total = sum(prod(shape) for shape in shapes[network].values())
        ours = {density(shapes, layers, level) * total for level in range(1, 6)}
        assert {round(value * total) for value in theirs} == ours
        assert all(abs(value * total - round(value * total)) < 1e-6 for value in theirs)


def test_the_rule_by_hand(shapes):
    # 16, 32 and 64 filters; 0.6 · 16 = 9.6, 0.3 · 32 = 9.6 and 0.1 · 64 = 6.4 are rounded by the seeded draws
    removed = removed_filters(shapes["resnet56"], "resnet56_b", 1)
    assert set(removed.values()) <= {9, 10, 6, 7}
    assert list(removed)[:2] == ["stages.0.0.conv1.weight", "stages.0.1.conv1.weight"]
    assert len(removed) == 7 + 7 + 7
    # a draw is below 0.6 for a filter to be added; Python's first draws with seed 0 are 0.844, 0.758, 0.421, 0.259
    assert list(removed.values())[:4] == [9, 9, 10, 10]
    # 16 · (1 − 0.5²) is whole
    assert set(removed_filters(shapes["resnet110"], "resnet110_a", 2).values()) == {12}


def test_a_filter_takes_its_weights_the_next_inputs_and_a_projections(shapes):
    of = shapes["resnet56"]
    total = 851_760
    inner = structured_density(of, "resnet56_a", {"stages.0.0.conv1.weight": 1})
    assert (1 - inner) * total == 16 * 9 + 16 * 9
    last_of_stage = structured_density(of, "resnet56_a", {"stages.0.8.conv1.weight": 1})
    assert (1 - last_of_stage) * total == 16 * 9 + 16 * 9 + 32
    last = structured_density(of, "resnet56_a", {"stages.2.8.conv1.weight": 1})
    assert (1 - last) * total == 64 * 9 + 64 * 9


def test_a_rule_for_another_network_is_refused(shapes):
    with pytest.raises(InputError, match="55 convolutions larger than 1×1, not 109"):
        removed_filters(shapes["resnet110"], "resnet56_a", 1)


def masks_of(weights, filters, masks=None, score="magnitude"):
    rule = MaskRule(
        source=Stop("t", 0), density=F(1, 2), pruning=Pruning(score=score, structure="filters"), filters=filters
    )
    return prune(weights, masks or {}, rule, torch.Generator().manual_seed(0))


def test_the_filters_with_the_smallest_norms_go():
    weight = torch.tensor([3.0, -1.0, 2.0, -4.0]).view(4, 1, 1, 1).expand(4, 2, 3, 3)
    other = torch.ones(5, 4)
    masks = masks_of({"a": weight, "b": other}, {"a": 2})
    assert masks["a"].flatten(1).all(1).tolist() == [True, False, False, True]
    assert kept(masks) == {"a": 2 * 18, "b": 20}


def test_norms_are_sums_not_largest_weights_and_ties_keep_the_first():
    weight = torch.tensor([[5.0, 0.0], [3.0, 3.0], [-3.0, 3.0], [1.0, 1.0]])
    assert masks_of({"a": weight}, {"a": 2})["a"].all(1).tolist() == [False, True, True, False]
    assert masks_of({"a": weight}, {"a": 3})["a"].all(1).tolist() == [False, True, False, False]


def test_dead_weights_do_not_count_and_stay_dead():
    weight = torch.tensor([[9.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    alive = {"a": torch.tensor([[False, True], [True, True], [True, False]])}
    assert masks_of({"a": weight}, {"a": 1}, alive)["a"].tolist() == [[False, False], [True, True], [True, False]]


def test_random_filters():
    weight = torch.arange(40.0).view(20, 2)
    mask = masks_of({"a": weight}, {"a": 10}, score="random")["a"]
    assert mask.all(1).sum() == 10
    assert mask[:10].any()


def test_a_whole_network_loses_what_the_rule_says(resnet56, shapes):
    removed = removed_filters(shapes["resnet56"], "resnet56_b", 5)
    masks = masks_of(resnet56, removed)
    for name, mask in masks.items():
        filters = mask.flatten(1)
        assert torch.equal(filters.any(1), filters.all(1))
        assert int((~filters.any(1)).sum()) == removed.get(name, 0)
    # masks keep the next layers' inputs, so they leave more than the density says
    left = F(sum(kept(masks).values()), 851_760)
    assert left > density(shapes, "resnet56_b", 5)
