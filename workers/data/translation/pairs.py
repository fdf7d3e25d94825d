"""Sentence pairs as token numbers: in memory, on a device, and in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workers.data.batches.share import WHOLE, BatchShare
from workers.data.batches.structure import Batch
from workers.data.examples.recipe_check import refuse_image_settings
from workers.data.examples.resident import EVALUATION_BATCH
from workers.data.split import Indices
from workers.data.translation.order import BucketedOrder
from workers.data.translation.tokens import END, IGNORED, START
from workers.trial import Recipe

Tokens = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Pairs:
    """N sentence pairs, padded with the end token: `source` int32 (N, S) and `target` int32 (N, T), and their lengths.

    `reference` has the text of each target as people wrote it, in UTF-8, uint8 (N, B) padded with 0; of training
    pairs it is empty, (N, 0).
    """

    source: Tensor
    source_lengths: Tensor
    target: Tensor
    target_lengths: Tensor
    reference: Tensor

    @classmethod
    def of(cls, source: Tokens, target: Tokens, references: Sequence[str] | None = None) -> Pairs:
        texts = [text.encode() for text in references] if references is not None else [b""] * len(source)
        padded = [_padded(source, END, torch.int32), _padded(target, END, torch.int32), _padded(texts, 0, torch.uint8)]
        (source_tokens, source_lengths), (target_tokens, target_lengths), (reference, _) = padded
        return cls(source_tokens, source_lengths, target_tokens, target_lengths, reference)

    def __len__(self) -> int:
        return len(self.source)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.source, self.source_lengths, self.target, self.target_lengths, self.reference)

    @property
    def lengths(self) -> Tensor:
        """Tokens of the longer side, with the start of the target: int64 (N,)."""
        return torch.maximum(self.source_lengths, self.target_lengths + 1)

    def on(self, device: torch.device) -> Pairs:
        return Pairs(*(tensor.to(device, non_blocking=True) for tensor in self.tensors))

    def select(self, which: Indices) -> Pairs:
        """The pairs at some indices, in that order."""
        return self.take(torch.from_numpy(which).to(self.source.device))

    def take(self, which: Tensor) -> Pairs:
        return Pairs(*(tensor.index_select(0, which) for tensor in self.tensors))

    def batches(self, recipe: Recipe) -> Iterator[Batch]:
        """All pairs in order, 100 at a time."""
        for which in torch.arange(len(self), device=self.source.device).split(EVALUATION_BATCH):
            yield self.take(which).batch()

    def batch(self) -> Batch:
        """What networks such as `gnmt` take, and targets that are one token ahead.

        Inputs are `source` (N, S), `source_lengths`, `target` (N, 1 + T), which begins with the start token, and
        `target_lengths`. Targets are `tokens` int64 (N, 1 + T), which end with the end token, −100 beyond, and
        `reference`.
        """
        lengths = self.target_lengths + 1
        positions = torch.arange(self.target.shape[1] + 1, device=self.target.device)
        ahead = functional.pad(self.target, (0, 1), value=END).long()
        inputs = {
            "source": self.source,
            "source_lengths": self.source_lengths,
            "target": functional.pad(self.target, (1, 0), value=START),
            "target_lengths": lengths,
        }
        tokens = ahead.masked_fill(positions >= lengths.unsqueeze(1), IGNORED)
        return inputs, {"tokens": tokens, "reference": self.reference}


class PairStream:
    """Training batches of pairs of about one length, as pure functions of (replicate, stage, i), on their device.

    Batches are the part of the whole ones that `share` says. Raises InputError for a batch size below 1, and for
    settings of the recipe that need images.
    """

    def __init__(self, pairs: Pairs, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE) -> None:
        refuse_image_settings(recipe)
        self._order = BucketedOrder(pairs.lengths.cpu(), recipe.batch_size, replicate, stage)
        self._pairs = pairs
        self._share = share

    @property
    def steps_per_epoch(self) -> Fraction:
        return self._order.steps_per_epoch

    def batch(self, index: int) -> Batch:
        """Batch `index` (from 0): inputs and targets of `batch_size` pairs (see `Pairs.batch`)."""
        which = self._share.of(self._order.batch(index))
        return self._pairs.take(which.to(self._pairs.source.device, non_blocking=True)).batch()


def _padded(rows: Sequence[Sequence[int]] | Sequence[bytes], value: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Rows of different lengths as one tensor, and their lengths, int64."""
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    items = (item for row in rows for item in row)
    flat = torch.from_numpy(np.fromiter(items, np.int32, int(lengths.sum()))).to(dtype)
    result = torch.full((len(rows), int(lengths.max())), value, dtype=dtype)
    result[torch.arange(result.shape[1]) < lengths.unsqueeze(1)] = flat
    return result, lengths
