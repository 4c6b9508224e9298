"""What behaviors have in common whose episodes are rolled out from a seed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from collection.rollout import Policy, Trajectory, rollout
from vd4rl_data.seeding import COLLECTION_RECIPE
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled(ABC):
    """Each episode follows from the seed, the behavior's name and its own number.

    Its methods are those of :class:`collection.players.Behavior`.

    Attributes:
        seed: seed of all episodes.
    """

    seed: int = 0

    @property
    @abstractmethod
    def name(self) -> str:
        """See :class:`collection.players.Behavior`."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """See :class:`collection.players.Behavior`."""
        return {"seed": self.seed, "recipe_version": COLLECTION_RECIPE, **self.settings}

    @property
    def settings(self) -> Mapping[str, Any]:
        """What else determines the episodes; JSON values."""
        return {}

    @property
    def arguments(self) -> tuple[str, ...]:
        """See :class:`collection.players.Behavior`."""
        return ("--seed", str(self.seed))

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`collection.players.Behavior`."""
        return (task.time_steps,) * episodes

    def play(self, simulation: Simulation, *, episode: int, size: int | None = None) -> Trajectory:
        """See :class:`collection.players.Behavior`."""

        def make(task: TaskSpec, rng: np.random.Generator) -> Policy:
            return self.make_policy(task, episode, rng)

        return rollout(
            simulation, make, behavior=self.name, seed=self.seed, episode=episode, size=size
        )

    @abstractmethod
    def make_policy(self, task: TaskSpec, episode: int, rng: np.random.Generator) -> Policy:
        """Make the policy of one episode; all its randomness comes from the generator."""
