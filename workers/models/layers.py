"""Layers and initialization shared by the networks of the rewinding study."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import nn

from workers.models.strided import BLOCK, SubsampledConv2d

BATCH_NORM_EPS = 1e-5
TRUNCATED_STD = 0.87962566  # standard deviation of a unit normal cut at ±2


def conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias; the output has the size of the image divided by the stride."""
    kind = SubsampledConv2d if kernel == 1 and stride > 1 and channels_in < BLOCK else nn.Conv2d
    return kind(channels_in, channels_out, kernel, stride=stride, padding=kernel // 2, bias=False)


def batch_norm(channels: int, momentum: float) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPS, momentum=momentum)


def conv_norm(channels_in: int, channels_out: int, kernel: int, stride: int, momentum: float) -> nn.Sequential:
    """A convolution (`conv`) and its BatchNorm (`norm`)."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv"] = conv(channels_in, channels_out, kernel, stride)
    layers["norm"] = batch_norm(channels_out, momentum)
    return nn.Sequential(layers)


@torch.no_grad()
def initialize(network: nn.Module, classifier: nn.Linear) -> None:
    """Draw the weights as the study does (Renda et al. 2020, from its code).

    Convolutions are drawn from LeCun's truncated normal (standard deviation 1/√fan-in, cut at ±2 standard deviations
    of the underlying normal), the classifier's weights from N(0, 0.01²); its biases are 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            std = math.sqrt(1 / module.weight[0].numel()) / TRUNCATED_STD
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
    nn.init.normal_(classifier.weight, std=0.01)
    nn.init.zeros_(classifier.bias)
