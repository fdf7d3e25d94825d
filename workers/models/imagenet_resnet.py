"""ResNets for ImageNet, exactly as the rewinding study trained them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workers.errors import InputError
from workers.models.layers import batch_norm, conv, conv_norm, initialize

BATCH_NORM_MOMENTUM = 0.1
BLOCKS = (3, 4, 6, 3)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut, normalized before and rectified after the sum."""

    expansion = 1

    def __init__(self, channels_in: int, width: int, stride: int, project: bool) -> None:
        super().__init__()
        self.conv1 = conv(channels_in, width, 3, stride)
        self.norm1 = batch_norm(width, BATCH_NORM_MOMENTUM)
        self.conv2 = conv(width, width, 3)
        self.norm2 = batch_norm(width, BATCH_NORM_MOMENTUM)
        self.shortcut = _projection(channels_in, width, stride) if project else nn.Identity()

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.norm2

    def forward(self, x: Tensor) -> Tensor:
        residual = F.relu(self.norm1(self.conv1(x)))
        residual = self.norm2(self.conv2(residual))
        return F.relu(residual + self.shortcut(x))


class Bottleneck(nn.Module):
    """1×1, 3×3 (which has the stride: version 1.5) and 1×1 convolutions around a shortcut."""

    expansion = 4

    def __init__(self, channels_in: int, width: int, stride: int, project: bool) -> None:
        super().__init__()
        channels_out = width * self.expansion
        self.conv1 = conv(channels_in, width, 1)
        self.norm1 = batch_norm(width, BATCH_NORM_MOMENTUM)
        self.conv2 = conv(width, width, 3, stride)
        self.norm2 = batch_norm(width, BATCH_NORM_MOMENTUM)
        self.conv3 = conv(width, channels_out, 1)
        self.norm3 = batch_norm(channels_out, BATCH_NORM_MOMENTUM)
        self.shortcut = _projection(channels_in, channels_out, stride) if project else nn.Identity()

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.norm3

    def forward(self, x: Tensor) -> Tensor:
        residual = F.relu(self.norm1(self.conv1(x)))
        residual = F.relu(self.norm2(self.conv2(residual)))
        residual = self.norm3(self.conv3(residual))
        return F.relu(residual + self.shortcut(x))


class ImageNetResNet(nn.Module):
    """7×7 stem of stride 2, 3×3 max pooling of stride 2, four stages of 3, 4, 6 and 3 blocks, average, linear layer.

    Maps float (N, channels, H, W) to logits (N, classes).
    """

    def __init__(self, block: type[BasicBlock] | type[Bottleneck], channels: int, classes: int) -> None:
        super().__init__()
        self.stem = conv_norm(channels, 64, 7, 2, BATCH_NORM_MOMENTUM)
        stages = []
        channels_in = 64
        for stage, blocks in enumerate(BLOCKS):
            width = 64 * 2**stage
            channels_out = width * block.expansion
            # the first block of every stage projects, even if the shape stays the same (stage 0 of ResNet-34)
            first = block(channels_in, width, 1 if stage == 0 else 2, project=True)
            rest = [block(channels_out, width, 1, project=False) for _ in range(blocks - 1)]
            stages.append(nn.Sequential(first, *rest))
            channels_in = channels_out
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(channels_in, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = F.max_pool2d(
            x, 3, stride=2, ceil_mode=True
        )  # as TensorFlow's SAME for even sizes, which those of ImageNet are
        return self.classifier(self.stages(x).mean(dim=(2, 3)))


def imagenet_resnet(*, depth: int, input_shape: tuple[int, int, int], classes: int) -> ImageNetResNet:
    """ResNet-34 or -50, version 1.5 (Renda et al. 2020, from its code; He et al. 2016, table 1).

    The first block of every stage projects its shortcut, the scale of the last BatchNorm of each block starts at 0,
    and convolutions are initialized from LeCun's truncated normal. With 1,000 classes they have 21,783,744 and
    25,502,912 prunable weights. Raises InputError for another depth.
    """
    blocks: dict[int, type[BasicBlock] | type[Bottleneck]] = {34: BasicBlock, 50: Bottleneck}
    if depth not in blocks:
        raise InputError(f"`depth` of an ImageNet ResNet must be 34 or 50: {depth}")
    network = ImageNetResNet(blocks[depth], input_shape[0], classes)
    initialize(network, network.classifier)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, BasicBlock | Bottleneck):
                module.last_norm.weight.zero_()
    return network


def _projection(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    return conv_norm(channels_in, channels_out, 1, stride, BATCH_NORM_MOMENTUM)
