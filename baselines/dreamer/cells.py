"""Recurrent cells: (N, I) and (N, D) → (N, D)."""

from __future__ import annotations

from typing import Final, Protocol

import torch
from torch import Tensor, nn

_EPSILON: Final = 1e-3
"""Of layer norms: Keras's default, a hundred times torch's."""


class Cell(Protocol):
    """A class of modules."""

    def __init__(self, inputs: int, units: int) -> None: ...

    def __call__(self, inputs: Tensor, state: Tensor) -> Tensor: ...


class LayerNormCell(nn.Module):
    """The cell of DreamerV2: one product, one layer norm over all three gates."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs + units, 3 * units)
        self.norm = nn.LayerNorm(3 * units, eps=_EPSILON)

    def forward(self, inputs: Tensor, state: Tensor) -> Tensor:
        """The next state; it starts by keeping most of the last one."""
        gates = self.norm(self.linear(torch.cat((inputs, state), -1)).float())
        reset, candidate, update = gates.chunk(3, -1)
        new = torch.tanh(torch.sigmoid(reset) * candidate)
        return torch.lerp(state, new, torch.sigmoid(update - 1.0))


class GRUCell(nn.GRUCell):
    """The usual cell, with Keras's initial weights: orthogonal ones from state to state."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units)

    def initialize(self, generator: torch.Generator) -> None:
        """Glorot's uniform weights from the input, orthogonal ones from the state, no biases."""
        nn.init.xavier_uniform_(self.weight_ih, generator=generator)
        nn.init.orthogonal_(self.weight_hh, generator=generator)
        nn.init.zeros_(self.bias_ih)
        nn.init.zeros_(self.bias_hh)
