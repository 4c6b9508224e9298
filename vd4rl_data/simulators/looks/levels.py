"""What all distractions of the Distracting Control Suite share: levels, seeds, random walks.

Stone et al., 2021, https://arxiv.org/abs/2101.02722. Numbers: its published code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from vd4rl_data.ids import LEVELS
from vd4rl_data.seeding import Purpose, word
from vd4rl_data.simulators.looks import Moment
from vd4rl_data.spec import Look

SCALES: Final[dict[str, float]] = dict(zip(LEVELS, (0.1, 0.2, 0.3), strict=True))
"""Level → scale of all distractions of colors and camera."""

State = TypeVar("State")


def scale_of(look: Look) -> float:
    """The scale of a look's level.

    Raises:
        ValueError: it has none of the levels.
    """
    if look.level not in SCALES:
        raise ValueError(f"look: level: expected one of {', '.join(LEVELS)}, got {look.level!r}")
    return SCALES[look.level]


def seed_of(look: Look, moment: Moment) -> int:
    """The seed of a look in an episode, in [0, 2**32): its own, or one from the episode's."""
    return _of_episode(moment.episode) if look.seed is None else look.seed


@functools.lru_cache(maxsize=16)
def _of_episode(episode: int) -> int:
    return word(Purpose.LOOK_OF_EPISODE, episode)


class Walks(Generic[State]):
    """Random walks, one for each seed, at any step: computed onward from where they are.

    Keeps the states of the last seed alone, since frames mostly come episode by episode.
    """

    def __init__(self, start: Callable[[int], Iterator[State]]) -> None:
        """Args:
        start: from a seed, the endless states of its walk, step by step.
        """
        self._start = start
        self._seed: int | None = None
        self._states: list[State] = []
        self._walk: Iterator[State] = iter(())

    def at(self, seed: int, step: int) -> State:
        """The state of a walk at a step."""
        if seed != self._seed:
            self._seed, self._states, self._walk = seed, [], self._start(seed)
        while len(self._states) <= step:
            self._states.append(next(self._walk))
        return self._states[step]
