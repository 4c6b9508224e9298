"""What fine-tuning samples: a dataset and what was played, each start alike; goals marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vd4rl_data.sampling import Columns, Mixture, Pool, Samplable
from vd4rl_data.sampling.pool import Data, source_of, whole


class Union(Samplable):
    """Several sources as one: each start of an episode is as likely as any other.

    A :class:`~vd4rl_data.sampling.Mixture` keeps shares of a batch, which a buffer of one episode
    is too small for.
    """

    def __init__(self, *parts: Data) -> None:
        """Args:
        parts: what is sampled; those without an episode are left out as long as they have none.
        """
        self._parts = Mixture([(part, 1.0) for part in parts])

    @property
    def version(self) -> int:
        """Goes up with that of any part."""
        return self._parts.version

    @property
    def changes(self) -> bool:
        """Whether any part can change."""
        return self._parts.changes

    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        """All episodes of all parts, in one group."""
        pool = self._parts.pool(split, state=state)
        return whole(pool.columns, pool.episodes)


class Marked(Samplable):
    """A source whose "state" is one number: whether the row's episode reaches the goal.

    So every batch can tell it of each of its windows.
    """

    def __init__(self, data: Data, goal: float) -> None:
        """Args:
        data: what is sampled.
        goal: the reward of a time step at which an episode has reached it.
        """
        self._source, self._goal = source_of(data), goal
        self._last: tuple[Columns, Columns] | None = None

    @property
    def version(self) -> int:
        """That of the data."""
        return self._source.version

    @property
    def changes(self) -> bool:
        """Whether the data can change."""
        return self._source.changes

    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        """That of the data, with marks in the place of states."""
        pool = self._source.pool(split)
        return Pool(self._marked(pool.columns), pool.groups) if state else pool

    def _marked(self, columns: Columns) -> Columns:
        """The same object as long as the columns are."""
        if self._last is None or self._last[0] is not columns:
            highest = np.maximum.reduceat(columns.rewards, columns.starts[:-1])
            marks = np.repeat(highest >= self._goal, np.diff(columns.starts))
            self._last = columns, replace(columns, states=marks.astype(np.float32)[:, None])
        return self._last[1]
