"""Which episodes a subset takes: fair to every part, and to training and validation in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from vd4rl_data import seeding
from vd4rl_data.arguments import checked_count, checked_fraction
from vd4rl_data.storage.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Part:
    """The episodes of one part of a dataset, by their stored numbers.

    Attributes:
        train: int64, ascending.
        validation: int64, ascending.
    """

    train: Int64[np.ndarray, " t"]
    validation: Int64[np.ndarray, " v"]

    def __len__(self) -> int:
        """Episodes of both."""
        return len(self.train) + len(self.validation)


def parts_of(manifests: Sequence[Manifest]) -> tuple[Part, ...]:
    """The parts of a dataset that is stored in these files, in order, numbered through.

    A composite has the same parts, whether it lies in one file or in several.
    """
    parts: list[Part] = []
    first = 0
    for manifest in manifests:
        held_out = np.asarray(manifest.validation_episodes, dtype=np.int64) + first
        for episodes in manifest.part_episodes:
            numbers = np.arange(first, first + episodes, dtype=np.int64)
            is_held_out = np.isin(numbers, held_out)
            parts.append(Part(numbers[~is_held_out], numbers[is_held_out]))
            first += episodes
    return tuple(parts)


def choose_episodes(
    parts: Sequence[Part], max_episodes: int | None, fraction: float | None
) -> Int64[np.ndarray, " e"]:
    """Stored numbers of the episodes of a subset, ascending: random, fixed and nested.

    The parts get shares in proportion to their episodes. Within a part, training and validation
    episodes are drawn separately, in their proportion, and both are there from two episodes of the
    part on; a single episode is one of training.

    Args:
        parts: of the dataset.
        max_episodes: keep at most so many, at least 1.
        fraction: keep this share, in (0, 1], but at least one episode.

    Raises:
        TypeError: one of the two is no integer, or no number.
        ValueError: one of the two is out of range.
    """
    total = sum(len(part) for part in parts)
    count = _count(total, max_episodes, fraction)
    shares = _shares([len(part) for part in parts], count)
    chosen = [_choose(part, share) for part, share in zip(parts, shares, strict=True)]
    return np.sort(np.concatenate(chosen))


def _count(total: int, max_episodes: int | None, fraction: float | None) -> int:
    count = total
    if fraction is not None:
        count = max(1, round(total * checked_fraction("fraction", fraction, zero=False)))
    return (
        count if max_episodes is None else min(count, checked_count("max_episodes", max_episodes))
    )


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many of ``count`` episodes each part gives (the method of Webster and Sainte-Laguë).

    No part ever gives fewer of more, and all give everything in the end.
    """
    places = sorted(
        ((2 * place + 1) / size, part) for part, size in enumerate(sizes) for place in range(size)
    )
    parts = [part for _, part in places[:count]]
    return [parts.count(part) for part in range(len(sizes))]


def _choose(part: Part, count: int) -> NDArray[np.int64]:
    """So many episodes of one part; more of them contain fewer of them."""
    held_out = 0
    if count >= 2 and len(part.validation):
        rounded = (2 * count * len(part.validation) + len(part)) // (2 * len(part))
        held_out = max(1, rounded, count - len(part.train))
    return np.concatenate(
        [
            _first(part.train, seeding.Purpose.SUBSET_OF_TRAIN, count - held_out),
            _first(part.validation, seeding.Purpose.SUBSET_OF_VALIDATION, held_out),
        ]
    )


def _first(numbers: NDArray[np.int64], purpose: seeding.Purpose, count: int) -> NDArray[np.int64]:
    return seeding.generator(purpose).permutation(numbers)[:count]
