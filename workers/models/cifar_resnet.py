"""ResNets for small images, of depth 6n+2, exactly as the rewinding study trained them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from workers.errors import InputError
from workers.models.layers import batch_norm, conv, conv_norm, initialize

BATCH_NORM_MOMENTUM = 0.003


class Block(nn.Module):
    """Two 3×3 convolutions around a shortcut, normalized before and rectified after the sum."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, project: bool) -> None:
        super().__init__()
        self.conv1 = conv(channels_in, channels_out, 3, stride)
        self.norm1 = batch_norm(channels_out, BATCH_NORM_MOMENTUM)
        self.conv2 = conv(channels_out, channels_out, 3)
        self.norm2 = batch_norm(channels_out, BATCH_NORM_MOMENTUM)
        self.shortcut = _projection(channels_in, channels_out, stride) if project else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        residual = F.relu(self.norm1(self.conv1(x)))
        residual = self.norm2(self.conv2(residual))
        return F.relu(residual + self.shortcut(x))


class CifarResNet(nn.Module):
    """Stem, three stages of n blocks at widths w, 2w, 4w and strides 1, 2, 2, global average pool, linear layer.

    Maps float (N, channels, H, W) to logits (N, classes).
    """

    def __init__(self, blocks: int, width: int, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = conv_norm(channels, width, 3, 1, BATCH_NORM_MOMENTUM)
        stages = []
        channels_in = width
        for stage in range(3):
            channels_out = width * 2**stage
            stride = 1 if stage == 0 else 2
            # the first block of every stage projects, even if the shape stays the same (stage 0)
            first = Block(channels_in, channels_out, stride, project=True)
            rest = [Block(channels_out, channels_out, 1, project=False) for _ in range(blocks - 1)]
            stages.append(nn.Sequential(first, *rest))
            channels_in = channels_out
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(channels_in, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(F.relu(self.stem(x)))
        return self.classifier(x.mean(dim=(2, 3)))


def cifar_resnet(*, depth: int, width: int = 16, input_shape: tuple[int, int, int], classes: int) -> CifarResNet:
    """A post-activation ResNet of depth 6n+2 (Renda et al. 2020 and its code; He et al. 2016, section 4.2).

    It differs from He et al. in three ways: a 1×1 projection shortcut in the first block of every stage, BatchNorm
    momentum 0.003, and convolutions initialized from LeCun's truncated normal (standard deviation 1/√fan-in, cut at ±2
    standard deviations of the underlying normal). Raises InputError for another depth or a width below 1.
    """
    if depth < 8 or depth % 6 != 2:
        near = max(1, round((depth - 2) / 6)) * 6 + 2
        raise InputError(f"`depth` of a CIFAR ResNet must be 6n+2: {depth}", hint=f"the nearest such depth is {near}")
    if width < 1:
        raise InputError(f"`width` of a CIFAR ResNet must be at least 1: {width}")
    network = CifarResNet((depth - 2) // 6, width, input_shape[0], classes)
    initialize(network, network.classifier)
    return network


def _projection(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    return conv_norm(channels_in, channels_out, 1, stride, BATCH_NORM_MOMENTUM)
