"""What gives batches: datasets, growing buffers, mixtures of them, choices of their episodes."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from vd4rl_data.errors import NoEpisodesError
from vd4rl_data.sampling.columns import Columns
from vd4rl_data.sampling.keywords import takes
from vd4rl_data.sampling.pool import Data, Group, Pool, source_of
from vd4rl_data.sampling.query import SequenceQuery, TransitionQuery
from vd4rl_data.sampling.sequences import SequenceSampler
from vd4rl_data.sampling.transitions import TransitionSampler


class Samplable(ABC):
    """A source of batches. A class of your own needs :meth:`pool` alone, if it never changes."""

    @property
    def version(self) -> int:
        """Goes up whenever :meth:`pool` has another answer than before."""
        return 0

    @property
    def changes(self) -> bool:
        """Whether it ever can."""
        return False

    @abstractmethod
    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        """What is sampled now.

        Args:
            split: ``"all"``, ``"train"`` or ``"validation"``.
            state: its columns have states.

        Raises:
            ValueError: it has no such split, or no states.
            NoEpisodesError: (one of these) it has no episode, or none of that split.
        """

    @takes(TransitionQuery)
    def transitions(self, query: TransitionQuery) -> TransitionSampler:
        """Shuffled batches of transitions.

        Args:
            query: a :class:`vd4rl_data.sampling.TransitionQuery`, or its arguments.

        Raises:
            TypeError, ValueError: as :class:`vd4rl_data.sampling.TransitionSampler`.
        """
        return TransitionSampler(self, query)

    @takes(SequenceQuery)
    def sequences(self, query: SequenceQuery) -> SequenceSampler:
        """Shuffled batches of windows.

        Args:
            query: a :class:`vd4rl_data.sampling.SequenceQuery`, or its arguments.

        Raises:
            TypeError, ValueError: as :class:`vd4rl_data.sampling.SequenceSampler`.
        """
        return SequenceSampler(self, query)


class Selection(Samplable):
    """Episodes of another source that you choose, and how often each is drawn."""

    def __init__(self, data: Data, episodes: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Choose.

        Args:
            data: what is chosen from.
            episodes: integers: positions among its episodes of all splits, from 0 on; those of a
                dataset are ``ds[i]``, those of a mixture go on from part to part (so that what
                grows should be its last part).
            weights: how often a start in each of these episodes is drawn, in relation to the
                others; 0 leaves it out, ``None`` makes all alike.

        Raises:
            ValueError: there is no such episode, or weights do not fit.
        """
        self._data = source_of(data)
        self._episodes = np.array(episodes)
        self._weights = None if weights is None else np.array(weights)
        self.pool()

    @property
    def version(self) -> int:
        """That of what is chosen from."""
        return self._data.version

    @property
    def changes(self) -> bool:
        """Whether what is chosen from can change."""
        return self._data.changes

    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        """The chosen episodes of a split."""
        everything = self._data.pool(state=state)
        chosen = everything.at(self._episodes, self._weights)
        return chosen if split == "all" else chosen.within(self._data.pool(split, state=state))


class Replaceable(Samplable):
    """A source that can be exchanged for another while it is sampled."""

    def __init__(self, data: Data) -> None:
        """Args:
        data: what is sampled at first.
        """
        self._data = source_of(data)
        self._replaced = 0

    def replace(self, data: Data) -> None:
        """Sample something else from now on: from the next batch, with epochs from the next pass.

        Args:
            data: of the same sizes of frames, actions and states.
        """
        self._replaced += 1 + self._data.version
        self._data = source_of(data)

    @property
    def version(self) -> int:
        """Goes up with every exchange, and with what is sampled."""
        return self._replaced + self._data.version

    @property
    def changes(self) -> bool:
        """Always true."""
        return True

    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        """That of what is sampled now."""
        return self._data.pool(split, state=state)


class Mixture(Samplable):
    """Several sources at once, each with a fixed share of every batch.

    A part that has no episode yet (or none of a split) leaves its share to the others.
    """

    def __init__(self, parts: Sequence[tuple[Data, int | float]]) -> None:
        """Mix.

        Args:
            parts: what is sampled, and its share above 0, in relation to the others. Shares are
                kept in every batch: of 64 samples, shares of 3 and 1 are 48 and 16.

        Raises:
            ValueError: there are no parts, or a share is not above 0.
        """
        self._parts = [(source_of(data), float(share)) for data, share in parts]
        if not self._parts or not all(0 < share < np.inf for _, share in self._parts):
            raise ValueError(
                "Mixture: expected at least one part, and finite shares above 0, got "
                f"{[share for _, share in self._parts]}"
            )
        self._last: tuple[list[Columns], bool, Columns | None] = ([], False, None)

    @property
    def version(self) -> int:
        """Goes up with that of any part."""
        return sum(source.version for source, _ in self._parts)

    @property
    def changes(self) -> bool:
        """Whether any part can change."""
        return any(source.changes for source, _ in self._parts)

    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        """The parts that have episodes, one after the other."""
        pools: list[tuple[Pool, float]] = []
        for source, share in self._parts:
            try:
                pools.append((source.pool(split, state=state), share))
            except NoEpisodesError:
                continue
        if not pools:
            raise NoEpisodesError(f"Mixture: no part has an episode of split {split!r}")
        groups: list[Group] = []
        first = 0
        for pool, share in pools:
            shares = sum(group.share for group in pool.groups)
            groups += [
                replace(group, episodes=group.episodes + first, share=share * group.share / shares)
                for group in pool.groups
            ]
            first += pool.columns.num_episodes
        return Pool(self._joined([pool.columns for pool, _ in pools], state), tuple(groups))

    def _joined(self, parts: list[Columns], state: bool) -> Columns:
        """The rows of all parts; the same object as long as the parts are."""
        last, had_states, joined = self._last
        alike = len(last) == len(parts) and all(map(operator.is_, last, parts))
        if joined is None or not alike or had_states != state:
            first, *others = [each if state else replace(each, states=None) for each in parts]
            joined = first.followed_by(others)
            self._last = (parts, state, joined)
        return joined
