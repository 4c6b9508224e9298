"""Encoder, decoder and perceptrons of Dreamer (Hafner et al. 2021), and their initial weights."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from baselines.errors import InvalidSettingError

_DOWN: Final = {64: (1, 2, 4, 8), 128: (1, 2, 4, 8, 8)}
"""Channels of the encoder's convolutions, as multiples of its depth, by frame size."""
_UP: Final = {64: (4, 2, 1), 128: (4, 2, 1, 1)}
"""The same of the decoder's hidden layers."""
_KERNELS: Final = {64: (5, 5, 6, 6), 128: (5, 5, 5, 6, 6)}
"""Of the decoder's convolutions."""
_CELLS: Final = 4
"""Two by two places are left where the encoder ends."""


class Encoder(nn.Module):
    """Convolutions of 4 x 4 with stride 2: uint8 (..., 3, S, S) → (..., E).

    Attributes:
        size: E, 32 times the depth: 1,536 for a depth of 48.
    """

    def __init__(self, size: int, depth: int, activation: type[nn.Module] = nn.ELU) -> None:
        """Args:
        size: S, of a frame in pixels: 64 or 128.
        depth: channels of the first convolution.
        activation: after each of them.

        Raises:
            InvalidSettingError: frames have another size.
        """
        super().__init__()
        check_frame_size(size)
        channels = [3, *(depth * factor for factor in _DOWN[size])]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, 4, stride=2), activation()]
        self.convnet = nn.Sequential(*layers)
        self.size = _CELLS * channels[-1]

    def forward(self, frames: Tensor) -> Tensor:
        """Embeddings of frames; leading dimensions stay."""
        flat = frames.flatten(0, -4)
        return self.convnet(centered(flat)).flatten(1).unflatten(0, frames.shape[:-3])


class Decoder(nn.Module):
    """Features (..., F) → mean pixels (..., C, S, S), about [-0.5, 0.5]; see :func:`centered`."""

    def __init__(
        self,
        features: int,
        size: int,
        depth: int,
        channels: int = 3,
        activation: type[nn.Module] = nn.ELU,
    ) -> None:
        """Args:
        features: F.
        size: S, 64 or 128.
        depth: channels of the last hidden layer.
        channels: C; more than three where masks are drawn, too.
        activation: between the convolutions.

        Raises:
            InvalidSettingError: frames have another size.
        """
        super().__init__()
        check_frame_size(size)
        self.linear = nn.Linear(features, 32 * depth)
        widths = [32 * depth, *(depth * factor for factor in _UP[size]), channels]
        layers: list[nn.Module] = []
        for before, after, kernel in zip(widths, widths[1:], _KERNELS[size], strict=False):
            layers += [nn.ConvTranspose2d(before, after, kernel, stride=2), activation()]
        self.convnet = nn.Sequential(*layers[:-1])

    def forward(self, features: Tensor) -> Tensor:
        """Mean pixels; leading dimensions stay."""
        flat = self.linear(features.flatten(0, -2))[..., None, None]
        return self.convnet(flat).unflatten(0, features.shape[:-1]).float()


class Perceptron(nn.Sequential):
    """``layers`` hidden layers of ``units``, and a linear one: (..., F) → float32 (..., O)."""

    def __init__(
        self,
        features: int,
        outputs: int,
        layers: int,
        units: int,
        activation: type[nn.Module] = nn.ELU,
    ) -> None:
        parts: list[nn.Module] = []
        for number in range(layers):
            parts += [nn.Linear(units if number else features, units), activation()]
        super().__init__(*parts, nn.Linear(units, outputs))

    def forward(self, features: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Outputs; leading dimensions stay."""
        return super().forward(features).float()


def centered(frames: Tensor) -> Tensor:
    """Bytes 0 … 255 as float32 in [-0.5, 0.5]."""
    return (frames * (1.0 / 255.0)).sub_(0.5)


def check_frame_size(size: int) -> None:
    """Check that encoder and decoder are made for frames of this size.

    Raises:
        InvalidSettingError: they are not.
    """
    if size not in _DOWN:
        raise InvalidSettingError(
            f"frames: expected {' or '.join(str(each) for each in _DOWN)} px, which encoder and "
            f"decoder are made for, got {size} px; choose a dataset of such a size"
        )


@runtime_checkable
class SelfInitialized(Protocol):
    """A module that knows its own initial weights."""

    def initialize(self, generator: torch.Generator) -> None:
        """Draw them."""
        ...


def initialize(network: nn.Module, generator: torch.Generator) -> None:
    """Uniform weights after Glorot and zero biases, as Keras has them; layer norms are left alone.

    Args:
        network: on the CPU, so that a seed means the same weights on every device.
        generator: of the CPU.
    """
    for layer in network.modules():
        if isinstance(layer, SelfInitialized):
            layer.initialize(generator)
        elif isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
