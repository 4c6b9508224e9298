"""What every sampler does: draw records of a table, plan batches of them, fetch their pixels."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from vd4rl_data.arguments import checked_count
from vd4rl_data.sampling.columns import Columns
from vd4rl_data.sampling.gather import FrameGatherer, wants_alternation
from vd4rl_data.sampling.indices import window_starts
from vd4rl_data.sampling.stream import Plan, PlanStream, Records, Rng

Batch_co = TypeVar("Batch_co", covariant=True)


class Sampler(ABC, Generic[Batch_co]):
    """An iterator of batches, drawn uniformly over the records of a table.

    Samples are independent of each other; their order inside a batch has no meaning. Picklable
    between two batches: a copy continues with the same batches. Not thread-safe.

    Attributes:
        columns: the rows that are sampled.
        table: what can be drawn, ascending by row: V records.
    """

    def __init__(
        self,
        columns: Columns,
        table: Records,
        batch_size: int,
        rng: Rng,
        *,
        plan: Callable[[Records], Plan],
        stack: int,
        phases: tuple[int, ...],
        span: int,
        epochs: int | None,
        drop_last: bool,
        reuse_buffers: bool,
        threads: int,
    ) -> None:
        """Prepare to draw.

        Args:
            columns: the rows to sample from.
            table: structured array of shape (V,), with a field ``row``.
            batch_size: B.
            rng: a generator, a seed, or ``None`` for fresh entropy.
            plan: turns records into arrays, with rows in the place of frames; picklable.
            stack: frames of a sample in each group.
            phases: for each group of frames, how many rows it lies ahead of the first.
            span: transitions per sample.
            epochs: ``None`` samples for ever with replacement; k walks through k permutations.
            drop_last: leave out the smaller last batch of an epoch.
            reuse_buffers: write the frames of every batch to the same memory.
            threads: how many threads copy frames.

        Raises:
            TypeError: a count is not an integer.
            ValueError: an argument is out of range.
        """
        self.columns = columns
        self.table = table
        self._stream = PlanStream(
            table,
            batch_size,
            rng,
            epochs=epochs,
            drop_last=drop_last,
            alternate=wants_alternation(math.prod(columns.frames.shape[1:]), stack),
            plan=plan,
            span=span,
        )
        self._gatherer = FrameGatherer(
            columns.frames,
            checked_count("batch_size", batch_size) * stack * len(phases),
            phases=phases,
            threads=checked_count("threads", threads),
            reuse_buffers=reuse_buffers,
        )

    @property
    def num_starts(self) -> int:
        """The number of records, V: the samples of an epoch."""
        return len(self.table)

    def __iter__(self) -> Sampler[Batch_co]:
        return self

    def __next__(self) -> Batch_co:
        return self.assemble(self.draw())

    def sample(self, rng: Rng = None) -> Batch_co:
        """One full batch, uniform with replacement.

        Args:
            rng: a generator or a seed; ``None`` uses the sampler's own generator.
        """
        return self.assemble(self._stream.sample(rng))

    def gather(self, rows: NDArray[Any] | Sequence[int]) -> Batch_co:
        """The samples that start at the given rows of the dataset, in that order.

        Raises:
            ValueError: a row starts no sample.
        """
        return self.assemble(self._stream.of_rows(rows))

    def draw(self) -> Plan:
        """The next batch without its pixels: its fields by name, with rows in place of frames."""
        return next(self._stream)

    @abstractmethod
    def assemble(self, plan: Plan, frames: Sequence[NDArray[np.uint8]] | None = None) -> Batch_co:
        """Fetch the pixels of a batch.

        Args:
            plan: what :meth:`draw` returned.
            frames: where to write each group of frames, C-contiguous uint8, e.g. in pinned memory.
        """


def find_windows(
    columns: Columns,
    episodes: NDArray[np.integer],
    steps: int,
    *,
    shorten: bool,
    name: str,
    option: str,
) -> tuple[Int64[np.ndarray, " V"], Int64[np.ndarray, " V"], Int64[np.ndarray, " V"]]:
    """Every window of ``steps`` transitions, as :func:`window_starts` returns them.

    Args:
        columns: the rows to look in.
        episodes: numbers of the episodes to use.
        steps: transitions of a window.
        shorten: keep windows that reach over the end of their episode.
        name: what a caller calls ``steps``, for the message.
        option: what a caller writes for ``shorten``, for the message.

    Raises:
        ValueError: no window fits into any episode.
    """
    numbers = columns.checked_episodes(episodes)
    windows = window_starts(columns.starts, numbers, steps, shorten=shorten)
    if not len(windows[0]):
        longest = int((np.diff(columns.starts)[numbers] - 1).max())
        raise ValueError(
            f"{name}: no episode has {steps} transitions, the longest has {longest}; lower {name} "
            f"or pass {option}"
        )
    return windows


def present(batch: Any) -> dict[str, Any]:
    """The fields of a batch by name; without those that are ``None``."""
    arrays = {item.name: getattr(batch, item.name) for item in fields(batch)}
    return {name: values for name, values in arrays.items() if values is not None}
