"""A long short-term memory cell as TensorFlow's: one matrix for the input and the last output, one bias."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CellState = tuple[Tensor, Tensor]
"""The last output and the memory of a cell: float (N, units) each."""


class LSTM(nn.Module):
    """A cell with dropout on its inputs, drawn at every step (Hochreiter & Schmidhuber 1997; no peepholes)."""

    def __init__(self, inputs: int, units: int, dropout: float) -> None:
        super().__init__()
        self.inputs = inputs
        self.units = units
        self.gates = nn.Linear(inputs + units, 4 * units)  # input, forget, candidate and output gates
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor, state: CellState) -> CellState:
        """One step: inputs float (N, inputs) and the state to the next state."""
        hidden, memory = torch.lstm_cell(self.dropout(inputs), state, *self._parts())  # one kernel on a GPU
        return hidden, memory

    def initial(self, inputs: Tensor) -> CellState:
        """The state before the first step, zero, for as many sentences as inputs (N, ...) have."""
        zeros = inputs.new_zeros((len(inputs), self.units))
        return zeros, zeros

    def over(self, inputs: Tensor, present: Tensor, backwards: bool = False) -> tuple[Tensor, CellState]:
        """Run along sentences: inputs float (N, T, inputs), present bool (N, T).

        Returns the outputs (N, T, units), zero where no token is present, and the state after the last token, or after
        the first one if the cell runs `backwards`. What is absent does not change the state.
        """
        inputs, parts = self.dropout(inputs), self._parts()
        state = self.initial(inputs)
        outputs = []
        steps = range(inputs.shape[1])
        for step in reversed(steps) if backwards else steps:
            hidden, memory = torch.lstm_cell(inputs[:, step], state, *parts)
            is_present = present[:, step, None]
            outputs.append(torch.where(is_present, hidden, 0.0))
            state = torch.where(is_present, hidden, state[0]), torch.where(is_present, memory, state[1])
        return torch.stack(outputs[::-1] if backwards else outputs, 1), state

    def _parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The weights of the inputs and of the last output, and two biases, as torch's cell has them."""
        of_inputs, of_output = self.gates.weight.split([self.inputs, self.units], dim=1)
        return of_inputs, of_output, self.gates.bias, torch.zeros_like(self.gates.bias)
