"""GNMT: Wu et al. 2016, *Google's Neural Machine Translation System*, as the rewinding study trains it.

Source: Renda et al. 2020, whose network is that of MLPerf 0.5. The attention is `gnmt_v2`: the bottom cell of the
decoder asks for the context of its step, which all cells above get, and the bottom cell gets one step later.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from workers.data.translation.tokens import END, START
from workers.errors import InputError
from workers.models.translation.attention import Memory, NormedAttention
from workers.models.translation.beam_search import BeamSearch
from workers.models.translation.lstm import LSTM, CellState

INITIAL = 0.1
"""Weights are drawn uniformly from ±0.1; biases are 0."""


class DecoderState(NamedTuple):
    """The state of each cell of a decoder, and the context of its last step, float (N, units)."""

    cells: tuple[CellState, ...]
    context: Tensor

    def select(self, rows: Tensor) -> DecoderState:
        """The states of some sentences, by index."""
        cells = tuple((hidden[rows], memory[rows]) for hidden, memory in self.cells)
        return DecoderState(cells, self.context[rows])


class Encoder(nn.Module):
    """A layer in both directions, then layers in one, with residual connections from the second of these on."""

    def __init__(self, units: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.forwards = LSTM(units, units, dropout)
        self.backwards = LSTM(units, units, dropout)
        self.upper = nn.ModuleList(
            LSTM(2 * units if layer == 0 else units, units, dropout) for layer in range(layers - 1)
        )

    def forward(self, inputs: Tensor, present: Tensor) -> tuple[Tensor, tuple[CellState, ...]]:
        """Embedded tokens (N, S, units) to outputs of that shape, and the last state of each layer.

        Of the bottom layer, that is the state of the cell that runs backwards.
        """
        forwards, _ = self.forwards.over(inputs, present)
        backwards, last = self.backwards.over(inputs, present, backwards=True)
        outputs, states = torch.cat((forwards, backwards), 2), [last]
        for layer, cell in enumerate(self.upper):
            assert isinstance(cell, LSTM)
            above, last = cell.over(outputs, present)
            outputs = above + outputs if layer else above
            states.append(last)
        return outputs, tuple(states)


class Decoder(nn.Module):
    """Cells that all get the context of the attention, with residual connections from the third on."""

    def __init__(self, units: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.cells = nn.ModuleList(LSTM(2 * units, units, dropout) for _ in range(layers))
        self.attention = NormedAttention(units)

    def forward(self, inputs: Tensor, state: DecoderState, memory: Memory) -> tuple[Tensor, Tensor, DecoderState]:
        """One step: embedded tokens (N, units) to the output (N, units), the attention (N, S) and the next state."""
        bottom = self.cells[0](torch.cat((inputs, state.context), 1), state.cells[0])
        context, weights = self.attention(bottom[0], memory)
        output, states = bottom[0], [bottom]
        for layer in range(1, len(self.cells)):
            above = self.cells[layer](torch.cat((output, context), 1), state.cells[layer])
            output = above[0] + output if layer > 1 else above[0]
            states.append(above)
        return output, weights, DecoderState(tuple(states), context)


class GNMT(nn.Module):
    """Maps token numbers of sentence pairs to logits of the target's tokens.

    Where the source and the target have one embedding, `source_embedding` and `target_embedding` are the same module.
    """

    def __init__(self, vocabulary: int, units: int, layers: int, dropout: float, shared_embedding: bool) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(vocabulary, units)
        self.target_embedding = self.source_embedding if shared_embedding else nn.Embedding(vocabulary, units)
        self.encoder = Encoder(units, layers, dropout)
        self.decoder = Decoder(units, layers, dropout)
        self.projection = nn.Linear(units, vocabulary, bias=False)
        self._initialize()

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor, target_lengths: Tensor) -> Tensor:
        """Logits (N, T, vocabulary) of what follows each token of the target, where T is the longest length.

        `source` (N, S) and `target` (N, T or more) are token numbers; the target begins with the start token.
        What is beyond the lengths, int64 (N,), is padding, which is cut off or without effect: longer padding does not
        change a bit.
        """
        memory, state = self.encode(source, source_lengths)
        embedded = self.target_embedding(target[:, : int(target_lengths.max())])
        outputs = []
        for step in range(embedded.shape[1]):
            output, _, state = self.decoder(embedded[:, step], state, memory)
            outputs.append(output)
        return self.projection(torch.stack(outputs, 1))

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Memory, DecoderState]:
        """The memory of source sentences (N, S) of given lengths, and the state in which decoding begins."""
        source = source[:, : int(lengths.max())]
        present = torch.arange(source.shape[1], device=source.device) < lengths.unsqueeze(1)
        values, states = self.encoder(self.source_embedding(source), present)
        state = DecoderState(states, torch.zeros_like(states[0][0]))
        return self.decoder.attention.remember(values, present), state

    def step(self, tokens: Tensor, state: DecoderState, memory: Memory) -> tuple[Tensor, Tensor, DecoderState]:
        """Decode one token (N,): logits (N, vocabulary), attention (N, S), and the next state."""
        output, weights, state = self.decoder(self.target_embedding(tokens), state, memory)
        return self.projection(output), weights, state

    def prunable_parameters(self) -> list[str]:
        """What the study masks: all but the scale of the attention, embeddings and biases too."""
        return [name for name, parameter in self.named_parameters() if parameter.ndim]

    def translate(self, source: Tensor, lengths: Tensor, **settings: float) -> list[list[int]]:
        """The tokens of a translation of each source sentence (N, S), without start and end.

        `settings` are those of `BeamSearch`, such as `beams`.
        """
        search = BeamSearch(start=START, end=END, **settings)  # type: ignore[arg-type]
        memory, state = self.encode(source, lengths)
        memory = memory.repeated(search.beams)
        rows = torch.arange(len(source), device=source.device).repeat_interleave(search.beams)

        def step(tokens: Tensor, state: DecoderState) -> tuple[Tensor, Tensor, DecoderState]:
            return self.step(tokens, state, memory)

        return search.run(step, state.select(rows), len(source), source.device)

    @torch.no_grad()
    def _initialize(self) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.ndim:  # the scale of the attention keeps its value
                parameter.uniform_(-INITIAL, INITIAL)


def gnmt(
    *,
    vocabulary: int,
    units: int = 1024,
    layers: int = 4,
    dropout: float = 0.2,
    shared_embedding: bool = False,
) -> GNMT:
    """GNMT with `units` in each of `layers` layers of encoder and decoder, for `vocabulary` tokens of both languages.

    `shared_embedding` embeds the tokens of both languages alike. Raises InputError for less than one unit or two
    layers, and for a dropout outside [0, 1).
    """
    _check_at_least("units", units, 1)
    _check_at_least("layers", layers, 2)
    if not 0 <= dropout < 1:
        raise InputError(f"`dropout` must be at least 0 and below 1: {dropout}")
    return GNMT(vocabulary, units, layers, dropout, shared_embedding)


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"`{name}` must be at least {least}: {value}")
