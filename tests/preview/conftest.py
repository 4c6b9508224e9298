"""Painted episodes."""

from __future__ import annotations

import numpy as np

from vd4rl_data.episode import Episode


def painted(length: int, *, size: int = 64, terminated: bool = False, level: int = 40) -> Episode:
    """An episode whose frame t is a plain color that rises with t; each reward is 0.5."""
    frames = np.zeros((length + 1, size, size, 3), np.uint8)
    frames[..., 0] = level
    frames[..., 1] = np.arange(length + 1).reshape(-1, 1, 1) * 8
    frames[..., 2] = 255 - level
    return Episode(
        observations=frames,
        actions=np.zeros((length, 2), np.float32),
        rewards=np.full(length, 0.5, np.float32),
        discounts=np.ones(length, np.float32),
        terminated=terminated,
        truncated=not terminated,
    )
