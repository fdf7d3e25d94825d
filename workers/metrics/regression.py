"""Metrics of numbers: outputs and targets have the same shape, apart from dimensions of length 1."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from workers.metrics.scorer import Undefined
from workers.metrics.shapes import equal_shapes


class _MeanOfErrors:
    """The mean over all numbers of what `_errors` makes of differences."""

    def __init__(self) -> None:
        self._sum: Tensor | float = 0.0
        self._numbers = 0

    def update(self, outputs: Any, targets: Any) -> None:
        predicted, wanted = equal_shapes(outputs, targets)
        self._sum = self._sum + self._errors(predicted.double() - wanted.double()).sum()
        self._numbers += wanted.numel()

    def _errors(self, differences: Tensor) -> Tensor:
        raise NotImplementedError

    def _mean(self) -> float:
        if not self._numbers:
            raise Undefined("there are no targets")
        return float(self._sum) / self._numbers


class RootMeanSquaredError(_MeanOfErrors):
    """The root of the mean squared difference, in the unit of the targets."""

    def _errors(self, differences: Tensor) -> Tensor:
        return differences.square()

    def compute(self) -> float:
        return math.sqrt(self._mean())


class MeanAbsoluteError(_MeanOfErrors):
    """The mean absolute difference, in the unit of the targets."""

    def _errors(self, differences: Tensor) -> Tensor:
        return differences.abs()

    def compute(self) -> float:
        return self._mean()


class CoefficientOfDetermination:
    """R²: the share of the targets' variance that the outputs explain; the mean over the columns of the targets.

    The sums of squares around the mean are merged batch by batch (Chan, Golub, LeVeque 1979), which loses no digits
    where the mean is large.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._mean: Tensor | float = 0.0
        self._around_mean: Tensor | float = 0.0
        self._residuals: Tensor | float = 0.0

    def update(self, outputs: Any, targets: Any) -> None:
        predicted, wanted = (tensor.double().flatten(1) for tensor in map(_with_column, equal_shapes(outputs, targets)))
        rows, mean = len(wanted), wanted.mean(0)
        distance, together = mean - self._mean, self._rows + rows
        self._around_mean = (
            self._around_mean + (wanted - mean).square().sum(0) + distance.square() * (self._rows * rows / together)
        )
        self._mean = self._mean + distance * (rows / together)
        self._residuals = self._residuals + (predicted - wanted).square().sum(0)
        self._rows = together

    def compute(self) -> float:
        if not isinstance(self._around_mean, Tensor) or not bool((self._around_mean > 0).all()):
            raise Undefined("all targets are equal")
        return float((1 - self._residuals / self._around_mean).mean())


def _with_column(tensor: Tensor) -> Tensor:
    return tensor[:, None] if tensor.ndim == 1 else tensor
