"""Mean and deviation of the states that a run has seen, and layers that apply them by themselves.

Networks learn from states with mean 0 and deviation 1. What leaves a run, its actors and its kept
critics, takes states as they are: the first layer does what the normalization did.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from collection.actor import Layers

_LEAST_VARIANCE: Final = 1e-4
"""Added to variances, so that a part of the state that stays constant is not blown up."""

Network = TypeVar("Network", bound=Layers)


@dataclass(frozen=True, slots=True)
class StateStatistics:
    """Running statistics of states (Welford's method, several states at once).

    Attributes:
        count: number of states.
        mean: float64 (P,); zeros before the first state.
        squares: float64 (P,), sum of squared differences from the mean.
    """

    count: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def none(cls, state_size: int) -> StateStatistics:
        """Of no states."""
        return cls(0, np.zeros(state_size), np.zeros(state_size))

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation, float64 (P,), at least 0.01; ones before the second state."""
        if self.count < 2:
            return np.ones_like(self.mean)
        return np.sqrt(self.squares / self.count + _LEAST_VARIANCE)

    def added(self, states: NDArray[np.float32]) -> StateStatistics:
        """With further states, (N, P)."""
        given = states.astype(np.float64)
        number, mean = len(given), given.mean(0)
        total, difference = self.count + number, mean - self.mean
        squares = self.squares + np.square(given - mean).sum(0)
        squares += np.square(difference) * (self.count * number / total)
        return StateStatistics(total, self.mean + difference * (number / total), squares)

    def folded(self, layers: Network) -> Network:
        """Layers that give for states as they are what these give for normalized ones.

        The inputs after the first P, the actions of a critic, are left as they are.
        """
        scale = self._by_input(1 / self.deviation, layers)
        return _with_first(layers, scale, self._by_input(-self.mean / self.deviation, layers, 0.0))

    def unfolded(self, layers: Network) -> Network:
        """The layers that :meth:`folded` was given."""
        scale = self._by_input(self.deviation, layers)
        return _with_first(layers, scale, self._by_input(self.mean, layers, 0.0))

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "count": self.count,
            "mean": self.mean.tolist(),
            "squares": self.squares.tolist(),
        }

    @classmethod
    def from_plain(cls, found: Mapping[str, Any]) -> StateStatistics:
        """From what :meth:`plain` returned.

        Raises:
            KeyError, TypeError, ValueError: it was something else.
        """
        mean, squares = (np.array(found[name], np.float64) for name in ("mean", "squares"))
        if mean.ndim != 1 or mean.shape != squares.shape:
            raise ValueError(f"mean and squares have shapes {mean.shape} and {squares.shape}")
        return cls(int(found["count"]), mean, squares)

    def _by_input(
        self, values: NDArray[np.float64], layers: Layers, rest: float = 1.0
    ) -> NDArray[np.float64]:
        """One value per input of the first layer: those of the states, then ``rest``."""
        others = layers.weights[0].shape[1] - len(values)
        return np.concatenate((values, np.full(others, rest)))


def _with_first(layers: Network, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> Network:
    """Layers that take x where these take x * scale + shift."""
    weight = layers.weights[0].astype(np.float64)
    bias = layers.biases[0] + weight @ shift
    return dataclasses.replace(
        layers,
        weights=((weight * scale).astype(np.float32), *layers.weights[1:]),
        biases=(bias.astype(np.float32), *layers.biases[1:]),
    )
