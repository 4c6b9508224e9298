"""What every sampler does: draw records of a table, plan batches of them, fetch their pixels."""

from __future__ import annotations

import inspect
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.errors import ShortEpisodesWarning
from vd4rl_data.sampling.columns import Columns
from vd4rl_data.sampling.draws import make_draws
from vd4rl_data.sampling.gather import FrameGatherer, wants_alternation
from vd4rl_data.sampling.passes import Pass
from vd4rl_data.sampling.pool import Data, Pool, source_of
from vd4rl_data.sampling.query import AnyQuery, Rng
from vd4rl_data.sampling.stream import Plan, PlanStream, Starts
from vd4rl_data.sampling.windows import Records, Table, WindowIndex, Windows

Batch_co = TypeVar("Batch_co", covariant=True)
AnyBatch = TypeVar("AnyBatch")


class Sampler(ABC, Generic[Batch_co]):
    """An iterator of batches, drawn over the starts of a source's episodes: uniformly, or by the
    weights and shares of its pool.

    Samples are independent of each other; their order inside a batch has no meaning.

    Endless (``epochs=None``), a sampler is one stream: every ``iter()`` and ``next()`` goes on with
    batches that were not drawn before. With ``epochs=k`` each ``iter()`` begins a pass of k epochs
    with new permutations, ``len()`` is its number of batches, and ``next()`` of the sampler itself
    goes on with the pass that began last.

    What changes in a source (episodes are added, or its pool is replaced) is seen by the next
    batch; with epochs by the next pass. The same seed and the same changes after the same batches
    give the same batches.

    Picklable between two batches: a copy continues with the same batches (of a pass: by ``next()``,
    as ``iter()`` would begin another). Not thread-safe.

    Attributes:
        source: what is sampled.
        query: what was asked for.
        pool: what is sampled now.
    """

    def __init__(
        self,
        data: Data,
        query: AnyQuery,
        *,
        stack: int,
        phases: tuple[int, ...],
        span: int,
    ) -> None:
        """Prepare to draw.

        Args:
            data: what is sampled: a source, or all episodes of bare columns.
            query: what is asked for.
            stack: frames of a sample in each group of frames.
            phases: for each group of frames in a batch, how many rows it lies ahead of the first.
            span: transitions per sample.

        Raises:
            TypeError, ValueError: of the query's generator, of a split or state that the source
                does not have, or no window fits into any episode.
        """
        self.source = source_of(data)
        self.query = query
        self._version = self.source.version
        self.pool = self._read()
        frame_bytes = math.prod(self.columns.frames.shape[1:])
        self._stream = PlanStream(
            query,
            self._starts_of(self.pool),
            alternate=wants_alternation(frame_bytes, stack),
            span=span,
        )
        warn_of_short_episodes(self.pool, self.window)
        self._gatherer = FrameGatherer(
            self.columns.frames,
            query.batch_size * stack * len(phases),
            phases=phases,
            threads=query.threads,
            reuse_buffers=query.reuse_buffers,
        )

    @property
    @abstractmethod
    def window(self) -> Window:
        """The windows that make up its table."""

    @abstractmethod
    def recorder(self, columns: Columns) -> Callable[[Windows], Records]:
        """What makes the records of windows, each from that window alone; picklable."""

    @abstractmethod
    def planner(self, columns: Columns) -> Callable[[Records], Plan]:
        """What turns records into arrays, with rows in the place of frames; picklable."""

    def _read(self) -> Pool:
        """What the source holds now."""
        pool = self.source.pool(self.query.split, state=self.query.state)
        if self.query.state and pool.columns.states is None:
            raise ValueError("state: what is sampled holds no states")
        return pool

    def _starts_of(self, pool: Pool) -> Starts:
        index = find_windows(pool, self.window)
        return Starts(
            table=Table(index, self.recorder(pool.columns)),
            draws=make_draws(pool, index, self.query.batch_size),
            plan=self.planner(pool.columns),
        )

    def _keep_up(self) -> None:
        """Take in what has changed in the source: all of it, or nothing if it does not fit."""
        version = self.source.version
        if version == self._version:
            return
        pool = self._read()
        self.columns.check_alike(pool.columns, "what is sampled", state=self.query.state)
        self._stream.go_on_with(self._starts_of(pool))
        self._gatherer.read_from(pool.columns.frames)
        self.pool, self._version = pool, version

    @property
    def columns(self) -> Columns:
        """The rows that are sampled now."""
        return self.pool.columns

    @property
    def gatherer(self) -> FrameGatherer:
        """What copies the frames of its batches."""
        return self._gatherer

    @property
    def num_starts(self) -> int:
        """The number of records, V: the samples of an epoch."""
        return len(self.table)

    @property
    def table(self) -> Table:
        """What can be drawn now, ascending by row: V records."""
        return self._stream.starts.table

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
        self._keep_up()
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
        """One full batch, drawn with replacement.

        Args:
            rng: a generator or a seed; ``None`` uses the sampler's own generator.
        """
        self._keep_up_if_endless()
        return self.assemble(self._stream.sample(rng))

    def gather(self, rows: NDArray[Any] | Sequence[int]) -> Batch_co:
        """The samples that start at the given rows of the dataset, in that order.

        Raises:
            ValueError: a row starts no sample.
        """
        self._keep_up_if_endless()
        return self.assemble(self._stream.of_rows(rows))

    def state(self) -> dict[str, Any]:
        """Where the sampler is, in plain values: numbers, text, lists and dictionaries.

        The data are not part of it: whoever loads it brings them to where they are now.
        """
        self._keep_up_if_endless()
        return self._stream.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where another sampler of the same data and settings was, at once.

        Args:
            state: what :meth:`state` returned.

        Raises:
            ValueError: it is something else, or of data with other starts.
        """
        self._keep_up()
        self._stream.load_state(state)

    def draw(self) -> Plan:
        """The next batch without its pixels: its fields by name, with rows in place of frames."""
        self._keep_up_if_endless()
        return next(self._stream)

    def _keep_up_if_endless(self) -> None:
        """A pass with epochs shows what was there when it began."""
        if self._stream.epochs is None:
            self._keep_up()

    @abstractmethod
    def assemble(self, plan: Plan, frames: Sequence[NDArray[np.uint8]] | None = None) -> Batch_co:
        """Fetch the pixels of a batch.

        Args:
            plan: what :meth:`draw` returned.
            frames: where to write each group of frames, C-contiguous uint8, e.g. in pinned memory.
        """


class Window(NamedTuple):
    """Which windows a sampler draws, and what its caller calls that."""

    steps: int
    shorten: bool
    """Keep windows that reach over the end of their episode."""
    name: str
    """Of the argument that says ``steps``, for messages."""
    option: str
    """That says ``shorten``, for messages."""


def find_windows(pool: Pool, window: Window) -> WindowIndex:
    """Every such window of the pool's episodes.

    Raises:
        ValueError: no window fits into any episode.
    """
    steps, shorten, name, option = window
    starts, episodes = pool.columns.starts, pool.episodes
    index = WindowIndex(starts, episodes, steps, shorten=shorten)
    if not len(index):
        longest = (starts[episodes + 1] - starts[episodes]).max() - 1
        raise ValueError(
            f"{name}: no episode has {steps} transitions, the longest has {longest}; lower {name} "
            f"or pass {option}"
        )
    return index


def warn_of_short_episodes(pool: Pool, window: Window) -> None:
    """Say how many episodes have no such window.

    Warns:
        ShortEpisodesWarning: there are some.
    """
    starts, episodes = pool.columns.starts, pool.episodes
    short = int((starts[episodes + 1] - starts[episodes] - 1 < window.steps).sum())
    if short and not window.shorten:
        name = window.name
        warnings.warn(
            f"{name}={window.steps}: {short} of {len(episodes)} episodes have fewer transitions "
            f"and are never drawn; lower {name} or pass {window.option}",
            ShortEpisodesWarning,
            stacklevel=_frames_to_the_caller(),
        )


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
