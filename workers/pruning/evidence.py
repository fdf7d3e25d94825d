"""What a score may ask for beyond the weights: gradients, and the inputs of layers, on some training batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor


class Evidence(Protocol):
    """The network to prune on training batches that depend on nothing but (replicate, round): number 0, 1, ...

    All tensors are on the CPU and share no memory with the network. Raises BadInput for a weight whose gradient or
    input cannot be had.
    """

    def gradients(self, batches: int) -> Iterator[dict[str, Tensor]]:
        """The gradients of the loss of each batch by prunable weight, float32 in its shape (0 for an unused one)."""

    def inputs(self, weight: str, batches: int) -> list[Tensor]:
        """What the layer of a weight is called with, in the order of the calls: at least one tensor for each batch."""
