"""One seed and an episode number decide an episode: who renders it, and when, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

SEEDING: Final = "numpy.random.SeedSequence((seed, episode)).spawn(2): reset, actions"
"""How seeds are derived, for the manifest."""


@dataclass(frozen=True, slots=True)
class EpisodeSeeds:
    """The random streams of one episode.

    Attributes:
        reset: seed of the simulator's own generator, in [0, 2**32).
        actions: generator of the behavior policy.
    """

    reset: int
    actions: np.random.Generator


def episode_seeds(seed: int, episode: int) -> EpisodeSeeds:
    """The streams of one episode, independent of each other and of all other episodes'.

    Further streams can be spawned behind these two without changing them.
    """
    reset, actions = np.random.SeedSequence((seed, episode)).spawn(2)
    return EpisodeSeeds(
        reset=int(reset.generate_state(1)[0]), actions=np.random.default_rng(actions)
    )
