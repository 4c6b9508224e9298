"""The stochastic half of a latent state: what a network's outputs mean, and how one is drawn.

Both kinds take and give flat vectors. Noise is an argument, so that a draw is a pure function that
a CUDA graph can replay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Protocol

import torch
from torch import Tensor
from torch.nn import functional

HALF_LOG_TWO_PI: Final = 0.5 * math.log(2.0 * math.pi)


class Latent(Protocol):
    """A kind of distribution over vectors of ``size`` numbers, given by ``outputs`` numbers."""

    @property
    def size(self) -> int:
        """Numbers of a drawn vector."""
        ...

    @property
    def outputs(self) -> int:
        """Numbers that give a distribution."""
        ...

    def noise(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """What ``draw`` needs for distributions of this shape, on the generator's device."""
        ...

    def draw(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Vectors (..., size), reparameterized: gradients reach ``outputs`` (..., outputs)."""
        ...

    def mode(self, outputs: Tensor) -> Tensor:
        """The most likely vectors (..., size)."""
        ...

    def expected(self, outputs: Tensor) -> Tensor:
        """The mean of what is drawn: float32 (..., size)."""
        ...

    def divergence(self, first: Tensor, second: Tensor) -> Tensor:
        """KL(first ‖ second), (...), of outputs (..., outputs)."""
        ...

    def log_prob(self, outputs: Tensor, vectors: Tensor) -> Tensor:
        """Log-probabilities (...) of vectors (..., size)."""
        ...


@dataclass(frozen=True, slots=True)
class Categorical:
    """``variables`` one-hot vectors of ``classes``, of DreamerV2 (Hafner et al. 2021).

    A draw is one-hot and passes gradients straight to the probabilities. No probability is held
    away from zero: that came with a later version of Dreamer.
    """

    variables: int = 32
    classes: int = 32

    @property
    def size(self) -> int:
        """Numbers of a drawn vector."""
        return self.variables * self.classes

    @property
    def outputs(self) -> int:
        """Logits."""
        return self.size

    def noise(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Uniform in [0, 1), (*shape, variables)."""
        device = generator.device
        return torch.rand((*shape, self.variables), generator=generator, device=device)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Float32 (..., variables, classes)."""
        return self._split(outputs).softmax(-1)

    def expected(self, outputs: Tensor) -> Tensor:
        """The probabilities of all classes."""
        return self.probabilities(outputs).flatten(-2)

    def draw(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """The first class whose cumulative probability exceeds the noise, straight-through."""
        probabilities = self.probabilities(outputs)
        with torch.no_grad():
            below = probabilities.cumsum(-1) <= noise[..., None]
            chosen = below.sum(-1).clamp_(max=self.classes - 1)  # sums may end below one
        return self._straight_through(chosen, probabilities)

    def mode(self, outputs: Tensor) -> Tensor:
        """The likeliest class of each variable, straight-through."""
        probabilities = self.probabilities(outputs)
        return self._straight_through(probabilities.argmax(-1), probabilities)

    def divergence(self, first: Tensor, second: Tensor) -> Tensor:
        """Summed over variables and classes."""
        ours, theirs = (self._split(each).log_softmax(-1) for each in (first, second))
        return (ours.exp() * (ours - theirs)).sum((-2, -1))

    def log_prob(self, outputs: Tensor, vectors: Tensor) -> Tensor:
        """Summed over variables."""
        return (self._split(outputs).log_softmax(-1) * self._split(vectors)).sum((-2, -1))

    def _split(self, flat: Tensor) -> Tensor:
        return flat.float().unflatten(-1, (self.variables, self.classes))

    def _straight_through(self, chosen: Tensor, probabilities: Tensor) -> Tensor:
        vectors: Any = _StraightThrough.apply(chosen, probabilities)
        return vectors.flatten(-2)


class _StraightThrough(torch.autograd.Function):
    """One-hot vectors whose gradients are those of the probabilities that they were drawn from."""

    @staticmethod
    def forward(_: Any, chosen: Tensor, probabilities: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return torch.zeros_like(probabilities).scatter_(-1, chosen[..., None], 1.0)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> tuple[None, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None, gradient


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A diagonal normal distribution: means, then deviations as ``softplus(·) + floor``.

    Attributes:
        dimensions: of a vector.
        floor: of deviations.
        shared: whether noise is drawn once for all of the first dimension, the batch.
    """

    dimensions: int = 64
    floor: float = 0.1
    shared: bool = False

    @property
    def size(self) -> int:
        """Numbers of a drawn vector."""
        return self.dimensions

    @property
    def outputs(self) -> int:
        """Means and deviations."""
        return 2 * self.dimensions

    def noise(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Standard normal, (*shape, dimensions)."""
        whole = (*shape, self.dimensions)
        drawn = (1, *whole[1:]) if self.shared else whole
        noise = torch.randn(drawn, generator=generator, device=generator.device)
        return noise.expand(whole).contiguous()

    def moments(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Means and deviations, float32 (..., dimensions) each."""
        mean, raw = outputs.float().chunk(2, -1)
        return mean, functional.softplus(raw) + self.floor

    def draw(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Mean plus deviation times noise."""
        mean, deviation = self.moments(outputs)
        return mean + deviation * noise

    def mode(self, outputs: Tensor) -> Tensor:
        """The means."""
        return self.moments(outputs)[0]

    def expected(self, outputs: Tensor) -> Tensor:
        """The means."""
        return self.moments(outputs)[0]

    def divergence(self, first: Tensor, second: Tensor) -> Tensor:
        """Summed over dimensions."""
        mean, deviation = self.moments(first)
        other_mean, other_deviation = self.moments(second)
        ratio = deviation / other_deviation
        distance = (mean - other_mean) / other_deviation
        return (0.5 * (ratio.square() + distance.square() - 1.0) - ratio.log()).sum(-1)

    def log_prob(self, outputs: Tensor, vectors: Tensor) -> Tensor:
        """Summed over dimensions."""
        mean, deviation = self.moments(outputs)
        return normal_log_prob(vectors, mean, deviation).sum(-1)


def normal_log_prob(values: Tensor, mean: Tensor, deviation: Tensor | float) -> Tensor:
    """Log-density of normal distributions, element by element."""
    scaled = (values - mean) / deviation
    spread: Any = deviation.log() if isinstance(deviation, Tensor) else math.log(deviation)
    return -0.5 * scaled.square() - spread - HALF_LOG_TWO_PI
