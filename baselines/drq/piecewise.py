"""The encoder on a CPU: a few observations at a time.

A whole batch would move some hundred megabytes through memory between one layer and the next, most
of it to pages that the kernel has to clear first. A piece of the batch goes through all layers
while it is in the processor's cache, and what gradients need is written to memory that is lent and
taken back, update after update.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from baselines.drq.augmentation import shift_into
from baselines.drq.networks import Encoder, centered
from vd4rl_data.sampling.buffers import BatchMemory

_PIECE: Final = 16
"""Observations that a thread takes at once: what two layers exchange is then a few megabytes."""


class PiecewiseEncoder:
    """``encoder(random_shift(observations, shifts))`` on a CPU, and its gradients.

    The gradient of a weight is a sum over pieces: up to rounding that of the whole batch at once.
    """

    def __init__(self, encoder: Encoder) -> None:
        """Work with the encoder's own parameters."""
        self._encoder = encoder
        self._memories: dict[int, BatchMemory] = {}

    def __call__(self, observations: Tensor, shifts: Tensor) -> Tensor:
        """Features (B, R) of uint8 (B, C, H, W), moved by int64 shifts (B, 2).

        They are bfloat16 inside of an autocast to it, else float32.
        """
        parameters = list(self._encoder.convnet.parameters())
        if torch.is_grad_enabled():
            return cast("Tensor", _Encoding.apply(self, observations, shifts, *parameters))
        return self.forward(observations, shifts, self.layers(parameters), keep=False).features

    def layers(self, parameters: Sequence[Tensor]) -> list[_Layer]:
        """The convolutions with the given weights and biases, in the type of products."""
        autocast = torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu") if autocast else torch.float32
        modules = [layer for layer in self._encoder.convnet if isinstance(layer, nn.Conv2d)]
        return [
            _Layer(
                weight.detach().to(dtype, memory_format=torch.channels_last),
                bias.detach().to(dtype),
                list(module.stride),
            )
            for module, weight, bias in zip(
                modules, parameters[0::2], parameters[1::2], strict=True
            )
        ]

    def forward(
        self, observations: Tensor, shifts: Tensor, layers: Sequence[_Layer], *, keep: bool
    ) -> _Passed:
        """Features, and with ``keep`` what their gradients need."""
        count, channels, height, width = observations.shape
        dtype = layers[0].weight.dtype
        pixels = self._lend((count, height, width, channels), observations.dtype)
        features = self._lend((count, self._encoder.size), dtype)
        shapes = list(_output_shapes(layers, height, width))[:-1] if keep else []
        outputs = [self._lend((count, *shape), dtype).permute(0, 3, 1, 2) for shape in shapes]
        for here in _pieces(count):
            shift_into(pixels[here].numpy(), observations[here].numpy(), shifts[here].numpy())
            x = self.centered(pixels[here]).to(dtype)
            for number, layer in enumerate(layers):
                x = layer.output(x)
                if number < len(outputs):
                    x = torch.clamp_min(x, 0.0, out=outputs[number][here])
                else:
                    x.relu_()
            features[here].view(x.shape).copy_(x)
        return _Passed(features, pixels, outputs)

    def backward(self, gradient: Tensor, passed: _Passed, layers: Sequence[_Layer]) -> list[Tensor]:
        """Gradients of weights and biases, float32, from that of the features (B, R)."""
        sums = [
            torch.zeros(parameter.shape)
            for layer in layers
            for parameter in (layer.weight, layer.bias)
        ]
        for here in _pieces(len(gradient)):
            inputs = [self.centered(passed.pixels[here]), *(each[here] for each in passed.outputs)]
            features = passed.features[here]
            g = _before_relu(gradient[here].to(features.dtype), features)
            side = math.isqrt(g.shape[1] // len(layers[-1].bias))
            g = g.view(len(g), -1, side, side).contiguous(memory_format=torch.channels_last)
            for number in reversed(range(len(layers))):
                x = inputs[number].to(g.dtype)
                g, weight, bias = layers[number].gradients(g, x, of_input=number > 0)
                sums[2 * number] += weight
                sums[2 * number + 1] += bias
                if number > 0:
                    g = _before_relu(g, x)
        return sums

    def centered(self, pixels: Tensor) -> Tensor:
        """What the first convolution sees of uint8 (B, H, W, C): float32 (B, C, H, W)."""
        out = self._lend(tuple(pixels.shape), torch.float32)
        return centered(pixels, self._encoder.offset, out).permute(0, 3, 1, 2)

    def _lend(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """An uninitialized tensor, in memory that comes back when nothing refers to it."""
        size = math.prod(shape) * dtype.itemsize
        if size not in self._memories:
            self._memories[size] = BatchMemory(size, reuse=False)
        return torch.from_numpy(self._memories[size].lend()).view(dtype).view(shape)


class _Passed(NamedTuple):
    """What a pass computed.

    Attributes:
        features: (B, R).
        pixels: uint8 (B, H, W, C), moved.
        outputs: of all layers but the last, after their ReLU, (B, C, H, W) with channels last;
            empty if not kept.
    """

    features: Tensor
    pixels: Tensor
    outputs: list[Tensor]


class _Layer(NamedTuple):
    """A convolution as a pass runs it: with channels last, in the type of products."""

    weight: Tensor
    bias: Tensor
    stride: list[int]

    def output(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.bias, self.stride)

    def gradients(self, g: Tensor, x: Tensor, *, of_input: bool) -> tuple[Tensor, Tensor, Tensor]:
        """By input (if wanted), weight and bias."""
        rest = ([len(self.bias)], self.stride, [0, 0], [1, 1], False, [0, 0], 1)
        return torch.ops.aten.convolution_backward(g, x, self.weight, *rest, [of_input, True, True])


class _Encoding(torch.autograd.Function):
    """A pass, for autograd."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Features (B, R); see :meth:`PiecewiseEncoder.forward`."""
        piecewise: PiecewiseEncoder = arguments[0]
        observations, shifts, *parameters = cast("tuple[Tensor, ...]", arguments[1:])
        passed = piecewise.forward(observations, shifts, piecewise.layers(parameters), keep=True)
        ctx.piecewise, ctx.layers = piecewise, len(parameters) // 2
        ctx.save_for_backward(passed.features, passed.pixels, *passed.outputs, *parameters)
        return passed.features

    @staticmethod
    @once_differentiable  # whose type hides the names of parameters
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Any
    ) -> tuple[Tensor | None, ...]:
        """By the parameters; pixels and shifts have none."""
        features, pixels, *saved = cast("tuple[Tensor, ...]", ctx.saved_tensors)
        kept = ctx.layers - 1
        passed = _Passed(features, pixels, saved[:kept])
        piecewise: PiecewiseEncoder = ctx.piecewise
        sums = piecewise.backward(gradients[0], passed, piecewise.layers(saved[kept:]))
        return (None, None, None, *sums)


def _pieces(count: int) -> Iterator[slice]:
    piece = _PIECE * torch.get_num_threads()
    return (slice(at, at + piece) for at in range(0, count, piece))


def _before_relu(g: Tensor, output: Tensor) -> Tensor:
    """The gradient by what a ReLU was applied to, from that by its output."""
    return torch.ops.aten.threshold_backward(g, output, 0)


def _output_shapes(layers: Sequence[_Layer], height: int, width: int) -> Iterator[tuple[int, ...]]:
    """(H, W, C) of each layer's output for one observation."""
    for layer in layers:
        (tall, wide), (down, across) = layer.weight.shape[2:], layer.stride
        height, width = (height - tall) // down + 1, (width - wide) // across + 1
        yield height, width, len(layer.bias)
