"""Copying the frames of a batch, as fast as the memory allows."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.sampling.buffers import ALIGNMENT, BatchMemory, aligned_empty

_Shapes: TypeAlias = tuple[tuple[int, ...], ...]


@runtime_checkable
class FrameSource(Protocol):
    """Where frames come from: a :class:`~vd4rl_data.frames.FrameArray`, or something like it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, 3), or (N, 3, H, W)."""
        ...

    @property
    def address(self) -> int:
        """Where the first frame lies in memory: copies run faster at equal alignment."""
        ...

    def fetch(self, rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        """Copy frames ``rows``, of any shape and all inside, to C-contiguous ``out``."""
        ...


class _Layout(NamedTuple):
    """Where groups of frames of the given shapes lie in a buffer of ``size`` bytes."""

    shapes: _Shapes
    size: int
    spans: list[tuple[tuple[int, ...], int]]


class FrameGatherer:
    """Copies frames of a dataset into batches, on one or several threads."""

    def __init__(
        self,
        frames: FrameSource,
        batch_frames: int,
        *,
        phases: tuple[int, ...],
        threads: int,
        reuse_buffers: bool,
    ) -> None:
        """Prepare for batches.

        Args:
            frames: where they come from.
            batch_frames: frames in a batch.
            phases: for each group of frames in a batch, how many rows it lies ahead of the first;
                only speed depends on it.
            threads: how many copy.
            reuse_buffers: all batches in the same memory.

        Raises:
            ValueError: ``threads`` is less than 1.
        """
        if threads < 1:
            raise ValueError(f"threads: expected at least 1, got {threads}")
        self._frames = frames
        self._frame_shape = frames.shape[1:]
        self._phases = phases
        self._threads = threads
        self._batch_frames = batch_frames
        self._reuse_buffers = reuse_buffers
        size = batch_frames * math.prod(self._frame_shape) + len(phases) * ALIGNMENT
        self._memory = BatchMemory(size, reuse=reuse_buffers)
        self._forget()

    def over(self, frames: FrameSource) -> FrameGatherer:
        """One that makes the same batches of other frames, in memory of its own."""
        return FrameGatherer(
            frames,
            self._batch_frames,
            phases=self._phases,
            threads=self._threads,
            reuse_buffers=self._reuse_buffers,
        )

    def read_from(self, frames: FrameSource) -> None:
        """Go on with other frames of the same shape."""
        self._frames = frames
        self._layout = _Layout((), 0, [])

    def gather(
        self,
        groups: Sequence[NDArray[np.int64]],
        outs: Sequence[NDArray[Any]] | None = None,
    ) -> Sequence[NDArray[np.uint8]]:
        """Copy groups of frames.

        Args:
            groups: as many arrays of rows as there are phases, of any shape, all inside.
            outs: for each group a C-contiguous array of shape ``rows.shape`` and then the frames'
                own; without them the frames go into a buffer.

        Raises:
            ValueError: an array of ``outs`` has another shape or dtype, or is not C-contiguous.
        """
        if outs is None:
            outs = self._places(tuple(rows.shape for rows in groups))
        else:
            self._check_outs(groups, outs)
        for rows, out in zip(groups, outs, strict=True):
            self._copy(rows, out)
        return outs

    def _check_outs(
        self, groups: Sequence[NDArray[np.int64]], outs: Sequence[NDArray[Any]]
    ) -> None:
        for rows, out in zip(groups, outs, strict=True):
            shape = rows.shape + self._frame_shape
            if out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
                raise ValueError(
                    f"frames: expected C-contiguous uint8 of shape {shape}, got {out.dtype} of "
                    f"shape {out.shape} (C-contiguous: {out.flags.c_contiguous})"
                )

    def __getstate__(self) -> dict[str, Any]:
        dropped = ("_pool", "_layout")
        return {name: value for name, value in self.__dict__.items() if name not in dropped}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        """Threads belong to a process; the layout depends on where the frames lie in its memory."""
        self._pool: tuple[int, ThreadPoolExecutor] | None = None
        self._layout = _Layout((), 0, [])

    def _places(self, shapes: _Shapes) -> list[NDArray[np.uint8]]:
        """Room for each group in one buffer."""
        if self._layout.shapes != shapes:
            self._layout = self._make_layout(shapes)
        size = self._layout.size
        memory = self._memory.lend() if size <= self._memory.size else aligned_empty(size)
        data = memory.data
        return [np.ndarray(shape, np.uint8, data, begin) for shape, begin in self._layout.spans]

    def _make_layout(self, shapes: _Shapes) -> _Layout:
        """Each group begins at the alignment of its first frame in the dataset: see PlanStream."""
        frame_bytes = math.prod(self._frame_shape)
        spans: list[tuple[tuple[int, ...], int]] = []
        cursor = 0
        for shape, phase in zip(shapes, self._phases, strict=True):
            cursor += (self._frames.address + phase * frame_bytes - cursor) % ALIGNMENT
            spans.append((shape + self._frame_shape, cursor))
            cursor += math.prod(shape) * frame_bytes
        return _Layout(shapes, cursor, spans)

    def _copy(self, rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        if self._threads == 1:
            self._frames.fetch(rows, out)
            return
        rows = rows.reshape(-1)
        out = out.reshape(-1, *self._frame_shape)
        edges = [len(rows) * part // self._threads for part in range(self._threads + 1)]
        mine, *others = (slice(*pair) for pair in pairwise(edges))
        jobs = [self._executor().submit(self._frames.fetch, rows[c], out[c]) for c in others]
        self._frames.fetch(rows[mine], out[mine])
        for job in jobs:
            job.result()

    def _executor(self) -> ThreadPoolExecutor:
        # The threads of a parent process do not exist in a forked child.
        if self._pool is None or self._pool[0] != os.getpid():
            self._pool = (os.getpid(), ThreadPoolExecutor(self._threads - 1, "vd4rl_gather"))
        return self._pool[1]


def wants_alternation(frame_bytes: int, frames_per_sample: int) -> bool:
    """Whether :class:`PlanStream` should alternate even and odd rows for frames of this size."""
    return frame_bytes % 32 == 16 and frames_per_sample % 2 == 1
