"""Reader of official 84 px shards: HDF5 files of many episodes, frames channel first.

Keys ``observation`` (N, 3, H, W) uint8, ``action`` (N, A) float32, ``reward``, ``discount`` and
``step_type`` (N,): 0 first, 1 middle, 2 last. Any type of number that can be converted without
loss will do (the published gatherer writes float64 actions under today's dm_control), ``discount``
may be missing, and other arrays are left out, with a line that says so. Boundaries come from
``step_type`` alone. The official tool that splits shards counts rows, so a shard may begin and end
inside an episode; :mod:`vd4rl_data.formats.join` puts the halves together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Int8
from numpy.typing import NDArray

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats.checks import check_kind, exact, fail, first_true, real
from vd4rl_data.formats.hdf5 import array_in, broken_hdf5, check_stored
from vd4rl_data.formats.join import whole
from vd4rl_data.formats.pieces import Expected, Piece, ReadEpisode
from vd4rl_data.formats.rows import NO_DISCOUNT, Rows

FIRST: Final = 0
LAST: Final = 2
_DERIVED: Final = ("discount",)
KEYS: Final = ("observation", "action", "reward", "discount", "step_type")

MAX_SHARD_ROWS: Final = 4_000_000
"""More rows than any published dataset has, let alone one shard of it."""

MAX_BLOCK_BYTES: Final = 2**30
"""Largest run of rows that is decompressed at once; a shard whose chunks are taller is refused."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """Rows [start, stop) of one episode inside a shard."""

    start: int
    stop: int
    is_first: bool
    is_last: bool


def read(path: Path, expected: Expected) -> Iterator[ReadEpisode | Piece]:
    """Yield the episodes of one shard, and the parts of episodes at its two ends.

    At most one block of chunks (about 80 MB in the official files) and one episode are in memory.
    A file that was damaged on purpose can crash the HDF5 library.

    Raises:
        CorruptFileError: the bytes are not those that were written.
        DatasetFormatError: a key is missing or unfit, or ``step_type`` contradicts itself.
    """
    import h5py

    with path.open("rb"):
        pass  # a missing or forbidden file is the caller's error, not a corrupt file
    with broken_hdf5(path.name), h5py.File(path, "r", locking=False) as file:
        arrays = {
            key: array_in(path.name, file, key, KEYS)
            for key in KEYS
            if key in file or key not in _DERIVED
        }
        channels = _check_arrays(path.name, arrays, expected)
        small, repairs = _small(path.name, arrays)
        repairs += [f"left out the unknown array {key!r}" for key in sorted(set(file) - set(KEYS))]
        segments = _segments(path.name, arrays["step_type"][()], expected.max_rows)
        for segment, frames in _cut_frames(path.name, arrays["observation"], segments, channels):
            part = slice(segment.start, segment.stop)
            rows = Rows(
                frames, small["action"][part], small["reward"][part], small["discount"][part]
            )
            piece = Piece(
                rows, segment.start, segment.is_first, segment.is_last, repairs=tuple(repairs)
            )
            is_whole = segment.is_first and segment.is_last
            yield whole(path.name, piece) if is_whole else piece
            repairs = []


def _check_arrays(where: str, arrays: dict[str, Any], expected: Expected) -> tuple[int, ...]:
    """Check types, shapes and stored sizes from the headers alone; returns the shape of a frame."""
    frame = (expected.size, expected.size)
    shapes = {"observation": ((3, *frame), (*frame, 3)), "action": ((expected.action_size,),)}
    rows = arrays["action"].shape[0] if arrays["action"].shape else 0
    found: dict[str, tuple[int, ...]] = {}
    for key, dataset in arrays.items():
        found[key] = check_kind(
            where,
            key,
            dtype=dataset.dtype,
            shape=dataset.shape,
            row_shapes=shapes.get(key, ((),)),
        )
        if len(dataset) != rows:
            fail(where, key, f"{rows} rows (as many as action)", f"{len(dataset)}")
    if not 1 <= rows <= MAX_SHARD_ROWS:
        fail(where, "action", f"1 to {MAX_SHARD_ROWS:,} rows", f"{rows:,}")
    for key, dataset in arrays.items():
        check_stored(f"{where}: {key}", dataset)
    return found["observation"]


def _small(where: str, arrays: dict[str, Any]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Actions (N, A), rewards and discounts (N,); and what had to be assumed, in words."""
    rows = len(arrays["action"])
    small = {
        "action": exact(where, "action", arrays["action"][()].reshape(rows, -1), "float32"),
        "reward": real(where, "reward", arrays["reward"][()].reshape(rows)),
        "discount": np.ones(rows),
    }
    if "discount" not in arrays:
        return small, [NO_DISCOUNT]
    small["discount"] = real(where, "discount", arrays["discount"][()].reshape(rows))
    return small, []


def _segments(where: str, step_type: NDArray[Any], max_rows: int) -> list[_Segment]:
    """Cut the rows of a shard into episodes; refuses what no sequence of episodes can be."""
    step_type = step_type.reshape(len(step_type))
    if step_type.dtype.kind == "b":
        fail(where, "step_type", "0 (first), 1 (middle) or 2 (last)", "true and false")
    unknown = first_true(~np.isin(step_type, (FIRST, 1, LAST)))
    if unknown is not None:
        got = f"{step_type[unknown]} at row {unknown}"
        fail(where, "step_type", "0 (first), 1 (middle) or 2 (last)", got)
    steps: Int8[np.ndarray, " N"] = step_type.astype(np.int8)
    headless = first_true((steps[:-1] == LAST) & (steps[1:] != FIRST))
    if headless is not None:
        got = f"{steps[headless + 1]} at row {headless + 1}"
        fail(where, "step_type", "0 (first) after a 2 (last)", got)
    starts = np.union1d([0], np.flatnonzero(steps == FIRST))
    stops = np.append(starts[1:], len(steps))
    too_long = first_true(stops - starts > max_rows)
    if too_long is not None:
        got = f"{stops[too_long] - starts[too_long]} from row {starts[too_long]} on"
        fail(where, "step_type", f"at most {max_rows} rows in an episode", got)
    return [
        _Segment(int(start), int(stop), bool(steps[start] == FIRST), bool(steps[stop - 1] == LAST))
        for start, stop in zip(starts, stops, strict=True)
    ]


def _cut_frames(
    where: str, observation: Any, segments: list[_Segment], frame: tuple[int, ...]
) -> Iterator[tuple[_Segment, NDArray[np.uint8]]]:
    """Yield each segment with its frames (R, H, W, 3), decompressing every chunk once.

    ``frame`` is the shape of one in the file: the channels stand first or last.
    """
    order = (0, 2, 3, 1) if frame[0] == 3 else (0, 1, 2, 3)
    parts: list[NDArray[np.uint8]] = []
    waiting = iter(segments)
    segment = next(waiting)
    for start, block in _blocks(where, observation):
        stop = start + len(block)
        at = max(start, segment.start)
        while True:
            end = min(stop, segment.stop)
            rows = exact(where, "observation", block[at - start : end - start], "uint8", at)
            parts.append(np.ascontiguousarray(rows.reshape(len(rows), *frame).transpose(order)))
            at = end
            if at < segment.stop:
                break
            yield segment, parts[0] if len(parts) == 1 else np.concatenate(parts)
            parts = []
            following = next(waiting, None)
            if following is None:
                return
            segment = following
            if at == stop:
                break


def _blocks(where: str, observation: Any) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (first row, frames as the file has them) in blocks of whole chunks.

    The official files have chunks of thousands of rows by a few pixels. Reading them one episode at
    a time would decompress each several times over.
    """
    tall = observation.chunks[0] if observation.chunks else 1
    height = min(tall * max(1, 512 // tall), len(observation))
    size = height * math.prod(observation.shape[1:]) * observation.dtype.itemsize
    if size > MAX_BLOCK_BYTES:
        raise DatasetFormatError(
            f"{where}: observation: expected at most {MAX_BLOCK_BYTES:,} bytes in a row of chunks, "
            f"got {size:,} ({tall:,} rows); rewrite the file with smaller chunks"
        )
    for start in range(0, len(observation), height):
        yield start, observation[start : start + height]
