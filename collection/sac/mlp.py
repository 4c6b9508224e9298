"""Multi-layer perceptrons with hand-written gradients; networks of one shape run side by side.

A SAC update makes sixteen passes over small layers, and automatic differentiation spends a third
of its time on overhead around them. Here one buffer holds all parameters of a group of networks
and another all their gradients, so that only matrix products remain. The same calls run on CUDA and
can be captured in a graph, because no shape and no branch depends on data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

_ALIGNMENT: Final = 16
"""In floats: every tensor begins at a multiple of 64 bytes."""


@dataclass(frozen=True, slots=True)
class Linear:
    """One layer of all networks: weights (G, out, in), biases (G, 1, out), float32 views."""

    weight: Tensor
    bias: Tensor


class StackedMLP:
    """G perceptrons with ReLU hidden layers; their sizes are ``(in, hidden, ..., out)``.

    Attributes:
        parameters, gradients: float32, flat; the layers are views into them.
        layers, layer_gradients: the layers and their gradients, from input to output.
    """

    def __init__(
        self, groups: int, sizes: Sequence[int], device: torch.device, *, low_precision: bool
    ) -> None:
        """Args:
        groups: number of networks.
        sizes: layer widths, from input to output.
        device: device of all tensors.
        low_precision: multiply between hidden layers in bfloat16; weights are kept and updated
            in float32, and the first and the last layer stay in float32.
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
        """Update the bfloat16 copies of the weights; call this after the parameters changed."""
        for low, layer, copy in zip(self._low, self.layers, self._copies, strict=True):
            if low:
                copy.copy_(layer.weight)

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """The input of every layer, (G, B, in) each, followed by the output, (G, B, out)."""
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
        """Compute the gradients of :meth:`forward`.

        Args:
            operands: from :meth:`forward`; B may be fewer rows than went in.
            gradient: gradient of the loss with respect to the output, (G, B, out).
            weights: write :attr:`gradients`.
            inputs: return the gradient with respect to the input, (G, B, in).
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
