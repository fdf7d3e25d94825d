"""Metrics that count targets."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workers.errors import InputError
from workers.metrics.scorer import Undefined
from workers.metrics.shapes import (
    IGNORED,
    UnfitBatch,
    columns,
    counted_classes,
    is_one,
    is_one_logit,
    squeezed,
    tensors,
)
from workers.registry import closest


class Accuracy:
    """The share of the targets that are among the `k` highest outputs, or on the right side of 0 for single logits.

    Targets of `ignore_index` do not count.
    """

    def __init__(self, k: int = 1, ignore_index: int = IGNORED) -> None:
        self._k = k
        self._ignored = ignore_index
        self._correct: Tensor | int = 0
        self._targets = 0

    def update(self, outputs: Any, targets: Any) -> None:
        hits = self._hits(*tensors(outputs, targets))
        self._correct = self._correct + hits.sum()
        self._targets += hits.numel()

    def _hits(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if is_one_logit(outputs, targets):
            if self._k > 1:
                raise UnfitBatch(f"outputs must be one for each class, not one for each target: {tuple(outputs.shape)}")
            return (squeezed(outputs) > 0) == is_one(targets)
        logits, classes = counted_classes(outputs, targets, self._ignored)
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

    Of two classes it is that of class 1. Of more classes, or of several yes-or-no labels (N, labels), it is averaged:
    `macro` (each counts the same; one that is neither among the targets nor predicted is left out), `weighted` by their
    targets, or `micro` (all targets count the same). Targets of `ignore_index` do not count.
    """

    def __init__(self, average: str = "macro", ignore_index: int = IGNORED) -> None:
        if average not in _AVERAGES:
            raise InputError(f"`average` of metric `f1` cannot be `{average}`", hint=closest(average, _AVERAGES))
        self._average = average
        self._ignored = ignore_index
        self._counts: Tensor | int = 0

    def update(self, outputs: Any, targets: Any) -> None:
        outputs, targets = tensors(outputs, targets)
        if is_one_logit(outputs, targets):
            self._counts = self._counts + _of_labels(columns(squeezed(outputs) > 0), columns(is_one(targets)))
        else:
            logits, wanted = counted_classes(outputs, targets, self._ignored)
            self._counts = self._counts + _of_classes(logits.argmax(1), wanted, logits.shape[1])

    def compute(self) -> float:
        if isinstance(self._counts, int):
            raise Undefined("there are no targets")
        right, wanted, predicted = self._counts.double().cpu()
        scores = 2 * right / (wanted + predicted).clamp(min=1)
        occurs = wanted + predicted > 0
        if not occurs.any():
            raise Undefined("class 1 is neither among the targets nor predicted")
        if self._average == "micro":
            return float(2 * right.sum() / (wanted + predicted).sum())
        weights = wanted if self._average == "weighted" and wanted.any() else occurs.double()
        return float((scores * weights).sum() / weights.sum())


_AVERAGES = ("macro", "weighted", "micro")


def _of_labels(predicted: Tensor, wanted: Tensor) -> Tensor:
    """For each label how often it is right, wanted and predicted: int64 (3, labels)."""
    return torch.stack([(predicted & wanted).sum(0), wanted.sum(0), predicted.sum(0)])


def _of_classes(predicted: Tensor, wanted: Tensor, classes: int) -> Tensor:
    """The same for each class, and of two classes only for class 1."""
    members = (wanted[predicted == wanted], wanted, predicted)
    counts = torch.stack([torch.bincount(member, minlength=classes) for member in members])
    return counts[:, 1:] if classes == 2 else counts
