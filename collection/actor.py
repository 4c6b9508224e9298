"""Networks as numpy arrays: the form in which policies act, are saved and shipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Layers:
    """A multi-layer perceptron: an actor, or a critic.

    Attributes:
        weights: float32 (out, in) for each layer.
        biases: float32 (out,) for each layer.
    """

    weights: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """The arrays by name: ``layers.<number>.weight`` and ``.bias``."""
        named: dict[str, NDArray[np.float32]] = {}
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            named[f"layers.{number}.weight"] = weight
            named[f"layers.{number}.bias"] = bias
        return named

    @classmethod
    def from_tensors(cls, named: Mapping[str, NDArray[np.float32]]) -> Layers:
        """Rebuild the layers from what :meth:`tensors` returned.

        Raises:
            ValueError: the names, dtypes or shapes are not those of a perceptron, or a number is
                not finite.
        """
        layers = range(len(named) // 2)
        expected = {f"layers.{number}.{part}" for number in layers for part in ("weight", "bias")}
        if not named or set(named) != expected:
            raise ValueError(f"expected layers.<number>.weight and .bias, got {sorted(named)}")
        weights = tuple(named[f"layers.{number}.weight"] for number in layers)
        biases = tuple(named[f"layers.{number}.bias"] for number in layers)
        for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            _check_layer(number, weight, bias)
        for number, (before, after) in enumerate(pairwise(weights)):
            if before.shape[0] != after.shape[1]:
                raise ValueError(
                    f"layers {number} and {number + 1} do not fit together: their weights have "
                    f"shapes {before.shape} and {after.shape}"
                )
        return cls(weights, biases)


@dataclass(frozen=True, slots=True)
class Actor(Layers):
    """A tanh-squashed Gaussian policy, computed by a multi-layer perceptron with ReLU activations.

    Its last layer outputs A means, then A log standard deviations.
    """

    KIND: ClassVar[str] = "tanh_gaussian_mlp"
    LOG_STD_RANGE: ClassVar[tuple[float, float]] = (-20.0, 2.0)
    """Log standard deviations are clamped to this range."""

    @property
    def state_size(self) -> int:
        """Length of the proprioceptive state, P."""
        return self.weights[0].shape[1]

    @property
    def action_size(self) -> int:
        """Length of an action, A."""
        return self.biases[-1].shape[0] // 2

    @classmethod
    def from_tensors(cls, named: Mapping[str, NDArray[np.float32]]) -> Actor:
        """Rebuild an actor from what :meth:`tensors` returned.

        Raises:
            ValueError: the names, dtypes or shapes are not those of a perceptron, or a number is
                not finite.
        """
        layers = Layers.from_tensors(named)
        if len(layers.biases[-1]) % 2:
            raise ValueError(
                f"the last layer has {len(layers.biases[-1])} outputs, expected an even number"
            )
        return cls(layers.weights, layers.biases)

    def mode(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        """Deterministic actions, tanh of the means: float32 (N, A) for states float32 (N, P)."""
        means, _ = self._distribution(states)
        return np.tanh(means)

    def sample(self, states: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Sampled actions, float32 (N, A), for states float32 (N, P)."""
        means, log_stds = self._distribution(states)
        noise = rng.standard_normal(means.shape, np.float32)
        return np.tanh(means + np.exp(log_stds.clip(*self.LOG_STD_RANGE)) * noise)

    def _distribution(
        self, states: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        hidden = states
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = np.asarray(hidden @ weight.T + bias, np.float32)
            if number < last:
                hidden = np.maximum(hidden, np.float32(0))
        means, log_stds = np.split(hidden, 2, axis=1)
        return means, log_stds


def _check_layer(number: int, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    if weight.ndim != 2 or bias.shape != weight.shape[:1] or not weight.size:
        raise ValueError(
            f"layer {number}: expected a weight (out, in) and a bias (out,), got shapes "
            f"{weight.shape} and {bias.shape}"
        )
    for array in (weight, bias):
        if array.dtype != np.float32:
            raise ValueError(f"layer {number}: expected float32, got {array.dtype}")
        if not np.isfinite(array).all():
            raise ValueError(f"layer {number}: expected finite numbers")
