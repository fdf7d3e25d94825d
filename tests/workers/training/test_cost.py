from __future__ import annotations

import pytest
import torch
from torch import nn

from workers.models.cifar_resnet import cifar_resnet
from workers.training.cost import costs, sparse


@pytest.mark.parametrize(
    ("depth", "multiply_adds", "paper_flops"),
    [(20, 41_075_328, 41_886_986), (56, 126_009_984, 128_197_898), (110, 253_411_968, 257_664_266)],
)
def test_resnets_cost_what_the_paper_counts(depth: int, multiply_adds: int, paper_flops: int) -> None:
    cost = costs(cifar_resnet(depth=depth, input_shape=(3, 32, 32), classes=10), (3, 32, 32))
    assert cost.multiply_adds == multiply_adds
    assert cost.paper_flops == paper_flops
    assert sum(cost.per_layer.values()) == multiply_adds


def small() -> nn.Sequential:
    """3×3 convolution to 2 channels, 1×1 to 3, linear to 4, on images of 1×4×4."""
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 3, 1, stride=2), nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 4)
    )


def test_layers_by_hand() -> None:
    cost = costs(small(), (1, 4, 4))
    assert cost.per_layer == {"0.weight": 9 * 2 * 16, "1.weight": 2 * 3 * 4, "4.weight": 12 * 4}
    assert cost.multiply_adds == 288 + 24 + 48
    assert cost.paper_flops == (288 + 4 * 32) + (24 + 2 * 12) + (2 * 48 + 4)


def test_sparse_costs_scale_only_what_weights_do() -> None:
    cost = costs(small(), (1, 4, 4))
    multiply_adds, paper_flops = sparse(cost, {"0.weight": 0.25, "4.weight": 0.5})
    assert multiply_adds == 288 / 4 + 24 + 48 / 2
    assert paper_flops == (288 / 4 + 4 * 32) + (24 + 2 * 12) + (48 + 4)


def test_sparse_at_full_density_is_dense() -> None:
    cost = costs(small(), (1, 4, 4))
    assert sparse(cost, dict.fromkeys(cost.per_layer, 1.0)) == (cost.multiply_adds, cost.paper_flops)
    assert sparse(cost, {}) == (cost.multiply_adds, cost.paper_flops)


def test_counting_leaves_the_network_as_it_was() -> None:
    network = small().train()
    network[0].eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    costs(network, (1, 4, 4))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert network.training
    assert not network[0].training
    assert not network[0]._forward_hooks


def test_a_shared_weight_costs_every_use() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Linear(4, 4))
    network[2].weight = network[1].weight
    assert costs(network, (1, 2, 2)).per_layer == {"1.weight": 32}
