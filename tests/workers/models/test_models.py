from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from workers import models
from workers.data.image_facts import ImageFacts
from workers.errors import BadInput, InputError
from workers.models.build import build, prunable
from workers.models.cifar_resnet import CifarResNet, cifar_resnet
from workers.models.mlp import mlp
from workers.models.modes import inference
from workers.registry import Entry
from workers.trial import Network, Recipe

CIFAR = ImageFacts(
    train_images=50_000, test_images=10_000, channels=3, height=32, width=32, classes=10, fingerprint="sha256:0"
)
DIGITS = dataclasses.replace(CIFAR, channels=1, height=8, width=8)
RECIPE = Recipe(batch_size=128, optimizer="SGD")


def resnet(depth: int, width: int = 16) -> CifarResNet:
    return cifar_resnet(depth=depth, width=width, input_shape=(3, 32, 32), classes=10)


def built(replicate: int = 0, stage: str = "dense", recipe: Recipe = RECIPE) -> nn.Module:
    network = Network(name="resnet8", arguments={"width": 4})
    return build(network, DIGITS, recipe, replicate, stage)


@pytest.mark.parametrize(
    ("depth", "weights", "parameters"),
    [(20, 271_152, 272_762), (56, 851_760, 856_058), (110, 1_722_672, 1_731_002)],
)
def test_resnets_have_the_papers_sizes(depth: int, weights: int, parameters: int) -> None:
    network = resnet(depth)
    assert sum(weight.numel() for weight in prunable(network).values()) == weights
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_every_stage_projects_in_its_first_block_only() -> None:
    shortcuts = [name for name in prunable(resnet(20)) if "shortcut" in name]
    assert shortcuts == [f"stages.{stage}.0.shortcut.conv.weight" for stage in range(3)]


def test_stored_names_stay_as_they_are() -> None:
    assert list(prunable(resnet(8))) == [
        "stem.conv.weight",
        *(
            f"stages.{stage}.0.{layer}.weight"
            for stage in range(3)
            for layer in ("conv1", "conv2", "shortcut.conv")
        ),
        "classifier.weight",
    ]  # fmt: skip
    assert list(prunable(mlp(batch_norm=True, input_shape=(1, 8, 8), classes=10))) == [
        "hidden.0.linear.weight",
        "hidden.1.linear.weight",
        "classifier.weight",
    ]


def test_strides_halve_the_second_and_third_stage() -> None:
    network = resnet(8, width=2)
    x = torch.zeros(1, 2, 32, 32)
    sizes = []
    for stage in network.stages:
        x = stage(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes == [(2, 32, 32), (4, 16, 16), (8, 8, 8)]


def test_convolutions_start_from_lecuns_truncated_normal() -> None:
    for name, weight in prunable(resnet(56)).items():
        if name == "classifier.weight":
            continue
        fan_in = weight[0].numel()
        bound = 2 * math.sqrt(1 / fan_in) / 0.87962566
        assert weight.abs().max() <= bound
        if weight.numel() > 5000:
            assert weight.std().item() == pytest.approx(math.sqrt(1 / fan_in), rel=0.05)
            assert weight.abs().max() > 0.95 * bound


def test_classifier_and_batch_norm_start_as_the_paper_has_them() -> None:
    network = cifar_resnet(depth=8, input_shape=(3, 32, 32), classes=100)
    assert network.classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not network.classifier.bias.any()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.003)}
    assert all(bool((norm.weight == 1).all()) and not norm.bias.any() for norm in norms)


@pytest.mark.parametrize(("depth", "nearest"), [(18, 20), (2, 8), (21, 20), (0, 8)])
def test_depth_must_be_6n_plus_2(depth: int, nearest: int) -> None:
    with pytest.raises(InputError, match=rf"6n\+2: {depth}\n\nhint: the nearest such depth is {nearest}"):
        resnet(depth)


def test_width_must_be_positive() -> None:
    with pytest.raises(InputError, match="`width`"):
        resnet(8, width=0)


@pytest.mark.parametrize(("arguments", "field"), [({"hidden": [0]}, "hidden"), ({"dropout": 1.0}, "dropout")])
def test_impossible_mlps_are_refused(arguments: dict, field: str) -> None:
    with pytest.raises(InputError, match=f"`{field}`"):
        mlp(**arguments, input_shape=(1, 8, 8), classes=10)


def test_mlp_without_hidden_layers_is_linear() -> None:
    assert [tuple(p.shape) for p in mlp(hidden=[], input_shape=(1, 8, 8), classes=10).parameters()] == [(10, 64), (10,)]


def test_mlp_takes_inputs_of_any_shape_and_type_as_numbers() -> None:
    rows = torch.arange(3)
    network = mlp(hidden=[4], input_shape=(), classes=2)
    assert torch.equal(network(rows), network(rows.float()[:, None]))


def test_mlp_biases_give_way_to_batch_norm() -> None:
    network = mlp(hidden=[5], batch_norm=True, dropout=0.5, input_shape=(1, 2, 2), classes=3)
    assert [name for name, _ in network.named_parameters()] == [
        "hidden.0.linear.weight",
        "hidden.0.norm.weight",
        "hidden.0.norm.bias",
        "classifier.weight",
        "classifier.bias",
    ]


@pytest.mark.parametrize("facts", [DIGITS, CIFAR])
@pytest.mark.parametrize("name", ["resnet8", "mlp"])
def test_networks_fit_the_images(name: str, facts: ImageFacts) -> None:
    network = build(Network(name=name), facts, RECIPE, 0, "dense")
    assert network(torch.zeros(4, *facts.input_shape)).shape == (4, 10)


def test_initial_weights_are_a_function_of_replicate_and_stage() -> None:
    first = built().state_dict()
    torch.manual_seed(123)
    again = built().state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    for other in (built(replicate=1), built(stage="reinit")):
        assert not torch.equal(first["stem.conv.weight"], other.state_dict()["stem.conv.weight"])


def test_building_leaves_torchs_generator_alone() -> None:
    before = torch.get_rng_state()
    network = built()
    assert torch.equal(before, torch.get_rng_state())
    assert network.training
    assert all(not module.num_batches_tracked for module in network.modules() if isinstance(module, nn.BatchNorm2d))


def test_recipe_sets_batch_norm_momentum() -> None:
    network = built(recipe=dataclasses.replace(RECIPE, batch_norm_momentum=0.25))
    momenta = {module.momentum for module in network.modules() if isinstance(module, nn.BatchNorm2d)}
    assert momenta == {0.25}


def test_unknown_arguments_are_named() -> None:
    with pytest.raises(InputError, match=r"network `mlp`: .*'wide'"):
        build(Network(name="mlp", arguments={"wide": 3}), DIGITS, RECIPE, 0, "dense")


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(InputError, match="unknown network: `resnet21`"):
        build(Network(name="resnet21"), DIGITS, RECIPE, 0, "dense")


class Wrong(nn.Module):
    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: torch.Tensor) -> object:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            torch.zeros(2, 7),
            r"float logits of shape \(2, 10\) in evaluation mode, not to torch.float32 of shape \(2, 7\)",
        ),
        (torch.zeros(2, 10, dtype=torch.int64), "torch.int64"),
        ((torch.zeros(2, 10),), "in evaluation mode, not to tuple"),
    ],
)
def test_networks_must_return_logits(answer: object, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry(factory="replaced:below", summary="returns something else")
    monkeypatch.setitem(models.NETWORKS, "wrong", entry)
    monkeypatch.setattr("workers.registry.load", lambda factory: lambda **arguments: Wrong(answer))
    with pytest.raises(BadInput, match=message):
        build(Network(name="wrong"), DIGITS, RECIPE, 0, "dense")


def test_networks_that_cannot_take_the_images_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.registry.load", lambda factory: lambda **arguments: nn.Conv2d(1, 1, 99))
    with pytest.raises(BadInput, match=r"network `mlp` cannot take a batch of shape \(2, 1, 8, 8\)"):
        build(Network(name="mlp"), DIGITS, RECIPE, 0, "dense")


def test_tied_weights_count_once() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].weight = network[0].weight
    assert list(prunable(network)) == ["0.weight"]


def test_a_bare_layer_has_a_bare_name() -> None:
    assert list(prunable(nn.Linear(2, 2))) == ["weight"]


def test_excluded_weights_are_left_out() -> None:
    network = resnet(8, width=2)
    everything = list(prunable(network))
    assert list(prunable(network, ["classifier.*", "*.shortcut.*"])) == [
        name for name in everything if "shortcut" not in name and name != "classifier.weight"
    ]


def test_patterns_must_match() -> None:
    with pytest.raises(
        InputError, match=r"`exclude` pattern `fc\.\*` matches no prunable weight\n\nhint: they are stem"
    ):
        prunable(resnet(8, width=2), ["fc.*"])
    with pytest.raises(InputError, match="`exclude` matches all of them"):
        prunable(resnet(8, width=2), ["*"])
    with pytest.raises(InputError, match="no convolution and no linear layer"):
        prunable(nn.BatchNorm1d(3))


def test_inference_restores_each_modules_mode() -> None:
    network = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    network[1].eval()
    with inference(network):
        assert not network[0].training
        assert not torch.is_grad_enabled()
    assert [module.training for module in network.modules()] == [True, True, False]
    assert torch.is_grad_enabled()
