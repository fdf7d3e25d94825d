"""Fully connected networks."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from workers.errors import InputError


class MLP(nn.Module):
    """Hidden layers (linear, BatchNorm if asked for, ReLU, dropout), then a linear classifier.

    Maps (N, ...) to logits (N, classes); whole numbers are taken as numbers.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], dropout: float, batch_norm: bool, classes: int) -> None:
        super().__init__()
        layers = []
        for units in hidden:
            layers.append(_hidden_layer(inputs, units, dropout, batch_norm))
            inputs = units
        self.hidden = nn.Sequential(*layers)
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(1) if x.ndim > 1 else x[:, None]
        return self.classifier(self.hidden(rows if rows.is_floating_point() else rows.float()))


class Regressor(MLP):
    """Hidden layers, then a linear layer for the numbers of a target, in its unit.

    Maps (N, ...) to float (N, *shape). What the last layer gives is multiplied by `deviation`, and `mean` is
    added, so that the network can begin near the targets.
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        dropout: float,
        batch_norm: bool,
        shape: Sequence[int],
        mean: float,
        deviation: float,
    ) -> None:
        super().__init__(inputs, hidden, dropout, batch_norm, math.prod(shape))
        self.shape, self.mean, self.deviation = tuple(shape), mean, deviation

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).reshape(-1, *self.shape) * self.deviation + self.mean


def mlp(
    *,
    hidden: Sequence[int] = (300, 100),
    dropout: float = 0.0,
    batch_norm: bool = False,
    input_shape: Sequence[int],
    classes: int | None = None,
    target_shape: Sequence[int] = (),
    target_mean: float = 0.0,
    target_deviation: float = 1.0,
) -> MLP:
    """A fully connected network; LeNet-300-100 by default (Frankle & Carbin 2019, section 2: Glorot's normal, bias 0).

    Where targets are numbers instead of classes, it predicts them.
    Raises InputError for a hidden layer of less than one unit, and for a dropout outside [0, 1).
    """
    for units in hidden:
        if not isinstance(units, int) or units < 1:
            raise InputError(f"`hidden` must list whole numbers of units, at least 1 each: {units!r}")
    if not 0 <= dropout < 1:
        raise InputError(f"`dropout` must be at least 0 and below 1: {dropout}")
    layers = math.prod(input_shape), hidden, dropout, batch_norm
    network = (
        MLP(*layers, classes)
        if classes is not None
        else Regressor(*layers, target_shape, target_mean, target_deviation)
    )
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def _hidden_layer(inputs: int, units: int, dropout: float, batch_norm: bool) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["linear"] = nn.Linear(inputs, units, bias=not batch_norm)
    if batch_norm:
        layers["norm"] = nn.BatchNorm1d(units)
    layers["relu"] = nn.ReLU()
    if dropout:
        layers["dropout"] = nn.Dropout(dropout)
    return nn.Sequential(layers)
