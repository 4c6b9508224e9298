"""Dreamer's policy: a truncated normal distribution over actions in [-1, 1]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from baselines.dreamer.latents import HALF_LOG_TWO_PI
from baselines.dreamer.networks import Perceptron

_EDGE: Final = 1.0 - 1e-6
"""Actions stay this far inside of [-1, 1]."""
_LEAST_DEVIATION: Final = 0.1
_INSIDE: Final = 1e-7
"""Shares of a normal distribution are kept this far from 0 and 1, where its quantiles end."""


@dataclass(frozen=True, slots=True)
class TruncatedNormal:
    """A normal distribution cut off at -1 and 1, and scaled so that what is left sums up to one.

    Attributes:
        mean: (..., A) in (-1, 1), of the whole distribution; also the likeliest action.
        deviation: (..., A), of the whole.
    """

    mean: Tensor
    deviation: Tensor

    def draw(self, uniform: Tensor) -> Tensor:
        """Actions, by the inverse of the cumulative distribution at ``uniform`` (..., A).

        Gradients reach mean and deviation. Actions are held inside of (-1, 1), which changes no
        gradient.
        """
        below, above = self._shares()
        share = (below + uniform * (above - below)).clamp(_INSIDE, 1.0 - _INSIDE)
        action = self.mean + self.deviation * torch.special.ndtri(share)
        held = action.detach().clamp(-_EDGE, _EDGE)
        return action - action.detach() + held

    def log_prob(self, action: Tensor) -> Tensor:
        """Log-density of actions, summed over dimensions: (...)."""
        below, above = self._shares()
        scaled = (action - self.mean) / self.deviation
        density = -0.5 * scaled.square() - HALF_LOG_TWO_PI - self.deviation.log()
        return (density - (above - below).log()).sum(-1)

    def entropy(self) -> Tensor:
        """Summed over dimensions: (...)."""
        below, above = self._shares()
        left, right = self._ends()
        size = above - below
        pull = left * _density(left) - right * _density(right)
        whole = HALF_LOG_TWO_PI + 0.5 + self.deviation.log() + size.log()
        return (whole + 0.5 * pull / size).sum(-1)

    def _ends(self) -> tuple[Tensor, Tensor]:
        """-1 and 1, in deviations from the mean."""
        return (-1.0 - self.mean) / self.deviation, (1.0 - self.mean) / self.deviation

    def _shares(self) -> tuple[Tensor, Tensor]:
        """Of the whole distribution: what lies below -1, and below 1."""
        left, right = self._ends()
        return torch.special.ndtr(left), torch.special.ndtr(right)


def _density(scaled: Tensor) -> Tensor:
    return (-0.5 * scaled.square()).exp() / math.sqrt(2.0 * math.pi)


class StochasticActor(nn.Module):
    """Features (..., F) → :class:`TruncatedNormal` over (..., A)."""

    def __init__(self, features: int, actions: int, layers: int, units: int) -> None:
        super().__init__()
        self.network = Perceptron(features, 2 * actions, layers, units)

    def forward(self, features: Tensor) -> TruncatedNormal:
        """The policy's distribution; its deviation lies in (0.1, 2.1)."""
        raw_mean, raw_deviation = self.network(features).chunk(2, -1)
        return distribution(raw_mean, raw_deviation)


def distribution(raw_mean: Tensor, raw_deviation: Tensor) -> TruncatedNormal:
    """What a network's outputs (..., A) mean."""
    deviation = 2.0 * torch.sigmoid(raw_deviation / 2.0) + _LEAST_DEVIATION
    return TruncatedNormal(torch.tanh(raw_mean), deviation)
