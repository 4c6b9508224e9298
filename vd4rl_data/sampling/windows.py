"""Every window of some episodes, found by arithmetic: nothing is kept for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

Records: TypeAlias = NDArray[Any]
"""Records of a table: a structured array of shape (B,) with a field ``row``, among others."""


class Windows(NamedTuple):
    """Some windows: row of the first transition, transitions, number of the episode."""

    rows: Int64[np.ndarray, " B"]
    steps: Int64[np.ndarray, " B"]
    owners: Int64[np.ndarray, " B"]


class WindowIndex:
    """The windows of at most ``steps`` transitions inside some episodes, numbered by their rows.

    Attributes:
        counts: int64 (e,), windows of each episode.
    """

    def __init__(
        self,
        starts: Int64[np.ndarray, " E1"],
        episodes: Int64[np.ndarray, " e"],
        steps: int,
        *,
        shorten: bool,
    ) -> None:
        """Count them.

        Args:
            starts: first row of each episode, then the number of rows; T + 1 rows an episode.
            episodes: numbers of the episodes to use, ascending.
            steps: transitions of a window.
            shorten: whether windows that reach over the end of their episode are kept, with the
                transitions that remain, or dropped.
        """
        lengths = starts[episodes + 1] - starts[episodes] - 1
        self.counts = lengths if shorten else np.maximum(lengths - steps + 1, 0)
        self._starts, self._episodes, self._steps = starts, episodes, steps
        self._firsts = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.counts)])

    def __len__(self) -> int:
        """How many there are."""
        return int(self._firsts[-1])

    def span(self, episodes: Int64[np.ndarray, " g"]) -> tuple[int, int]:
        """The numbers of the windows of neighboring episodes of the index: from, to before."""
        begin, end = np.searchsorted(self._episodes, (episodes[0], episodes[-1] + 1))
        return int(self._firsts[begin]), int(self._firsts[end])

    def counts_of(self, episodes: Int64[np.ndarray, " g"]) -> Int64[np.ndarray, " g"]:
        """Windows of each of some episodes of the index."""
        return self.counts[np.searchsorted(self._episodes, episodes)]

    def at(self, numbers: Int64[np.ndarray, " B"]) -> Windows:
        """The windows of these numbers, each in [0, len)."""
        which = np.searchsorted(self._firsts, numbers, side="right") - 1
        owners = self._episodes[which]
        rows = self._starts[owners] + (numbers - self._firsts[which])
        remaining = self._starts[owners + 1] - 1 - rows
        return Windows(rows, np.minimum(remaining, self._steps), owners)

    def find(self, rows: NDArray[Any] | Sequence[int]) -> Int64[np.ndarray, " B"]:
        """The numbers of the windows that begin with these rows.

        Raises:
            ValueError: a row begins none, or the rows are no integers.
        """
        wanted = np.asarray(rows)
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
            raise ValueError(
                f"rows: expected integers of shape (B,), got {wanted.dtype} of shape {wanted.shape}"
            )
        owners = np.searchsorted(self._starts, wanted, side="right") - 1
        which = np.searchsorted(self._episodes, owners)
        known = np.minimum(which, len(self._episodes) - 1)
        offsets = wanted - self._starts[self._episodes[known]]
        found = (self._episodes[known] == owners) & (offsets < self.counts[known])
        if not found.all():
            raise ValueError(
                f"rows: row {int(wanted[~found][0])} starts no window: it is an episode's final "
                "observation, too close to the episode's end, or in an episode that was not "
                "selected"
            )
        return (self._firsts[known] + offsets).astype(np.int64, copy=False)


class Table:
    """A record of each window of an index, made when it is asked for.

    That costs no more than keeping them, as records are asked for thousands at a time; ten million
    of them would take 400 MB and two seconds before the first batch.
    """

    def __init__(self, index: WindowIndex, record: Callable[[Windows], Records]) -> None:
        """Args:
        index: the windows.
        record: makes the records of windows, each from that window alone; picklable.
        """
        self._index, self._record = index, record

    def __len__(self) -> int:
        """How many there are."""
        return len(self._index)

    def __getitem__(self, numbers: Int64[np.ndarray, " B"]) -> Records:
        """The records of these numbers, each in [0, len)."""
        return self._record(self._index.at(numbers))

    def find(self, rows: NDArray[Any] | Sequence[int]) -> Int64[np.ndarray, " B"]:
        """The numbers of the records of these rows.

        Raises:
            ValueError: as :meth:`WindowIndex.find`.
        """
        return self._index.find(rows)
