"""The area under the receiver operating characteristic."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from workers.metrics.scorer import Undefined
from workers.metrics.shapes import IGNORED, columns, counted_classes, is_one, is_one_logit, squeezed, tensors


class AreaUnderCurve:
    """How probably a positive example has a higher output than a negative one; ties count half (Mann and Whitney 1947).

    Outputs are one for each target (0 or 1), or one for each class: then each class is compared with all others, by the
    probabilities of a softmax; of two classes, the second one counts. The areas of several classes, or of several
    yes-or-no labels (N, labels), are averaged. Targets of `ignore_index` do not count. All outputs are kept.
    """

    def __init__(self, ignore_index: int = IGNORED) -> None:
        self._ignored = ignore_index
        self._scores: list[Tensor] = []
        self._positive: list[Tensor] = []

    def update(self, outputs: Any, targets: Any) -> None:
        outputs, targets = tensors(outputs, targets)
        if is_one_logit(outputs, targets):
            scores, positive = squeezed(outputs).float(), is_one(targets)
        else:
            logits, classes = counted_classes(outputs, targets, self._ignored)
            scores = logits.float().softmax(1)
            positive = classes[:, None] == torch.arange(logits.shape[1], device=classes.device)
            if logits.shape[1] == 2:
                scores, positive = logits[:, 1].float() - logits[:, 0].float(), positive[:, 1]
        self._scores.append(columns(scores))
        self._positive.append(columns(positive))

    def compute(self) -> float:
        if not self._scores:
            raise Undefined("there are no targets")
        scores, positive = torch.cat(self._scores).cpu(), torch.cat(self._positive).cpu()
        if bool(scores.isnan().any()):  # a softmax of infinite logits
            return math.nan
        areas = [_area(scores[:, column], positive[:, column], column) for column in range(scores.shape[1])]
        return sum(areas) / len(areas)


def _area(scores: Tensor, positive: Tensor, column: int) -> float:
    """The share of pairs of a positive and a negative example that are in order. Raises Undefined without pairs."""
    positives = int(positive.sum())
    pairs = positives * (len(positive) - positives)
    if not pairs:
        kind = "positive" if not positives else "negative"
        raise Undefined(f"no target of column {column} is {kind}" if column else f"no target is {kind}")
    _, places, counts = scores.unique(return_inverse=True, return_counts=True)
    ranks = counts.cumsum(0).double() - (counts.double() - 1) / 2  # equal scores share the mean of their ranks
    return float((ranks[places][positive].sum() - positives * (positives + 1) / 2) / pairs)
