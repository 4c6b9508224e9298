"""Which episode of a mixed dataset is collected in which environment."""

from __future__ import annotations

from collections.abc import Sequence

from vd4rl_data.spec import EnvironmentSpec, Share


def environment_numbers(mixture: Sequence[Share], episodes: int) -> tuple[int, ...]:
    """The number of the environment of each of the first episodes.

    Each episode goes to the environment that lags behind its share most, so the first episodes of a
    dataset have the mixture of the whole, and fewer are the beginning of more.
    """
    made = [0] * len(mixture)
    numbers: list[int] = []
    for episode in range(episodes):
        lags = [item.share * (episode + 1) - made[i] for i, item in enumerate(mixture)]
        number = lags.index(max(lags))
        made[number] += 1
        numbers.append(number)
    return tuple(numbers)


def environment_of(mixture: Sequence[Share], episode: int) -> EnvironmentSpec:
    """The environment that an episode is collected in."""
    return mixture[environment_numbers(mixture, episode + 1)[-1]].environment
