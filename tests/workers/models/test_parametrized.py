"""Weights that a layer computes: what is scored, masked and counted is the weight that the layer uses."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from workers.errors import BadInput, InputError
from workers.models.build import prunable, prunable_by_default
from workers.training.masking import Masking, effective_weights


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def older(normalize):
    """A deprecated hook of torch, without its warning."""

    def apply(module, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return normalize(module, **options)

    return apply


WEIGHT_NORMS = [parametrizations.weight_norm, older(nn.utils.weight_norm)]
SPECTRAL_NORMS = [parametrizations.spectral_norm, older(nn.utils.spectral_norm)]

LAYERS = {
    "linear": lambda: nn.Linear(4, 6),
    "convolution": lambda: nn.Conv2d(4, 4, 3),
    "depthwise": lambda: nn.Conv2d(4, 4, 3, groups=4),
    "transposed": lambda: nn.ConvTranspose2d(4, 3, 2),
    "grouped 1d": lambda: nn.Conv1d(4, 6, 3, groups=2),
}


def used_weight(network):
    """The weight that the layer uses in evaluation; hooks compute it in a forward pass."""
    network.eval()
    with torch.no_grad():
        network(torch.zeros(1, *network.shape))
    return network[0].weight.detach()


def network_of(layer, normalize, **options):
    network = nn.Sequential(normalize(layer, **options))
    network.shape = (4, 5, 5)[: layer.weight.ndim - 1]
    return network


def mask_of(weight):
    """The largest half, and nothing of the first index of the first dimension."""
    mask = weight.abs() >= weight.abs().median()
    mask[0] = False
    return mask


@pytest.mark.parametrize("normalize", WEIGHT_NORMS)
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_keeps_the_weights_that_a_mask_keeps(normalize, layer, dim):
    network = network_of(layer(), normalize, dim=dim)
    weights = prunable(network)
    before = used_weight(network).clone()
    assert torch.equal(effective_weights(network, weights, network.state_dict())["0.weight"], before)
    mask = mask_of(before)
    masking = Masking(network, weights, {"0.weight": mask})
    masking.begin()
    after = used_weight(network)
    assert not after[~mask].any()
    torch.testing.assert_close(after[mask], before[mask])


def test_weight_norm_by_hand():
    """v = (3, 4), g = 10 gives w = (6, 8); without the first weight, v = (0, 4) and g = 8 give (0, 8)."""
    layer = parametrizations.weight_norm(nn.Linear(2, 2, bias=False))
    v, g = layer.parametrizations.weight.original1, layer.parametrizations.weight.original0
    with torch.no_grad():
        v.copy_(torch.tensor([[3.0, 4.0], [1.0, 0.0]]))
        g.copy_(torch.tensor([[10.0], [5.0]]))
    assert layer.weight.tolist() == [[6.0, 8.0], [5.0, 0.0]]
    masking = Masking(layer, prunable(layer), {"weight": torch.tensor([[False, True], [False, False]])})
    masking.begin()
    assert (v.tolist(), g.tolist()) == ([[0.0, 4.0], [1.0, 1.0]], [[8.0], [0.0]])
    assert layer.weight.tolist() == [[0.0, 8.0], [0.0, 0.0]]


@pytest.mark.parametrize("normalize", [*WEIGHT_NORMS, *SPECTRAL_NORMS])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_masks_hold_after_every_step(normalize, optimizer):
    network = network_of(nn.Linear(4, 6), normalize)
    weights = prunable(network)
    mask = mask_of(used_weight(network))
    masking = Masking(network, weights, {"0.weight": mask})
    masking.begin()
    network.train()
    stepper = optimizer(network.parameters(), lr=0.1, weight_decay=0.01)
    for _ in range(5):
        stepper.zero_grad()
        network(torch.randn(8, 4)).square().sum().backward()
        masking.mask_gradients()
        stepper.step()
        masking.apply()
        used = used_weight(network)
        assert torch.isfinite(used).all()
        assert not used[~mask].any()
        assert used[mask].all()
        network.train()


@pytest.mark.parametrize("normalize", SPECTRAL_NORMS)
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_spectral_norm_is_one_after_pruning(normalize, layer):
    network = network_of(layer(), normalize)
    weights = prunable(network)
    before = used_weight(network).clone()
    torch.testing.assert_close(effective_weights(network, weights, network.state_dict())["0.weight"], before)
    mask = mask_of(before)
    Masking(network, weights, {"0.weight": mask}).begin()
    after = used_weight(network)
    assert not after[~mask].any()
    rows = after.movedim(1, 0) if isinstance(network[0], nn.ConvTranspose2d) else after
    assert float(torch.linalg.matrix_norm(rows.flatten(1), 2)) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("normalize", SPECTRAL_NORMS)
def test_nothing_left_under_a_spectral_norm_is_refused(normalize):
    network = network_of(nn.Linear(4, 6), normalize)
    masking = Masking(network, prunable(network), {"0.weight": torch.zeros(6, 4, dtype=torch.bool)})
    with pytest.raises(
        BadInput, match=r"pruning leaves nothing of `0\.weight`, which spectral_norm divides by its norm"
    ):
        masking.begin()


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def doubled(module):
    nn.utils.parametrize.register_parametrization(module, "weight", Doubled())
    return module


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (parametrizations.orthogonal, "with the parametrization Orthogonal"),
        (doubled, "with the parametrization Doubled"),
        (lambda layer: doubled(parametrizations.weight_norm(layer)), "with the parametrization WeightNorm and Doubled"),
        (lambda layer: prune.l1_unstructured(layer, "weight", 0.5), "in its own code"),
    ],
)
def test_other_computed_weights_are_refused_by_name(change, how):
    network = nn.Sequential(change(nn.Linear(4, 4)), nn.Linear(4, 2))
    with pytest.raises(InputError, match=f"`0.weight` cannot be pruned: its layer computes it {how}") as refusal:
        prunable(network)
    assert "`exclude: [0.weight]`" in refusal.value.hint
    assert list(prunable(network, exclude=["0.weight"])) == ["1.weight"]
    assert list(prunable_by_default(network)) == ["1.weight"]


@pytest.mark.parametrize("pattern", ["0.weight", "*.original1", "0.*"])
def test_patterns_match_the_weight_and_its_parameters(pattern):
    network = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 4)), nn.Linear(4, 2))
    assert list(prunable(network, include=[pattern]))[-1] == "1.weight"
    assert list(prunable(network, exclude=[pattern])) == ["1.weight"]


def test_recurrent_and_attention_weights_under_a_norm():
    attention = parametrizations.weight_norm(nn.MultiheadAttention(4, 2), "in_proj_weight")
    assert {name: tuple(weight.shape) for name, weight in prunable(attention).items()} == {
        "out_proj.weight": (4, 4),
        "in_proj_weight": (12, 4),
    }
    lstm = parametrizations.weight_norm(nn.LSTM(3, 4), "weight_hh_l0")
    assert list(prunable(lstm, include=["weight_*"])) == ["weight_ih_l0", "weight_hh_l0"]
