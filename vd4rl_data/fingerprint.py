"""The render fingerprint: reference frames that show whether a machine renders the same pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8


@dataclass(frozen=True, slots=True)
class RenderFingerprint:
    """Reference frames of a dataset with the physics states that they show.

    Attributes:
        renderer: OpenGL renderer string of the machine that rendered the frames.
        physics_states: float64 (F, S): qpos, qvel (and act) of each frame.
        frames: uint8 (F, H, W, 3).
    """

    renderer: str
    physics_states: Float64[np.ndarray, "F S"]
    frames: UInt8[np.ndarray, "F H W 3"]


def frame_difference(a: UInt8[np.ndarray, "*shape"], b: UInt8[np.ndarray, "*shape"]) -> float:
    """Mean absolute difference of two frame arrays, in gray levels (0 to 255)."""
    return float(np.mean(np.abs(a.astype(np.int16) - b.astype(np.int16))))
