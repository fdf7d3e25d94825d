"""A network that sleeps as it trains, so that a busy machine does not disturb it: for the sweeps of `overhead`."""

from __future__ import annotations

import math
import time

import torch
from torch import nn


class Sleep(nn.Module):
    """Passes on what it gets, after so many seconds in training."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.training:
            time.sleep(self._seconds)
        return inputs


def sleeping(*, input_shape: tuple[int, ...], classes: int, seconds: float) -> nn.Module:
    """A perceptron of which each training step takes so many seconds."""
    hidden = nn.Linear(math.prod(input_shape), 8)
    return nn.Sequential(Sleep(seconds), nn.Flatten(), hidden, nn.ReLU(), nn.Linear(8, classes))
