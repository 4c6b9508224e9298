"""The rows of a dataset that the samplers index."""

from __future__ import annotations

from collections.abc import Sequence
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
        states: float32 (N, P), the simulator's proprioceptive state at each observation; ``None``
            where there is none, or nobody asked for it.
    """

    frames: FrameArray
    starts: Int64[np.ndarray, " E1"]
    actions: Float32[np.ndarray, "N A"]
    rewards: Float32[np.ndarray, " N"]
    discounts: Float32[np.ndarray, " N"]
    terminals: Bool[np.ndarray, " N"]
    states: Float32[np.ndarray, "N P"] | None = None

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
        for name in ("frames", "actions", "rewards", "discounts", "terminals", "states"):
            values = getattr(self, name)
            rows = self.starts[-1] if values is None else len(values)
            if rows != self.starts[-1]:
                raise DatasetFormatError(
                    f"{name}: expected {self.starts[-1]} rows, as starts says, got {rows}"
                )

    @property
    def num_episodes(self) -> int:
        """E."""
        return len(self.starts) - 1

    def check_alike(self, other: Columns, where: str, *, state: bool) -> None:
        """Check that rows of other columns can stand beside those of these.

        Args:
            other: the others.
            where: what they are, for the message.
            state: whether states matter.

        Raises:
            ValueError: frames, actions or states have other sizes.
        """
        names = ("frames", "actions", "states") if state else ("frames", "actions")
        for name in names:
            expected, found = (_row_shape(getattr(one, name)) for one in (self, other))
            if found != expected:
                raise ValueError(
                    f"{where}: {name}: expected rows of shape {expected} as before, got {found}"
                )

    def followed_by(self, others: Sequence[Columns]) -> Columns:
        """These rows, and then those of others; frames are not copied.

        Raises:
            ValueError: frames, actions or states have other sizes.
        """
        if not others:
            return self
        parts = [self, *others]
        for number, part in enumerate(others, 1):
            self.check_alike(part, f"part {number}", state=True)
        firsts = np.cumsum([0, *(int(part.starts[-1]) for part in parts)])
        starts = [part.starts[:-1] + first for part, first in zip(parts, firsts, strict=False)]
        states = [part.states for part in parts if part.states is not None]
        return Columns(
            frames=self.frames.followed_by([part.frames for part in others]),
            starts=np.concatenate([*starts, firsts[-1:]]),
            actions=np.concatenate([part.actions for part in parts]),
            rewards=np.concatenate([part.rewards for part in parts]),
            discounts=np.concatenate([part.discounts for part in parts]),
            terminals=np.concatenate([part.terminals for part in parts]),
            states=np.concatenate(states) if states else None,
        )


def _row_shape(array: FrameArray | NDArray[np.float32] | None) -> tuple[int, ...] | None:
    return None if array is None else array.shape[1:]
