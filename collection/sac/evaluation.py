"""Evaluation of an actor by its episode returns."""

from __future__ import annotations

import numpy as np

from collection.actor import Actor
from collection.sac.simulations import Simulations
from vd4rl_data import seeding


class Evaluator:
    """Plays the same episodes with every actor it is given, side by side."""

    def __init__(self, task: str, episodes: int, seed: int) -> None:
        """Build one simulation per episode; the seed determines the initial states."""
        self._simulations = Simulations(task, episodes, seed, seeding.Purpose.POLICY_EVALUATION)
        self._episodes = episodes

    def returns(self, actor: Actor) -> list[float]:
        """Undiscounted returns of the episodes, played with the actor's mode."""
        self._simulations.start()
        returns: dict[int, float] = {}
        totals = np.zeros(self._episodes)
        while len(returns) < self._episodes:
            steps = self._simulations.step(actor.mode(self._simulations.states))
            totals += steps.rewards
            for number in np.flatnonzero(steps.ended):
                returns.setdefault(int(number), float(totals[number]))
        return [returns[number] for number in range(self._episodes)]

    def close(self) -> None:
        """Free the simulations."""
        self._simulations.close()
