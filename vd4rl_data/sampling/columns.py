"""The rows of a dataset that the samplers index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64
from numpy.typing import NDArray

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.frames import FrameArray


@dataclass(frozen=True, slots=True)
class Columns:
    """N rows of E episodes, one episode after the other, T + 1 rows each.

    Row t of an episode holds observation t and the action, reward, discount and terminal flag of
    transition t. The last row holds only the final observation.

    Attributes:
        frames: uint8 (N, H, W, 3), observations.
        starts: int64 (E+1,), the first row of each episode, then N.
        actions: float32 (N, A).
        rewards: float32 (N,).
        discounts: float32 (N,), the environment's own.
        terminals: bool (N,), true at the last transition of an episode that terminated.
    """

    frames: FrameArray
    starts: Int64[np.ndarray, " E1"]
    actions: Float32[np.ndarray, "N A"]
    rewards: Float32[np.ndarray, " N"]
    discounts: Float32[np.ndarray, " N"]
    terminals: Bool[np.ndarray, " N"]

    def __post_init__(self) -> None:
        """Check that the arrays fit together.

        Raises:
            DatasetFormatError: naming the array, what was expected and what was found.
        """
        lengths = np.diff(self.starts)
        if not len(lengths) or self.starts[0] != 0 or (lengths < 1).any():
            raise DatasetFormatError(
                f"starts: expected 0 and then increasing rows, got {self.starts[:8]}"
            )
        for name in ("frames", "actions", "rewards", "discounts", "terminals"):
            rows = len(getattr(self, name))
            if rows != self.starts[-1]:
                raise DatasetFormatError(
                    f"{name}: expected {self.starts[-1]} rows, as starts says, got {rows}"
                )

    @property
    def num_episodes(self) -> int:
        """E."""
        return len(self.starts) - 1

    def checked_episodes(self, episodes: NDArray[np.integer]) -> Int64[np.ndarray, " e"]:
        """Episode numbers, ascending, each once.

        Raises:
            ValueError: there are none, one lies outside [0, E), or they are no integers: a mask of
                booleans would pass for the numbers 0 and 1.
        """
        given = np.asarray(episodes)
        if not given.size:
            raise ValueError("episodes: expected at least one episode number, got none")
        if given.dtype.kind not in "iu":
            raise ValueError(f"episodes: expected integers, got an array of {given.dtype}")
        numbers = np.unique(given).astype(np.int64)
        if numbers[0] < 0 or numbers[-1] >= self.num_episodes:
            raise ValueError(
                f"episodes: expected numbers in [0, {self.num_episodes}), got "
                f"{numbers[0]} to {numbers[-1]}"
            )
        return numbers
