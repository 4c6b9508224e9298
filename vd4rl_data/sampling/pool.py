"""Which episodes are drawn from, and how often each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike, NDArray

from vd4rl_data.errors import InvalidArgumentError, NoEpisodesError
from vd4rl_data.sampling.columns import Columns


@dataclass(frozen=True, slots=True)
class Group:
    """Episodes that make up a fixed share of every batch.

    Attributes:
        episodes: int64 (e,), numbers in the pool's columns, ascending, each once.
        weights: float64 (e,), above 0: how often a start of this episode is drawn, in relation to
            one of another episode of the group; ``None`` if all are alike.
        share: of the batch, in relation to other groups.
    """

    episodes: Int64[np.ndarray, " e"]
    weights: Float64[np.ndarray, " e"] | None = None
    share: float = 1.0

    def __post_init__(self) -> None:
        """Check what draws rely on.

        Raises:
            ValueError: numbers do not ascend, or weights or the share are not above 0.
            NoEpisodesError: there is no episode.
        """
        if not len(self.episodes):
            raise NoEpisodesError("Group: expected at least one episode, got none")
        if (np.diff(self.episodes) <= 0).any():
            raise ValueError(f"Group: episodes: expected ascending, got {self.episodes[:8]}")
        weights = np.ones(1) if self.weights is None else self.weights
        fitting = self.weights is None or weights.shape == self.episodes.shape
        if not fitting or not (np.isfinite(weights) & (weights > 0)).all():
            raise ValueError(
                f"Group: weights: expected {len(self.episodes)} finite numbers above 0, got "
                f"{weights[:8]} of shape {weights.shape}"
            )
        if not 0 < self.share < np.inf:
            raise ValueError(f"Group: share: expected a finite number above 0, got {self.share}")


@dataclass(frozen=True, slots=True)
class Pool:
    """What is sampled at one time: rows, and the episodes of them that take part.

    Attributes:
        columns: the rows.
        groups: the episodes; numbers ascend from group to group, too.
    """

    columns: Columns
    groups: tuple[Group, ...]

    def __post_init__(self) -> None:
        """Check what draws rely on.

        Raises:
            ValueError: numbers do not ascend from group to group, or lie outside the columns.
            NoEpisodesError: there is no group.
        """
        if not self.groups:
            raise NoEpisodesError("Pool: expected at least one group, got none")
        episodes, count = self.episodes, self.columns.num_episodes
        if (np.diff(episodes) <= 0).any() or episodes[0] < 0 or episodes[-1] >= count:
            raise ValueError(
                f"Pool: episodes: expected ascending numbers in [0, {count}), got "
                f"{episodes[:4]} to {episodes[-4:]}"
            )

    @property
    def episodes(self) -> Int64[np.ndarray, " e"]:
        """Numbers of the episodes of all groups, ascending."""
        return np.concatenate([group.episodes for group in self.groups])

    def at(self, positions: ArrayLike, weights: ArrayLike | None = None) -> Pool:
        """The pool without all other episodes; its groups keep their shares.

        Args:
            positions: integers, among the episodes of this pool.
            weights: for each position, at least 0 (which leaves it out); ``None``: all alike.

        Raises:
            ValueError: there is no such position, or weights do not fit.
            NoEpisodesError: none is left of a group.
        """
        given = np.asarray(positions)
        everything = self.episodes
        chosen = checked_numbers(given, len(everything))
        if weights is None:
            return self._kept(everything[chosen], None)
        chances = _checked_weights(given, chosen, weights)[np.argsort(given)]
        return self._kept(everything[chosen][chances > 0], chances[chances > 0])

    def within(self, other: Pool) -> Pool:
        """The pool without the episodes that are not in another one of the same columns.

        Raises:
            NoEpisodesError: none is left of a group.
        """
        here = np.isin(self.episodes, other.episodes)
        weights = [
            np.ones(len(group.episodes)) if group.weights is None else group.weights
            for group in self.groups
        ]
        alike = all(group.weights is None for group in self.groups)
        return self._kept(self.episodes[here], None if alike else np.concatenate(weights)[here])

    def _kept(
        self, episodes: Int64[np.ndarray, " k"], weights: Float64[np.ndarray, " k"] | None
    ) -> Pool:
        groups: list[Group] = []
        for group in self.groups:
            here = np.isin(episodes, group.episodes)
            if not here.any():
                raise NoEpisodesError(
                    "episodes: none is left of a part that has a share; leave the part out, or "
                    "choose an episode of it"
                )
            own = None if weights is None else weights[here]
            groups.append(Group(episodes[here], own, group.share))
        return Pool(self.columns, tuple(groups))


@runtime_checkable
class Source(Protocol):
    """What can be sampled; :class:`vd4rl_data.sampling.Samplable` is the class to derive from."""

    @property
    def version(self) -> int:
        """Goes up whenever :meth:`pool` has another answer than before."""
        ...

    @property
    def changes(self) -> bool:
        """Whether it ever can."""
        ...

    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        """What is sampled now."""
        ...


Data: TypeAlias = Source | Columns
"""What samplers take: a source, or all episodes of bare columns."""


def source_of(data: Data) -> Source:
    """The data as a source.

    Raises:
        InvalidArgumentError: it cannot be sampled.
    """
    given: Any = data
    if isinstance(given, Source):
        return given
    if isinstance(given, Columns):
        return WholeColumns(given)
    raise InvalidArgumentError(
        f"data: expected datasets, buffers or columns, got {type(given).__name__}; a dict's values"
        " are given as a list"
    )


class WholeColumns:
    """All episodes of bare columns, as a source."""

    version = 0
    changes = False

    def __init__(self, columns: Columns) -> None:
        """Args:
        columns: the rows.
        """
        self.columns = columns

    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        """All episodes.

        Raises:
            ValueError: bare columns have no splits, or no states.
        """
        if split != "all":
            raise ValueError(f"split: bare columns have no splits: pass the dataset, got {split!r}")
        if state and self.columns.states is None:
            raise ValueError("state: these columns hold no states; pass Columns(..., states=...)")
        return whole(self.columns, np.arange(self.columns.num_episodes))


def whole(columns: Columns, episodes: Int64[np.ndarray, " e"]) -> Pool:
    """A pool of one group: the given episodes, all alike.

    Raises:
        ValueError: there are none, or one is not in the columns.
    """
    return Pool(columns, (Group(checked_numbers(episodes, columns.num_episodes)),))


def checked_numbers(given: NDArray[Any], count: int) -> Int64[np.ndarray, " e"]:
    """Numbers of episodes, ascending, each once.

    Raises:
        ValueError: there are none, one lies outside [0, count), or they are no integers: a mask of
            booleans would pass for the numbers 0 and 1.
    """
    if not given.size:
        raise ValueError("episodes: expected at least one episode number, got none")
    if given.dtype.kind not in "iu":
        raise ValueError(f"episodes: expected integers, got an array of {given.dtype}")
    numbers = np.unique(given).astype(np.int64)
    if numbers[0] < 0 or numbers[-1] >= count:
        raise ValueError(
            f"episodes: expected numbers in [0, {count}), got {numbers[0]} to {numbers[-1]}"
        )
    return numbers


def _checked_weights(
    given: NDArray[Any], chosen: Int64[np.ndarray, " e"], weights: ArrayLike
) -> Float64[np.ndarray, " e"]:
    """One weight for each of the given episodes, which are all different."""
    chances = np.asarray(weights, dtype=np.float64)
    if chances.shape != given.shape or len(chosen) != given.size:
        raise ValueError(
            f"weights: expected one for each of {given.size} episodes, which are all different, "
            f"got shape {chances.shape} for {len(chosen)} different ones"
        )
    if not np.isfinite(chances).all() or (chances < 0).any() or not chances.any():
        raise ValueError(
            f"weights: expected finite numbers of at least 0, not all 0, got {chances[:8]}"
        )
    return chances


def counts_of_shares(shares: Sequence[float], batch_size: int) -> list[int]:
    """How many samples of a batch each share gets: rounded so that they add up.

    Raises:
        ValueError: a share gets none.
    """
    exact = np.asarray(shares, dtype=np.float64) * (batch_size / sum(shares))
    counts = np.floor(exact).astype(np.int64)
    left = batch_size - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:left]] += 1
    if (counts == 0).any():
        raise ValueError(
            f"shares: {tuple(shares)} leave a part without a sample in batches of {batch_size}; "
            "raise batch_size or the share"
        )
    return counts.tolist()
