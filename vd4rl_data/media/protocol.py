"""The interface of a set of media."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

TRAIN: Final = "train"
HELD_OUT: Final = "held_out"
SPLITS: Final = (TRAIN, HELD_OUT)


@runtime_checkable
class Clip(Protocol):
    """One scene, as frames of any size."""

    @property
    def length(self) -> int:
        """Number of frames, one per time step."""
        ...

    def frame(self, number: int, size: int) -> UInt8[np.ndarray, "size size 3"]:
        """One frame, uint8 (size, size, 3); wider scenes are squeezed.

        Args:
            number: from 0 to ``length - 1``.
            size: height and width in pixels.
        """
        ...


@runtime_checkable
class MediaSet(Protocol):
    """Scenes under one name."""

    @property
    def name(self) -> str:
        """Its name, a word of the id grammar."""
        ...

    def content_sha256(self) -> str:
        """A hash of its content.

        Raises:
            MediaNotFoundError: it is not on this machine.
        """
        ...

    def scenes(self, split: str) -> tuple[str, ...]:
        """Names of the scenes of a split, in an order that never changes.

        Raises:
            ValueError: there is no such split.
            MediaNotFoundError: the set is not on this machine.
        """
        ...

    def clip(self, scene: str) -> Clip:
        """Open a scene.

        Raises:
            MediaNotFoundError: it is not on this machine.
            InvalidMediaError: it has no frames, frames of several sizes, or cannot be decoded.
        """
        ...


def check_split(split: str) -> None:
    """Raise ValueError unless there is such a split."""
    if split not in SPLITS:
        raise ValueError(f"media: split: expected one of {', '.join(SPLITS)}, got {split!r}")
