"""Multi-layer perceptrons with their gradients written out, several of one shape side by side.

An update of SAC is sixteen passes over small layers. Automatic differentiation spends a third of
its time around them; here one buffer holds all parameters of a group of networks, one all their
gradients, and nothing but matrix products remains. The same calls run on CUDA and can be captured
in a graph: no shape and no branch depends on data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

_ALIGNMENT: Final = 16
"""Floats: every tensor begins at a multiple of 64 bytes."""


@dataclass(frozen=True, slots=True)
class Linear:
    """One layer of all networks: weights (G, out, in), biases (G, 1, out), float32 views."""

    weight: Tensor
    bias: Tensor


class StackedMLP:
    """G perceptrons with rectified hidden layers, sizes ``(in, hidden, ..., out)``.

    Attributes:
        parameters, gradients: float32, flat; the layers are views into them.
        layers, layer_gradients: in order.
    """

    def __init__(
        self, groups: int, sizes: Sequence[int], device: torch.device, *, low_precision: bool
    ) -> None:
        """Args:
        groups: how many networks.
        sizes: widths, from input to output.
        device: where everything lives.
        low_precision: multiply hidden by hidden layers in bfloat16, with float32 weights kept
            and accumulated; the first and the last layer stay in float32.
        """
        self.groups, self.sizes = groups, tuple(sizes)
        total = sum(_padded(groups * a * b) + _padded(groups * b) for a, b in self._pairs())
        self.parameters = torch.zeros(total, device=device)
        self.gradients = torch.zeros(total, device=device)
        self.layers = self._views(self.parameters)
        self.layer_gradients = self._views(self.gradients)
        self._low = [low_precision and 0 < n < len(sizes) - 2 for n in range(len(sizes) - 1)]
        self._copies = [layer.weight.bfloat16() for layer in self.layers]
        self.refresh()

    def refresh(self) -> None:
        """Call after the parameters changed."""
        for low, layer, copy in zip(self._low, self.layers, self._copies, strict=True):
            if low:
                copy.copy_(layer.weight)

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """What every layer multiplied, (G, B, in) each, and at the end the output, (G, B, out)."""
        hidden = inputs.expand(self.groups, -1, -1)
        operands: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            weight = self._weight(number)
            operands.append(hidden.relu_().to(weight.dtype) if number else hidden)
            hidden = torch.baddbmm(
                layer.bias.to(weight.dtype), operands[-1], weight.transpose(1, 2)
            )
        return [*operands, hidden]

    def backward(
        self, operands: Sequence[Tensor], gradient: Tensor, *, weights: bool, inputs: bool
    ) -> Tensor | None:
        """Gradients of what :meth:`forward` computed.

        Args:
            operands: from :meth:`forward`; B may be a part of the rows that went in.
            gradient: of the loss by the output, (G, B, out).
            weights: write :attr:`gradients`.
            inputs: return the gradient by the input, (G, B, in).
        """
        for number in reversed(range(len(self.layers))):
            weight, operand = self._weight(number), operands[number]
            gradient = gradient.to(weight.dtype)
            if weights:
                self._write_gradients(number, operand, gradient)
            if number == 0 and not inputs:
                return None
            gradient = torch.bmm(gradient, weight)
            if number:
                gradient = torch.ops.aten.threshold_backward(gradient, operand, 0)
        return gradient

    def _write_gradients(self, number: int, operand: Tensor, gradient: Tensor) -> None:
        target = self.layer_gradients[number]
        torch.sum(gradient, 1, keepdim=True, dtype=torch.float32, out=target.bias)
        if self._low[number]:
            target.weight.copy_(torch.bmm(gradient.transpose(1, 2), operand))
        else:
            torch.bmm(gradient.transpose(1, 2), operand, out=target.weight)

    def _weight(self, number: int) -> Tensor:
        return self._copies[number] if self._low[number] else self.layers[number].weight

    def _pairs(self) -> list[tuple[int, int]]:
        return list(zip(self.sizes[:-1], self.sizes[1:], strict=True))

    def _views(self, flat: Tensor) -> list[Linear]:
        layers: list[Linear] = []
        offset = 0
        for fan_in, fan_out in self._pairs():
            weight = flat[offset : offset + self.groups * fan_in * fan_out]
            offset += _padded(weight.numel())
            bias = flat[offset : offset + self.groups * fan_out]
            offset += _padded(bias.numel())
            layers.append(
                Linear(
                    weight.view(self.groups, fan_out, fan_in), bias.view(self.groups, 1, fan_out)
                )
            )
        return layers


def _padded(count: int) -> int:
    return -(-count // _ALIGNMENT) * _ALIGNMENT
