"""Which examples are in a batch."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from workers.errors import InputError
from workers.seeds import seed

CPU = torch.device("cpu")


class Order:
    """One endless stream of shuffled epochs, cut into batches that may cross the borders of epochs.

    Epoch e is a permutation that is a pure function of (replicate, stage, e), so any batch is available directly.
    Raises InputError for a batch size below 1.
    """

    def __init__(self, examples: int, batch_size: int, replicate: int, stage: str, device: torch.device = CPU) -> None:
        if batch_size < 1:
            raise InputError(f"`batch_size` must be at least 1: {batch_size}")
        self.steps_per_epoch = Fraction(examples, batch_size)
        self._examples = examples
        self._batch_size = batch_size
        self._purpose = (replicate, stage)
        self._device = device
        self._epochs: dict[int, Tensor] = {}

    def batch(self, index: int) -> Tensor:
        """The examples of batch `index` (from 0): int64 (batch size,) on the device."""
        position = index * self._batch_size
        end = position + self._batch_size
        pieces = []
        while position < end:
            epoch, first = divmod(position, self._examples)
            piece = self._epoch(epoch)[first : first + end - position]
            pieces.append(piece)
            position += len(piece)
        return torch.cat(pieces) if len(pieces) > 1 else pieces[0]

    def epochs(self, index: int) -> Tensor:
        """The epoch, from 0, that each example of batch `index` belongs to: int64 (batch size,) on the CPU."""
        position = index * self._batch_size
        return torch.arange(position, position + self._batch_size) // self._examples

    def _epoch(self, epoch: int) -> Tensor:
        """The permutation of an epoch; the last two stay on the device."""
        if epoch not in self._epochs:
            if len(self._epochs) == 2:
                del self._epochs[next(iter(self._epochs))]
            generator = torch.Generator().manual_seed(seed(*self._purpose, "epoch", epoch))
            self._epochs[epoch] = torch.randperm(self._examples, generator=generator).to(self._device)
        return self._epochs[epoch]
