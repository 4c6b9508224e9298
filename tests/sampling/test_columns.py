"""Columns refuse arrays that do not fit together; gathering never moves a frame wrongly."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.sampling.buffers import ALIGNMENT, BatchMemory, aligned_empty
from vd4rl_data.sampling.gather import FrameGatherer, wants_alternation
from vd4rl_data.sampling.stream import alternated


@pytest.mark.parametrize("name", ["actions", "rewards", "discounts", "terminals", "frames"])
def test_columns_of_different_length_are_refused(painted: Any, name: str) -> None:
    columns = painted.columns
    rest = {"rewards", "discounts", "terminals", "actions"} - {name}
    shorter = {name: getattr(columns, name)[:-1]} if name != "frames" else {}
    if name == "frames":
        shorter = {"frames": columns.frames.select(np.arange(3))}
    if name in {"rewards", "discounts", "terminals", "actions"}:
        # all but the named array shrink together, so that only the count of rows differs
        shorter = {other: getattr(columns, other)[:-1] for other in (*rest, name)}
    with pytest.raises(DatasetFormatError, match="expected 822 rows"):
        dataclasses.replace(columns, **shorter)


@pytest.mark.parametrize("starts", [[1, 822], [0, 5, 5, 822], [0], [0, 822, 5]])
def test_starts_that_do_not_grow_are_refused(painted: Any, starts: list[int]) -> None:
    with pytest.raises(DatasetFormatError, match="starts: expected 0 and then"):
        dataclasses.replace(painted.columns, starts=np.array(starts))


@pytest.mark.parametrize("size", [1, 63, 2**21, 2**21 + 5])
def test_buffers_are_aligned(size: int) -> None:
    memory = aligned_empty(size)
    assert memory.shape == (size,)
    assert memory.ctypes.data % ALIGNMENT == 0
    assert size < 2**21 or memory.ctypes.data % 2**21 == 0


def test_memory_comes_back_only_when_the_last_view_is_gone() -> None:
    memory = BatchMemory(100, reuse=False)
    first = memory.lend()
    view = first[10:20].reshape(2, 5)
    address = first.ctypes.data
    del first
    assert memory.lend().ctypes.data != address
    del view
    lent = [memory.lend() for _ in range(3)]
    assert address in {item.ctypes.data for item in lent}
    assert len({item.ctypes.data for item in lent}) == 3


def test_memory_keeps_only_a_small_reserve() -> None:
    memory = BatchMemory(100, reuse=False)
    lent = [memory.lend() for _ in range(10)]
    del lent
    assert len(memory._spare) == 2
    assert len(pickle.loads(pickle.dumps(memory))._spare) == 0


@pytest.mark.parametrize(
    ("pixels", "frames", "expected"), [(84, 3, True), (84, 4, False), (64, 3, False)]
)
def test_only_frames_of_odd_multiples_of_16_bytes_alternate(
    pixels: int, frames: int, expected: bool
) -> None:
    assert wants_alternation(pixels * pixels * 3, frames) == expected


@pytest.mark.parametrize("size", [4, 5, 8])
@pytest.mark.parametrize("phase", [0, 1, 3])
def test_places_lie_like_their_source(make_painted: Any, size: int, phase: int) -> None:
    columns = make_painted([30], [False], size=size).columns
    gatherer = FrameGatherer(columns.frames, 12, phases=(0, phase), threads=1, reuse_buffers=False)
    groups = [np.arange(6).reshape(3, 2), np.arange(6) + phase]
    first, second = gatherer.gather(groups)
    source = columns.frames.address
    assert (first.ctypes.data - source) % ALIGNMENT == 0
    assert (second.ctypes.data - source - phase * size * size * 3) % ALIGNMENT == 0
    np.testing.assert_array_equal(first[..., 0, 0, 0], groups[0])
    np.testing.assert_array_equal(second[..., 0, 0, 0], groups[1])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "out",
    [
        np.zeros((2, 2, 4, 4, 3), np.uint8).transpose(1, 0, 2, 3, 4),
        np.zeros((4, 4, 4, 3), np.uint8),
        np.zeros((2, 2, 4, 4, 3), np.int8),
    ],
    ids=["strided", "shape", "dtype"],
)
def test_gather_refuses_places_it_cannot_write_to(
    painted: Any, out: np.ndarray, threads: int
) -> None:
    frames = painted.columns.frames
    gatherer = FrameGatherer(frames, 4, phases=(0,), threads=threads, reuse_buffers=False)
    with pytest.raises(ValueError, match="frames: expected C-contiguous"):
        gatherer.gather([np.arange(4).reshape(2, 2)], [out])


def test_more_frames_than_a_batch_still_fit(painted: Any) -> None:
    gatherer = FrameGatherer(painted.columns.frames, 2, phases=(0,), threads=1, reuse_buffers=True)
    (frames,) = gatherer.gather([np.arange(20)])
    np.testing.assert_array_equal(frames[:, 0, 0, 0], np.arange(20))


@pytest.mark.parametrize("rows", [[0, 2, 4, 1, 3, 5], [7, 5, 3, 8, 2, 6], [1, 9, 2, 4, 7]])
def test_even_and_odd_rows_take_turns(rows: list[int]) -> None:
    records = np.array([(row,) for row in rows], [("row", np.int64)])
    order = alternated(records)["row"].tolist()
    assert sorted(order) == sorted(rows)
    assert sum(row % 2 != place % 2 for place, row in enumerate(order)) <= len(rows) % 2
    evens = [row for row in order if row % 2 == 0]
    assert evens == [row for row in rows if row % 2 == 0]  # otherwise the order stays as drawn


def test_an_uneven_batch_alternates_as_far_as_it_can() -> None:
    records = np.array([(row,) for row in (2, 4, 6, 8, 10, 1)], [("row", np.int64)])
    order = alternated(records)["row"].tolist()
    assert sorted(order) == [1, 2, 4, 6, 8, 10]
    assert sum(row % 2 != place % 2 for place, row in enumerate(order)) == 2
