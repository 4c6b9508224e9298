"""Short environments and policies whose actions depend on every frame they see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

ID = "VD4RL/walker_walk-random-64px-v0"
STEPS = 4


class PixelPolicy:
    """Deterministic, sensitive to all frames of the stack; records what it was shown."""

    def __init__(self, action_size: int = 6) -> None:
        self.action_size = action_size
        self.seen: list[np.ndarray] = []

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        self.seen.append(observations)
        pixels = observations.reshape(len(observations), -1, self.action_size)
        return np.sin(pixels.astype(np.float64).sum(axis=1))


@pytest.fixture
def policy() -> PixelPolicy:
    return PixelPolicy()


@pytest.fixture
def env() -> Iterator[gymnasium.Env[Any, Any]]:
    """The walker with episodes of four time steps."""
    env = gymnasium.make(ID, max_episode_steps=STEPS)
    yield env
    env.close()
