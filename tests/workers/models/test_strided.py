"""1×1 convolutions with a stride and few input channels, which oneDNN computes wrongly in channels_last."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workers.errors import BadInput
from workers.models.cifar_resnet import cifar_resnet
from workers.models.layers import conv
from workers.models.layout import arranged
from workers.models.strided import RefuseUnsafe, SubsampledConv2d


def images(*shape: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(shape).to(memory_format=torch.channels_last)


def computed(convolution: nn.Conv2d, inputs: Tensor) -> list[Tensor]:
    """The output, and the gradients of the inputs and of the weight."""
    inputs = inputs.detach().clone().requires_grad_()
    output = convolution(inputs)
    return [output, *torch.autograd.grad(output.square().sum(), (inputs, convolution.weight))]


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (2, 8), (3, 7), (4, 16), (12, 9), (15, 6)])
def test_a_shortcut_of_few_channels_computes_what_a_convolution_is(channels: int, size: int) -> None:
    """Compared with contiguous double precision."""
    narrow = conv(channels, 8, 1, stride=2)
    exact = nn.Conv2d(channels, 8, 1, stride=2, bias=False, dtype=torch.double)
    exact.load_state_dict(narrow.state_dict())
    inputs = images(16, channels, size, size)
    torch.testing.assert_close(
        computed(narrow.to(memory_format=torch.channels_last), inputs),
        [tensor.float() for tensor in computed(exact, inputs.double().contiguous())],
        rtol=1e-4,
        atol=1e-4,
    )


def test_dropping_pixels_first_gives_the_bits_of_a_convolution_of_many_channels() -> None:
    plain = conv(16, 32, 1, stride=2).to(memory_format=torch.channels_last)
    assert type(plain) is nn.Conv2d
    subsampled = SubsampledConv2d(16, 32, 1, stride=2, bias=False).to(memory_format=torch.channels_last)
    subsampled.load_state_dict(plain.state_dict())
    inputs = images(32, 16, 8, 8)
    assert all(map(torch.equal, computed(plain, inputs), computed(subsampled, inputs)))


@pytest.mark.parametrize("width", [1, 2, 3, 8, 15, 16])
def test_narrow_networks_are_safe(width: int) -> None:
    network = cifar_resnet(depth=8, width=width, input_shape=(1, 8, 8), classes=10)
    with RefuseUnsafe():
        network.to(memory_format=torch.channels_last)(images(2, 1, 8, 8))


class Called(nn.Module):
    """A network that calls a convolution as a function."""

    def __init__(self, weight: Tensor, **arguments: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.arguments = arguments

    def forward(self, inputs: Tensor) -> Tensor:
        return F.conv2d(inputs, self.weight, **self.arguments).mean((2, 3))


class MakeContiguous(nn.Module):
    """Leaves only the weights of what follows in channels_last."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.contiguous()


def first_convolution(*arguments: int, kind: type[nn.Module] = nn.Conv2d, **named: int) -> nn.Module:
    return nn.Sequential(kind(*arguments, **named), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize(
    ("network", "is_safe"),
    [
        (first_convolution(4, 8, 1, stride=2), False),
        (first_convolution(4, 8, 1, stride=(1, 2)), False),
        (Called(torch.ones(8, 4, 1, 1), stride=2), False),
        (nn.Sequential(nn.Conv2d(4, 1, 3), *first_convolution(1, 8, 1, stride=2)), False),
        (nn.Sequential(MakeContiguous(), *first_convolution(4, 8, 1, stride=2)), False),
        (nn.Sequential(MakeContiguous(), *first_convolution(4, 8, 3, stride=2)), True),
        (first_convolution(4, 8, 1), True),
        (first_convolution(4, 8, 3, stride=2), True),
        (first_convolution(4, 8, 1, stride=2, padding=1), True),
        (first_convolution(4, 8, 1, stride=2, groups=2), True),
        (first_convolution(4, 8, 1, stride=2, kind=nn.ConvTranspose2d), True),
        (first_convolution(4, 16, 1, stride=2, output_padding=1, kind=nn.ConvTranspose2d), True),
        (first_convolution(4, 8, 1, stride=2, output_padding=1, kind=nn.ConvTranspose2d), False),
    ],
)
def test_networks_of_users_compute_in_a_layout_that_is_safe(network: nn.Module, is_safe: bool) -> None:
    network = arranged(network, (4, 8, 8))
    with RefuseUnsafe():
        output = network(images(2, 4, 8, 8))
    output.sum().backward()
    assert bool(network._forward_pre_hooks) is not is_safe  # the one that makes images contiguous


@pytest.mark.parametrize(
    ("inputs", "weight"),
    [
        (torch.ones(2, 4, 1, 1), torch.ones(8, 4, 1, 1)),
        (torch.ones(2, 1, 1, 1), torch.ones(8, 1, 1, 1)),
        (images(2, 4, 8, 8).transpose(2, 3), torch.ones(8, 4, 1, 1)),
    ],
)
def test_what_torch_computes_contiguous_is_safe(inputs: Tensor, weight: Tensor) -> None:
    with RefuseUnsafe():
        F.conv2d(inputs, weight, stride=2)


def test_only_a_convolution_that_is_not_transposed_may_drop_pixels_in_place_of_its_stride() -> None:
    weight = torch.ones(4, 8, 1, 1)
    with RefuseUnsafe(), pytest.raises(BadInput, match="or, if it is not transposed, drop pixels"):
        F.conv_transpose2d(images(2, 4, 8, 8), weight, stride=2, output_padding=1)
