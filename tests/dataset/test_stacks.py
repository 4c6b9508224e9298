"""Stacks of frames as images of many channels."""

from __future__ import annotations

import numpy as np
import pytest

from vd4rl_data import stacked

pytestmark = pytest.mark.usefixtures("no_type_checks")
_FRAMES = np.random.default_rng(0).integers(0, 256, (2, 5, 3, 4, 6, 3), np.uint8)  # K = 3


@pytest.mark.parametrize(
    "batch", [(), (0,), (0, 0)], ids=["of batches of batches", "of a batch", "one"]
)
def test_each_frame_is_three_channels_the_oldest_first(batch: tuple[int, ...]) -> None:
    frames = _FRAMES[batch]
    before = np.concatenate([np.moveaxis(frames[..., k, :, :, :], -1, -3) for k in range(3)], -3)
    behind = np.concatenate([frames[..., k, :, :, :] for k in range(3)], -1)
    for image, expected in ((stacked(frames), before), (stacked(frames, "last"), behind)):
        assert np.array_equal(image, expected)
        assert image.flags.c_contiguous
        assert image.dtype == np.uint8


def test_one_frame_is_an_image() -> None:
    assert np.array_equal(stacked(_FRAMES[0, :, :1], channels="last"), _FRAMES[0, :, 0])


def test_what_cannot_be_stacked_is_told() -> None:
    with pytest.raises(ValueError, match=r"channels: expected one of first, last, got 'BCHW'"):
        stacked(_FRAMES, "BCHW")
    with pytest.raises(ValueError, match=r"frames: expected .* got shape \(4, 6, 3\)"):
        stacked(_FRAMES[0, 0, 0])
