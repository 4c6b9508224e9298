"""Multi-layer perceptrons with hand-written gradients; networks of one shape run side by side.

A SAC update makes sixteen passes over small layers, and automatic differentiation spends a third
of its time on overhead around them. Here one buffer holds all parameters of a group of networks
and another all their gradients, so that only matrix products remain. The same calls run on CUDA and
can be captured in a graph, because no shape and no branch depends on data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

_ALIGNMENT: Final = 16
"""In floats: every tensor begins at a multiple of 64 bytes."""

_EPSILON: Final = 1e-5
"""Added to the variance in a layer normalization, torch's default."""


@dataclass(frozen=True, slots=True)
class Linear:
    """One layer of all networks: weights (G, out, in), biases (G, 1, out), float32 views."""

    weight: Tensor
    bias: Tensor


class Normalized(NamedTuple):
    """What a layer normalization was computed from: its input (G, B, width), and mean and inverse
    deviation of each row (G, B, 1).
    """

    given: Tensor
    mean: Tensor
    inverse: Tensor


@dataclass(frozen=True, slots=True)
class Pass:
    """What a forward pass leaves for the backward pass.

    Attributes:
        operands: the input of every layer, (G, B, in) each.
        normalized: of every hidden layer; empty without layer normalization.
        output: (G, B, out).
    """

    operands: list[Tensor]
    normalized: list[Normalized]
    output: Tensor

    def first(self, rows: int) -> Pass:
        """The pass of the first rows of the batch alone."""
        return Pass(
            [operand[:, :rows] for operand in self.operands],
            [Normalized(*(part[:, :rows] for part in layer)) for layer in self.normalized],
            self.output[:, :rows],
        )


class StackedMLP:
    """G perceptrons with ReLU hidden layers; their sizes are ``(in, hidden, ..., out)``.

    With layer normalization, what a hidden layer adds up is brought to mean 0 and variance 1 over
    its units before it is rectified; nothing is learned in it, as the next layer can scale.

    Attributes:
        parameters, gradients: float32, flat; the layers are views into them.
        layers, layer_gradients: the layers and their gradients, from input to output.
    """

    def __init__(
        self,
        groups: int,
        sizes: Sequence[int],
        device: torch.device,
        *,
        low_precision: bool,
        layer_norm: bool = False,
    ) -> None:
        """Args:
        groups: number of networks.
        sizes: layer widths, from input to output.
        device: device of all tensors.
        low_precision: multiply between hidden layers in bfloat16; weights are kept and updated
            in float32, and the first and the last layer stay in float32.
        layer_norm: normalize in hidden layers.
        """
        self._layer_norm = layer_norm
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

    def forward(self, inputs: Tensor) -> Pass:
        """The networks' outputs for inputs (1 or G, B, in), and what :meth:`backward` needs."""
        hidden = inputs.expand(self.groups, -1, -1)
        operands: list[Tensor] = []
        normalized: list[Normalized] = []
        for number, layer in enumerate(self.layers):
            weight = self._weight(number)
            if number and self._layer_norm:
                given = hidden
                hidden, mean, inverse = torch.native_layer_norm(
                    given, given.shape[-1:], None, None, _EPSILON
                )
                normalized.append(Normalized(given, mean, inverse))
            operands.append(hidden.relu_().to(weight.dtype) if number else hidden)
            hidden = torch.baddbmm(
                layer.bias.to(weight.dtype), operands[-1], weight.transpose(1, 2)
            )
        return Pass(operands, normalized, hidden)

    def backward(
        self, made: Pass, gradient: Tensor, *, weights: bool, inputs: bool
    ) -> Tensor | None:
        """Compute the gradients of :meth:`forward`.

        Args:
            made: from :meth:`forward`; B may be fewer rows than went in.
            gradient: gradient of the loss with respect to the output, (G, B, out).
            weights: write :attr:`gradients`.
            inputs: return the gradient with respect to the input, (G, B, in).
        """
        for number in reversed(range(len(self.layers))):
            weight, operand = self._weight(number), made.operands[number]
            gradient = gradient.to(weight.dtype)
            if weights:
                self._write_gradients(number, operand, gradient)
            if number == 0 and not inputs:
                return None
            gradient = torch.bmm(gradient, weight)
            if number:
                gradient = torch.ops.aten.threshold_backward(gradient, operand, 0)
            if number and self._layer_norm:
                layer = made.normalized[number - 1]
                gradient, _, _ = torch.ops.aten.native_layer_norm_backward(
                    gradient.to(layer.given.dtype),
                    layer.given,
                    layer.given.shape[-1:],
                    layer.mean,
                    layer.inverse,
                    None,
                    None,
                    [True, False, False],
                )
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
