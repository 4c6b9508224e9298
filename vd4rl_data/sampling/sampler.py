"""What every sampler does: draw records of a table, plan batches of them, fetch their pixels."""

from __future__ import annotations

import inspect
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from vd4rl_data.arguments import checked_count
from vd4rl_data.errors import ShortEpisodesWarning
from vd4rl_data.sampling.columns import Columns
from vd4rl_data.sampling.gather import FrameGatherer, wants_alternation
from vd4rl_data.sampling.indices import window_starts
from vd4rl_data.sampling.passes import Pass
from vd4rl_data.sampling.stream import Plan, PlanStream, Records, Rng

Batch_co = TypeVar("Batch_co", covariant=True)
AnyBatch = TypeVar("AnyBatch")


class Sampler(ABC, Generic[Batch_co]):
    """An iterator of batches, drawn uniformly over the records of a table.

    Samples are independent of each other; their order inside a batch has no meaning.

    Endless (``epochs=None``), a sampler is one stream: every ``iter()`` and ``next()`` goes on with
    batches that were not drawn before. With ``epochs=k`` each ``iter()`` begins a pass of k epochs
    with new permutations, ``len()`` is its number of batches, and ``next()`` of the sampler itself
    goes on with the pass that began last.

    Picklable between two batches: a copy continues with the same batches (of a pass: by ``next()``,
    as ``iter()`` would begin another). Not thread-safe.

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
            epochs: ``None`` samples for ever with replacement; each pass of k walks through k
                permutations.
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
    def gatherer(self) -> FrameGatherer:
        """What copies the frames of its batches."""
        return self._gatherer

    @property
    def num_starts(self) -> int:
        """The number of records, V: the samples of an epoch."""
        return len(self.table)

    @property
    def epochs(self) -> int | None:
        """Epochs of a pass; ``None`` of an endless sampler."""
        return self._stream.epochs

    def __len__(self) -> int:
        """Batches of a pass.

        Raises:
            TypeError: the sampler is endless.
        """
        return len(self._stream)

    def __iter__(self) -> Iterator[Batch_co]:
        if self.epochs is None:
            return self
        self.begin_pass()
        return self.rest_of_pass(self)

    def __next__(self) -> Batch_co:
        return self.assemble(self.draw())

    def begin_pass(self) -> None:
        """Begin a pass with new permutations, as ``iter()`` does."""
        self._stream.begin_pass()

    def rest_of_pass(self, batches: Iterator[AnyBatch]) -> Iterator[AnyBatch]:
        """What ``batches`` still gives of the pass that began last.

        Args:
            batches: draws from this sampler.
        """
        return Pass(batches, self._stream)

    def plans(self, number: int) -> Iterator[Plan]:
        """The batches of a pass without their pixels, apart from this sampler's own progress.

        Args:
            number: of the pass, from 0 on. Passes of an endless sampler are endless.
        """
        return self._stream.copy_of_pass(number)

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

    def state(self) -> dict[str, Any]:
        """Where the sampler is, in plain values: numbers, text, lists and dictionaries."""
        return self._stream.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where another sampler of the same data and settings was, at once.

        Args:
            state: what :meth:`state` returned.

        Raises:
            ValueError: it is something else.
        """
        self._stream.load_state(state)

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

    Warns:
        ShortEpisodesWarning: none fits into some; the message says how many.
    """
    numbers = columns.checked_episodes(episodes)
    windows = window_starts(columns.starts, numbers, steps, shorten=shorten)
    lengths = np.diff(columns.starts)[numbers] - 1
    if not len(windows[0]):
        raise ValueError(
            f"{name}: no episode has {steps} transitions, the longest has {lengths.max()}; lower "
            f"{name} or pass {option}"
        )
    short = 0 if shorten else int((lengths < steps).sum())
    if short:
        warnings.warn(
            f"{name}={steps}: {short} of {len(numbers)} episodes have fewer transitions and are "
            f"never drawn; lower {name} or pass {option}",
            ShortEpisodesWarning,
            stacklevel=_frames_to_the_caller(),
        )
    return windows


def _frames_to_the_caller() -> int:
    """The ``stacklevel`` at which a warning of this module names the line of a user."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals["__name__"].startswith("vd4rl_data."):
        frame, level = frame.f_back, level + 1
    return level


def present(batch: Any) -> dict[str, Any]:
    """The fields of a batch by name; without those that are ``None``."""
    arrays = {item.name: getattr(batch, item.name) for item in fields(batch)}
    return {name: values for name, values in arrays.items() if values is not None}
