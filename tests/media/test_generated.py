"""Scenes that are drawn here: the same bytes for ever, as natural and as moving as they claim."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vd4rl_data.media import HELD_OUT, MEDIA, TRAIN
from vd4rl_data.media.generated import GeneratedMedia, drawn_sha256
from vd4rl_data.media.noise import fractal

GENERATED = [media for media in MEDIA.values() if isinstance(media, GeneratedMedia)]
SIZE = 64


@pytest.fixture(params=GENERATED, ids=lambda media: media.name, scope="module")
def media(request: pytest.FixtureRequest) -> GeneratedMedia:
    return request.param


def test_the_bytes_are_those_of_the_hash(media: GeneratedMedia) -> None:
    assert drawn_sha256(media) == media.sha256


def test_training_and_held_out_scenes_share_nothing(media: GeneratedMedia) -> None:
    train, held_out = media.scenes(TRAIN), media.scenes(HELD_OUT)
    assert len(train) >= 16
    assert len(held_out) >= 8
    assert len({*train, *held_out}) == len(train) + len(held_out)
    seen, unseen = (media.clip(scenes[0]).frame(0, SIZE) for scenes in (train, held_out))
    assert np.mean(np.abs(seen.astype(int) - unseen)) > 10
    with pytest.raises(ValueError, match="one of train, held_out, got 'test'"):
        media.scenes("test")


def test_spectrum_is_that_of_photographs(media: GeneratedMedia) -> None:
    """Power falls with the frequency to the power of -2 (photographs: -1.8 to -2.4; small real
    clips, which are smoother: -2.9 to -3.3), with contrast all over the range.
    """
    clip = media.clip(media.scenes(TRAIN)[0])
    frames = [gray(clip.frame(number, SIZE)) for number in range(0, clip.length, 20)]
    assert -2.9 < slope(frames) < -1.7
    assert 30 < np.mean([frame.std() for frame in frames]) < 80


def test_pictures_move_a_few_pixels_per_frame(media: GeneratedMedia) -> None:
    """From the last frame to the first one, too: a scene repeats without a cut."""
    clip = media.clip(media.scenes(TRAIN)[0])
    numbers = [*range(5, clip.length, clip.length // 4), clip.length - 1]
    moved: list[float] = []
    differences: list[float] = []
    for number in numbers:
        one, two = (gray(clip.frame((number + i) % clip.length, SIZE)) for i in range(2))
        moved += flow(one, two)
        differences.append(float(np.abs(one - two).mean()))
    assert 1 <= np.mean(moved) <= 5
    assert differences[-1] < 2 * np.median(differences)


def test_every_size_shows_the_same(media: GeneratedMedia) -> None:
    clip = media.clip(media.scenes(TRAIN)[1])
    small, large = clip.frame(3, 32), clip.frame(3, 256)
    assert large.shape == (256, 256, 3)
    shrunk = large.reshape(32, 8, 32, 8, 3).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.7


def test_noise_tiles_the_plane() -> None:
    field = fractal(np.random.default_rng(0), 64, 128, 32)
    assert field.shape == (64, 128)
    assert np.abs(field).max() <= 1
    inner = np.abs(np.diff(field, axis=1)).max()
    assert np.abs(field[:, 0] - field[:, -1]).max() <= inner * 1.5


def gray(frame: np.ndarray) -> np.ndarray:
    return frame @ np.array([0.299, 0.587, 0.114])


def slope(frames: list[np.ndarray]) -> float:
    """Exponent of the power spectrum, averaged over directions and frames."""
    window = np.hanning(SIZE)[:, None] * np.hanning(SIZE)
    power = sum(np.abs(np.fft.fft2((f - f.mean()) * window)) ** 2 for f in frames)
    axis = np.fft.fftfreq(SIZE) * SIZE
    radius = np.hypot(axis[:, None], axis)
    frequencies = np.arange(2, SIZE // 2 - 2)
    mean: list[Any] = [power[np.abs(radius - f) < 0.5].mean() for f in frequencies]
    return float(np.polyfit(np.log(frequencies), np.log(mean), 1)[0])


def flow(one: np.ndarray, two: np.ndarray, block: int = 16, reach: int = 7) -> list[float]:
    """How far each block of a frame has moved, in pixels: where it fits best in the next one."""
    lengths: list[float] = []
    for top in range(reach, SIZE - block - reach + 1, block // 2):
        for left in range(reach, SIZE - block - reach + 1, block // 2):
            part = one[top : top + block, left : left + block]
            area = two[top - reach : top + block + reach, left - reach : left + block + reach]
            windows = np.lib.stride_tricks.sliding_window_view(area, (block, block))
            errors = np.abs(windows - part).mean(axis=(2, 3))
            down, right = np.unravel_index(errors.argmin(), errors.shape)
            if part.std() > 8:
                lengths.append(float(np.hypot(down - reach, right - reach)))
    return lengths
