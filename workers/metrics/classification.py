"""Metrics that count targets."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workers.errors import InputError
from workers.metrics.scorer import Undefined
from workers.metrics.shapes import is_one, is_one_logit, squeezed, tensors, with_classes_last
from workers.registry import closest


class Accuracy:
    """The share of the targets that are among the `k` highest outputs, or on the right side of 0 for single logits."""

    def __init__(self, k: int = 1) -> None:
        self._k = k
        self._correct: Tensor | int = 0
        self._targets = 0

    def update(self, outputs: Any, targets: Any) -> None:
        self._correct = self._correct + self._hits(*tensors(outputs, targets)).sum()
        self._targets += targets.numel()

    def _hits(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if is_one_logit(outputs, targets):
            return (squeezed(outputs) > 0) == is_one(targets)
        logits, classes = with_classes_last(outputs, targets)
        if self._k == 1:
            return logits.argmax(1) == classes
        highest = logits.topk(min(self._k, logits.shape[1]), dim=1).indices
        return (highest == classes[:, None]).any(1)

    def compute(self) -> float:
        if not self._targets:
            raise Undefined("there are no targets")
        return int(self._correct) / self._targets


class F1:
    """The harmonic mean of precision and recall.

    Of two classes, or of one logit for each target, it is that of class 1. Of more classes it is averaged: `macro`
    (each class counts the same; a class that is neither among the targets nor predicted is left out), `weighted` by
    their targets, or `micro` (all targets count the same).
    """

    def __init__(self, average: str = "macro") -> None:
        if average not in _AVERAGES:
            raise InputError(f"`average` of metric `f1` cannot be `{average}`", hint=closest(average, _AVERAGES))
        self._average = average
        self._counts: Tensor | int = 0

    def update(self, outputs: Any, targets: Any) -> None:
        outputs, targets = tensors(outputs, targets)
        if is_one_logit(outputs, targets):
            predicted, wanted, classes = (squeezed(outputs) > 0).long(), is_one(targets).long(), 2
            predicted, wanted = predicted.reshape(-1), wanted.reshape(-1)
        else:
            logits, wanted = with_classes_last(outputs, targets)
            predicted, classes = logits.argmax(1), logits.shape[1]
        cells = torch.bincount(wanted * classes + predicted, minlength=classes**2)
        self._counts = self._counts + cells.reshape(classes, classes)

    def compute(self) -> float:
        if isinstance(self._counts, int):
            raise Undefined("there are no targets")
        counts = self._counts.double().cpu()
        right, wanted, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
        scores = 2 * right / (wanted + predicted).clamp(min=1)
        if len(counts) == 2:
            if not wanted[1] + predicted[1]:
                raise Undefined("class 1 is neither among the targets nor predicted")
            return float(scores[1])
        if self._average == "micro":
            return float(right.sum() / wanted.sum())
        weights = wanted if self._average == "weighted" else (wanted + predicted > 0).double()
        return float((scores * weights).sum() / weights.sum())


_AVERAGES = ("macro", "weighted", "micro")
