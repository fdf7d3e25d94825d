"""VGG-16, ImageNet ResNets and torchvision's classifiers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from workers.data.image_facts import ImageFacts
from workers.errors import BadInput, InputError
from workers.models import NETWORKS
from workers.models.build import build, prunable
from workers.models.imagenet_resnet import imagenet_resnet
from workers.models.vgg import vgg16
from workers.training.cost import costs
from workers.trial import Network, Recipe

RECIPE = Recipe(batch_size=2, optimizer="SGD")


def images(channels: int, size: int, classes: int = 10) -> ImageFacts:
    return ImageFacts(
        train_images=1, test_images=1, channels=channels, height=size, width=size, classes=classes, fingerprint="x"
    )


def classifier(model: str, facts: ImageFacts, **arguments: Any) -> nn.Module:
    return build(Network(name="torchvision", arguments={"model": model, **arguments}), facts, RECIPE, 0, "dense")


def sizes(network: nn.Module) -> tuple[int, int]:
    return sum(w.numel() for w in prunable(network).values()), sum(p.numel() for p in network.parameters())


def test_vgg_has_the_papers_size_and_cost() -> None:
    with torch.device("meta"):
        network = vgg16(input_shape=(3, 32, 32), classes=10)
    assert sizes(network) == (14_715_584, 14_724_042)
    channels = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    image_sizes = (32, 32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2)
    by_hand = sum(9 * a * b * s * s for a, b, s in zip(channels, channels[1:], image_sizes, strict=False)) + 512 * 10
    assert costs(network, torch.zeros(1, 3, 32, 32)).multiply_adds == by_hand
    assert {(m.eps, m.momentum) for m in network.modules() if isinstance(m, nn.BatchNorm2d)} == {(1e-5, 0.003)}


@pytest.mark.parametrize(
    ("depth", "weights", "parameters"), [(34, 21_783_744, 21_801_896), (50, 25_502_912, 25_557_032)]
)
def test_imagenet_resnets_have_the_papers_sizes(depth: int, weights: int, parameters: int) -> None:
    with torch.device("meta"):
        network = imagenet_resnet(depth=depth, input_shape=(3, 224, 224), classes=1000)
    assert sizes(network) == (weights, parameters)
    assert [name for name in prunable(network) if "shortcut" in name] == [
        f"stages.{stage}.0.shortcut.conv.weight" for stage in range(4)
    ]
    assert {(m.eps, m.momentum) for m in network.modules() if isinstance(m, nn.BatchNorm2d)} == {(1e-5, 0.1)}


def test_the_stride_of_a_bottleneck_is_on_its_3x3_convolution() -> None:
    with torch.device("meta"):
        network = imagenet_resnet(depth=50, input_shape=(3, 224, 224), classes=10)
    first = network.stages[1][0]
    assert [layer.stride[0] for layer in (first.conv1, first.conv2, first.conv3)] == [1, 2, 1]
    assert [layer.kernel_size[0] for layer in (first.conv1, first.conv2, first.conv3)] == [1, 3, 1]


@pytest.mark.parametrize("depth", [34, 50])
def test_blocks_begin_as_their_shortcut(depth: int) -> None:
    network = imagenet_resnet(depth=depth, input_shape=(3, 64, 64), classes=10)
    weights = [(name, p) for name, p in network.named_parameters() if name.endswith("weight")]
    zero = [name for name, weight in weights if not weight.any()]
    last = "norm2" if depth == 34 else "norm3"
    assert zero == [
        f"stages.{stage}.{block}.{last}.weight" for stage, blocks in enumerate((3, 4, 6, 3)) for block in range(blocks)
    ]
    block = network.stages[0][1].eval()
    x = torch.rand(1, block.conv1.in_channels, 5, 5)
    assert torch.equal(block(x), x)


def test_the_stem_halves_an_image_twice() -> None:
    shapes = []
    with torch.device("meta"):
        network = imagenet_resnet(depth=34, input_shape=(3, 64, 64), classes=10)
        network.stages[0].register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
        network(torch.zeros(1, 3, 64, 64))
    assert shapes == [(1, 64, 16, 16)]


def test_other_depths_are_refused() -> None:
    with pytest.raises(InputError, match="34 or 50: 18"):
        imagenet_resnet(depth=18, input_shape=(3, 224, 224), classes=10)


def test_names_of_the_sweep_file() -> None:
    network = build(Network(name="resnet34"), images(3, 32), RECIPE, 0, "dense")
    assert sizes(network)[0] == 21_783_744 - 512 * 990
    with pytest.raises(BadInput, match=r"`vgg16` cannot take a batch of shape \(2, 1, 8, 8\)"):
        build(Network(name="vgg16"), images(1, 8), RECIPE, 0, "dense")


def test_torchvisions_classifiers_by_name() -> None:
    network = classifier("mobilenet_v3_small", images(3, 32), dropout=0.5)
    assert type(network).__name__ == "MobileNetV3"
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.5]


def test_gray_images_fill_three_channels() -> None:
    network = classifier("shufflenet_v2_x0_5", images(1, 32)).eval()
    gray = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(network(gray), network(gray.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("mobilenet_v3_smal", {}, "did you mean `mobilenet_v3_small`"),
        ("fcn_resnet50", {}, "torchvision model is not an image classifier: `fcn_resnet50`"),
        ("resnet18", {"weights": "DEFAULT"}, "`weights` cannot be given .*\n\nhint: use `dense: {from:"),
        ("resnet18", {"num_classes": 5}, "the data set gives the number of classes"),
        ("resnet18", {"depth": 5}, "`resnet18` cannot be built: .*depth"),
        ("mobilenet_v3_small", {"droput": 0.5}, "no argument `droput`\n\nhint: did you mean `dropout`"),
    ],
)
def test_impossible_classifiers_are_refused(model: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        classifier(model, images(3, 32), **arguments)


def test_classifiers_that_add_to_their_logits_are_refused() -> None:
    with pytest.raises(BadInput, match=r"in training mode, not to GoogLeNetOutputs.*\n\nhint: .*`aux_logits: false`"):
        classifier("googlenet", images(3, 64), init_weights=False)
    assert classifier("googlenet", images(3, 64), init_weights=False, aux_logits=False).training


def test_images_of_two_channels_do_not_fit_torchvision() -> None:
    with pytest.raises(InputError, match="1 or 3 channels: 2"):
        classifier("resnet18", images(2, 32))


def test_the_name_that_ids_have_of_a_network_is_registered() -> None:
    for name, entry in NETWORKS.items():
        assert (entry.canonical or name) in NETWORKS, name
