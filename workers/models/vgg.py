"""VGG-16 for small images, exactly as the rewinding study trained it."""

from __future__ import annotations

from torch import Tensor, nn

from workers.models.layers import conv_norm, initialize

BATCH_NORM_MOMENTUM = 0.003
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the 3×3 convolutions of each stage; 2×2 max pooling follows each."""


class VGG(nn.Module):
    """Normalized and rectified convolutions in stages that halve the image, then one linear layer.

    Maps float (N, channels, H, W), H and W at least 32 pixels, to logits (N, classes).
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        stages = []
        for widths in STAGES:
            layers: list[nn.Module] = []
            for width in widths:
                layers += [conv_norm(channels, width, 3, 1, BATCH_NORM_MOMENTUM), nn.ReLU()]
                channels = width
            stages.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.stages(x).mean(dim=(2, 3)))


def vgg16(*, input_shape: tuple[int, int, int], classes: int) -> VGG:
    """VGG-16 with BatchNorm and a single linear layer instead of three (Renda et al. 2020, from its code: `16_nofc`).

    It has 14,715,584 prunable weights with 10 classes, and is initialized like the study's ResNets.
    """
    network = VGG(input_shape[0], classes)
    initialize(network, network.classifier)
    return network
