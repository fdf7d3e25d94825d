from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from workers.models.cifar_resnet import cifar_resnet
from workers.training.cost import costs, sparse


@pytest.mark.parametrize(
    ("depth", "multiply_adds", "paper_flops"),
    [(20, 41_075_328, 41_886_986), (56, 126_009_984, 128_197_898), (110, 253_411_968, 257_664_266)],
)
def test_resnets_cost_what_the_paper_counts(depth: int, multiply_adds: int, paper_flops: int) -> None:
    cost = costs(cifar_resnet(depth=depth, input_shape=(3, 32, 32), classes=10), torch.zeros(1, 3, 32, 32))
    assert cost.multiply_adds == multiply_adds
    assert cost.paper_flops == paper_flops
    assert sum(cost.per_layer.values()) == multiply_adds


def small() -> nn.Sequential:
    """3×3 convolution to 2 channels, 1×1 to 3, linear to 4, on images of 1×4×4."""
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 3, 1, stride=2), nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 4)
    )


def test_layers_by_hand() -> None:
    cost = costs(small(), torch.zeros(1, 1, 4, 4))
    assert cost.per_layer == {"0.weight": 9 * 2 * 16, "1.weight": 2 * 3 * 4, "4.weight": 12 * 4}
    assert cost.multiply_adds == 288 + 24 + 48
    assert cost.paper_flops == (288 + 4 * 32) + (24 + 2 * 12) + (2 * 48 + 4)


def test_sparse_costs_scale_only_what_weights_do() -> None:
    cost = costs(small(), torch.zeros(1, 1, 4, 4))
    multiply_adds, paper_flops = sparse(cost, {"0.weight": 0.25, "4.weight": 0.5})
    assert multiply_adds == 288 / 4 + 24 + 48 / 2
    assert paper_flops == (288 / 4 + 4 * 32) + (24 + 2 * 12) + (48 + 4)


def test_sparse_at_full_density_is_dense() -> None:
    cost = costs(small(), torch.zeros(1, 1, 4, 4))
    assert sparse(cost, dict.fromkeys(cost.per_layer, 1.0)) == (cost.multiply_adds, cost.paper_flops)
    assert sparse(cost, {}) == (cost.multiply_adds, cost.paper_flops)


def test_counting_leaves_the_network_as_it_was() -> None:
    network = small().train()
    network[0].eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    costs(network, torch.zeros(1, 1, 4, 4))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert network.training
    assert not network[0].training
    assert not network[0]._forward_hooks


def test_a_shared_weight_costs_every_use() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Linear(4, 4))
    network[2].weight = network[1].weight
    assert costs(network, torch.zeros(1, 1, 2, 2)).per_layer == {"1.weight": 32}


class Standardized(nn.Conv2d):
    """Computes its weight in its own code, as weight standardization does."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        spread = self.weight.std((1, 2, 3), keepdim=True)
        return self._conv_forward(inputs, self.weight / spread, self.bias)


class Recurrent(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(inputs[:, 0])[0]


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        rows = inputs[:, 0]
        return self.layer(rows, rows, rows)[0]


class Bilinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Bilinear(4, 4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(inputs.flatten(1), inputs.flatten(1))


class Functional(nn.Module):
    """Parameters without layers, one of which is a sum of a matrix and a product of two vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(2, 1, 3, 3))
        self.matrix = nn.Parameter(torch.ones(8, 3))
        self.column = nn.Parameter(torch.ones(8, 1))
        self.row = nn.Parameter(torch.ones(1, 3))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        features = nn.functional.conv2d(inputs, self.kernel).flatten(1)
        return torch.einsum("ni,io->no", features, self.matrix + self.column @ self.row)


twice = nn.Linear(4, 4)


@pytest.mark.parametrize(
    ("network", "shape", "per_layer", "without_weight"),
    [
        (nn.Sequential(parametrizations.weight_norm(nn.Conv2d(1, 2, 3))), (1, 4, 4), {"0.weight": 9 * 2 * 4}, 0),
        (nn.Sequential(parametrizations.spectral_norm(nn.Conv2d(1, 2, 3))), (1, 4, 4), {"0.weight": 9 * 2 * 4}, 0),
        (nn.Sequential(nn.Flatten(), parametrizations.orthogonal(nn.Linear(4, 4))), (1, 2, 2), {"1.weight": 16}, 0),
        (nn.Sequential(Standardized(1, 2, 3)), (1, 4, 4), {"0.weight": 9 * 2 * 4}, 0),
        (nn.Sequential(nn.Conv2d(4, 4, 3, groups=4)), (4, 4, 4), {"0.weight": 9 * 4 * 4}, 0),
        (nn.Sequential(nn.ConvTranspose2d(1, 2, 3)), (1, 4, 4), {"0.weight": 9 * 2 * 16}, 0),
        (nn.Sequential(nn.Flatten(), twice, nn.ReLU(), twice), (1, 2, 2), {"1.weight": 2 * 16}, 0),
        (Bilinear(), (1, 2, 2), {"layer.weight": 4 * 4 * 2}, 0),
        (
            Recurrent(nn.LSTM(4, 3, batch_first=True)),
            (1, 5, 4),
            {"layer.weight_ih_l0": 5 * 4 * 12, "layer.weight_hh_l0": 5 * 3 * 12},
            0,
        ),
        (
            Attention(),
            (1, 5, 4),
            {"layer.in_proj_weight": 5 * 4 * 12, "layer.out_proj.weight": 5 * 4 * 4},
            2 * 5 * 5 * 4,  # scores and weighted sums
        ),
        (Functional(), (1, 4, 4), {"kernel": 9 * 2 * 4, "matrix": 8 * 3}, 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_costs_belong_to_the_weight_of_the_layer_that_runs(
    network: nn.Module, shape: tuple[int, int, int], per_layer: dict[str, int], without_weight: int
) -> None:
    cost = costs(network, torch.zeros(1, *shape))
    assert cost.per_layer == per_layer
    assert cost.multiply_adds == sum(per_layer.values()) + without_weight


class Spectral(nn.Module):
    """A product that torch hides in a Fourier transform, and one that it does not."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.filter = nn.Linear(6, 4), nn.Linear(4, 5)
        self.centers = nn.Parameter(torch.randn(3, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cdist(self.layer(x), self.centers) + torch.fft.rfft(self.layer(x)).abs()


def test_what_cannot_be_counted_is_named_and_unknown() -> None:
    cost = costs(Spectral(), torch.zeros(2, 6))
    assert (cost.multiply_adds, cost.paper_flops) == (None, None)
    assert cost.uncounted == ("aten::_cdist_forward", "aten::_fft_r2c")
    assert cost.of_layer("layer.weight") == 2 * 2 * 6 * 4
    assert cost.of_layer("centers") is None
    assert cost.of_layer("filter.weight") == 0
    assert sparse(cost, {"layer.weight": 0.5}) == (None, None)


class ThroughNumPy(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(torch.from_numpy(x.numpy() * 2))


def test_arrays_of_numpy_count_as_activations() -> None:
    cost = costs(ThroughNumPy(3, 2), torch.zeros(1, 3))
    assert (cost.multiply_adds, cost.of_layer("weight")) == (6, 6)


class Unwatchable(nn.Linear):
    """Refuses tensors that are watched."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.utils._python_dispatch._get_current_dispatch_mode() is not None:
            raise RuntimeError("not here")
        return super().forward(x)


def test_a_network_that_cannot_be_watched_has_unknown_costs() -> None:
    cost = costs(Unwatchable(3, 2), torch.zeros(1, 3))
    assert cost.uncounted == ("the whole network (RuntimeError while it was counted)",)
    assert (cost.multiply_adds, cost.of_layer("weight")) == (None, None)
