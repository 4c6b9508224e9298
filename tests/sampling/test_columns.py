"""Columns refuse arrays that do not fit together; gathering never moves a frame wrongly."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.sampling.gather import FrameGatherer


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
