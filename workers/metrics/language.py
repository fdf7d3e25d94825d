"""Metrics of language models."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor
from torch.nn import functional

from workers.metrics.scorer import Undefined
from workers.metrics.shapes import IGNORED, with_classes_last


class Perplexity:
    """The exponential of the mean cross-entropy over all tokens, except for those with the target `ignore_index`."""

    def __init__(self, ignore_index: int = IGNORED) -> None:
        self._ignored = ignore_index
        self._sum: Tensor | float = 0.0
        self._tokens: Tensor | int = 0

    def update(self, outputs: Any, targets: Any) -> None:
        if isinstance(targets, dict) and "tokens" in targets:  # of sentence pairs, whose logits lack padding
            targets = targets["tokens"][:, : outputs.shape[1]]
        logits, tokens = with_classes_last(outputs, targets, self._ignored)
        losses = functional.cross_entropy(logits.float(), tokens, ignore_index=self._ignored, reduction="none")
        self._sum = self._sum + losses.double().sum()
        self._tokens = self._tokens + (tokens != self._ignored).sum()

    def compute(self) -> float:
        tokens = int(self._tokens)
        if not tokens:
            raise Undefined("there are no tokens")
        try:
            return math.exp(float(self._sum) / tokens)
        except OverflowError:
            return math.inf
