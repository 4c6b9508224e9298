"""The networks of DrQ-v2 (Yarats et al. 2022), which BC, DrQ+BC and CQL take as they are."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from baselines.bench.algorithm import Spaces
from baselines.errors import InvalidSettingError

CHANNELS: Final = 32
SMALLEST_FRAME: Final = 15
"""Height and width that still leave one pixel after four convolutions."""

_ROWS: Final = 512
"""Rows that a CPU takes through a critic's head at once: two megabytes of activations a layer."""

_RELU_GAIN: Final = 2.0**0.5


class Encoder(nn.Module):
    """Four convolutions of 3 x 3, the first with stride 2: (B, C, H, W) of 0 … 255 → (B, R).

    Attributes:
        size: R, 39,200 for 84 px and 20,000 for 64 px.
    """

    def __init__(self, spaces: Spaces) -> None:
        """Make the layers, with torch's initial weights.

        Raises:
            InvalidSettingError: frames are too small.
        """
        super().__init__()
        if spaces.size < SMALLEST_FRAME:
            raise InvalidSettingError(
                f"frames: expected at least {SMALLEST_FRAME} px, got {spaces.size} px"
            )
        self.convnet = nn.Sequential(
            nn.Conv2d(spaces.channels, CHANNELS, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(CHANNELS, CHANNELS, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(CHANNELS, CHANNELS, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(CHANNELS, CHANNELS, 3),
            nn.ReLU(inplace=True),
        )
        self.offset = nn.Buffer(torch.tensor(-0.5), persistent=False)
        side = (spaces.size - 3) // 2 + 1 - 3 * 2
        self.size = CHANNELS * side * side

    def forward(self, observations: Tensor) -> Tensor:
        """Features (B, R) of observations, uint8 or float (B, C, H, W)."""
        return self.convnet(centered(observations, self.offset)).flatten(1)


def centered(observations: Tensor, offset: Tensor, out: Tensor | None = None) -> Tensor:
    """X / 255 - 1/2 in one go over memory, from bytes."""
    return torch.add(offset, observations, alpha=1.0 / 255.0, out=out)


class Actor(nn.Module):
    """The mean action, (B, R) → float32 (B, A) in (-1, 1). Its deviation is not learned."""

    def __init__(self, features: int, action_size: int, feature_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.trunk = _trunk(features, feature_dim)
        self.policy = _mlp(feature_dim, hidden_dim, action_size)

    def forward(self, features: Tensor) -> Tensor:
        """The mean actions of features (B, R)."""
        return torch.tanh(self.policy(self.trunk(features)).float())


class Critic(nn.Module):
    """Two action values from one trunk.

    Actions are (B, A), or (B, M, A) for M actions at each of B observations: the trunk, most of the
    work, then runs once per observation. Values are float32 (B,) or (B, M).
    """

    def __init__(self, features: int, action_size: int, feature_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.trunk = _trunk(features, feature_dim)
        self.Q1 = _mlp(feature_dim + action_size, hidden_dim, 1)
        self.Q2 = _mlp(feature_dim + action_size, hidden_dim, 1)

    def forward(self, features: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Both values of actions at features (B, R)."""
        trunk = self.trunk(features)  # (B, F)
        if actions.ndim == 3:
            trunk = trunk[:, None].expand(-1, actions.shape[1], -1)  # (B, M, F)
        inputs = torch.cat((trunk, actions.to(trunk.dtype)), dim=-1).flatten(0, -2)
        shape = actions.shape[:-1]
        return self._values(self.Q1, inputs).view(shape), self._values(self.Q2, inputs).view(shape)

    @staticmethod
    def _values(network: nn.Sequential, inputs: Tensor) -> Tensor:
        """(N, F + A) → float32 (N,), on a CPU in pieces that its cache can hold."""
        pieces = inputs.split(_ROWS) if inputs.device.type == "cpu" else (inputs,)
        return torch.cat([network(piece) for piece in pieces]).squeeze(-1).float()


def initialize(network: nn.Module, generator: torch.Generator) -> None:
    """Orthogonal weights (convolutions times √2) and zero biases, as DrQ-v2 has them.

    Args:
        network: on the CPU, so that a seed means the same weights on every device.
        generator: of the CPU.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            gain = _RELU_GAIN if isinstance(layer, nn.Conv2d) else 1.0
            nn.init.orthogonal_(layer.weight, gain, generator=generator)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


def _trunk(features: int, feature_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, feature_dim), nn.LayerNorm(feature_dim), nn.Tanh())


def _mlp(inputs: int, hidden_dim: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden_dim),
        nn.ReLU(inplace=True),
        nn.Linear(hidden_dim, hidden_dim),
        nn.ReLU(inplace=True),
        nn.Linear(hidden_dim, outputs),
    )
