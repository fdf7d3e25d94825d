"""Where a decoder looks in the source sentence."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Memory(NamedTuple):
    """An encoded source: `values` (N, S, units), their `keys` (N, S, units), and `present` (N, S), the real tokens."""

    values: Tensor
    keys: Tensor
    present: Tensor

    def repeated(self, times: int) -> Memory:
        """Each sentence `times` times in a row."""
        return Memory(*(tensor.repeat_interleave(times, 0) for tensor in self))


class NormedAttention(nn.Module):
    """Additive attention with a normalized vector (Bahdanau et al. 2015; Salimans & Kingma 2016; `normed_bahdanau`).

    The score of a token with key k for a query q is scale · v/‖v‖ · tanh(k + W q + bias).
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.memory = nn.Linear(units, units, bias=False)
        self.query = nn.Linear(units, units, bias=False)
        self.v = nn.Parameter(torch.empty(units))
        self.bias = nn.Parameter(torch.zeros(units))
        self.scale = nn.Parameter(torch.full((), math.sqrt(1 / units)))

    def remember(self, values: Tensor, present: Tensor) -> Memory:
        """The memory of encoder outputs (N, S, units), zero where no token is present."""
        return Memory(values, self.memory(values), present)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """A query (N, units) to the context (N, units) and the weights of the source tokens, float32 (N, S)."""
        energy = torch.tanh(memory.keys + (self.query(query) + self.bias).unsqueeze(1))
        direction = self.scale * functional.normalize(self.v, dim=0)
        scores = (energy @ direction.to(energy.dtype)).float()
        weights = scores.masked_fill(~memory.present, -math.inf).softmax(1)
        context = weights.to(memory.values.dtype).unsqueeze(1) @ memory.values
        return context.squeeze(1), weights
