"""Behavior policies: who acts while data are collected. One row per name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.registry import TaskSpec

Policy = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From the proprioceptive state, float32 (P,), to an action, float32 (A,), in [-1, 1]."""

PolicyFactory = Callable[[TaskSpec, np.random.Generator], Policy]
"""Makes the policy of one episode; all its randomness comes from the given generator."""


@dataclass(frozen=True, slots=True)
class Behavior:
    """One behavior policy.

    Attributes:
        make_policy: called once per episode.
        description: what the manifest says about the policy, as JSON.
    """

    make_policy: PolicyFactory
    description: Mapping[str, Any]


def make_uniform_policy(task: TaskSpec, rng: np.random.Generator) -> Policy:
    """Actions drawn independently and uniformly from [-1, 1]: V-D4RL's ``random`` datasets."""

    def act(state: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: ARG001 - blind by design
        return rng.uniform(-1.0, 1.0, size=task.action_size).astype(np.float32)

    return act


BEHAVIORS: Final[Mapping[str, Behavior]] = {
    "random": Behavior(make_uniform_policy, {"name": "random", "distribution": "uniform(-1, 1)"}),
}
