"""Batches of sentence pairs of about one length."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from workers.data.batches.order import Order
from workers.seeds import seed

WIDTH = 10
"""Tokens by which lengths in one bucket may differ."""

WINDOW = 100
"""Batches that are sorted together: as many as the study shuffles at a time."""


class BucketedOrder:
    """One endless stream of shuffled epochs, cut into windows, whose pairs are sorted into batches by length.

    `lengths`, int64 (N,), is the longer side of each pair. A window has 100 batches, or an epoch's if that is less; its
    pairs are sorted by bucket, length // 10, and cut into batches, which are shuffled. So each pair is in as many
    batches as in `Order`, and nearly all batches have pairs of one bucket. Any batch is a pure function of (replicate,
    stage, i). Raises InputError for a batch size below 1.
    """

    def __init__(self, lengths: Tensor, batch_size: int, replicate: int, stage: str) -> None:
        Order(len(lengths), batch_size, replicate, stage)  # refuses a batch size
        self.steps_per_epoch = Fraction(len(lengths), batch_size)
        self._batches = min(WINDOW, max(1, len(lengths) // batch_size))
        self._order = Order(len(lengths), batch_size * self._batches, replicate, stage)
        self._buckets = lengths // WIDTH
        self._purpose = (replicate, stage)
        self._window: tuple[int, Tensor] | None = None

    def batch(self, index: int) -> Tensor:
        """The pairs of batch `index` (from 0): int64 (batch size,) on the CPU."""
        window, within = divmod(index, self._batches)
        if self._window is None or self._window[0] != window:
            self._window = window, self._sorted(window)
        return self._window[1][within]

    def _sorted(self, window: int) -> Tensor:
        """The pairs of a window, (batches, batch size)."""
        pairs = self._order.batch(window)
        pairs = pairs[self._buckets[pairs].argsort(stable=True)].view(self._batches, -1)
        generator = torch.Generator().manual_seed(seed(*self._purpose, "window", window))
        return pairs[torch.randperm(self._batches, generator=generator)]
