"""The part of every batch that a process trains on, where several share a trial."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class BatchShare:
    """Process number `rank` (from 0) of `ranks`, which have consecutive parts of equal size of every batch."""

    rank: int = 0
    ranks: int = 1

    def of(self, rows: Tensor) -> Tensor:
        """The part of this process of a whole batch, along the first dimension."""
        return rows if self.ranks == 1 else rows.chunk(self.ranks)[self.rank]


WHOLE = BatchShare()
"""The share of a process that has a trial to itself."""
