"""Animations show every observation once, in order, at the right speed."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.preview.conftest import painted
from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.preview import animate


@pytest.mark.parametrize(("size", "shown"), [(64, 256), (84, 336), (300, 300)])
def test_gif(tmp_path: Path, size: int, shown: int) -> None:
    path = tmp_path / "new" / "episode.gif"
    animate(painted(12, size=size), path, fps=25)
    with Image.open(path) as animation:
        assert animation.size == (shown, shown + 34)
        assert animation.info["loop"] == 0
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(animation)]
        assert animation.info["duration"] == 40
    assert len(frames) == 13
    greens = [frame[:shown, :, 1] for frame in frames]
    for step, green in enumerate(greens):
        assert np.ptp(green) == 0
        assert int(green[0, 0]) == pytest.approx(8 * step, abs=4)
    captions = [frame[shown + 4 :] for frame in frames]
    assert all((a != b).any() for a, b in pairwise(captions))
    assert list(path.parent.iterdir()) == [path]


def test_mp4(tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "episode.mp4"
    animate(painted(12, size=83), path, fps=10)
    program = [ffmpeg.get_ffmpeg_exe(), "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run(program, capture_output=True, check=True)
    assert b" 332x366" in decoded.stderr
    assert b" 10 fps" in decoded.stderr
    frames = np.frombuffer(decoded.stdout, np.uint8).reshape(-1, 366, 332, 3)
    assert len(frames) == 13
    greens = [float(frame[:320, :, 1].mean()) for frame in frames]
    assert greens == pytest.approx([8 * step for step in range(13)], abs=12)
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_episode_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / "a.gif", tmp_path / "b.gif"]
    for path in paths:
        animate(painted(3), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_mp4_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "vd4rl-data\[video\]"'):
        animate(painted(3), tmp_path / "episode.mp4")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "fps"), [("a.avi", 20), ("a", 20), ("a.gif", 0)])
def test_bad_arguments(tmp_path: Path, name: str, fps: int) -> None:
    with pytest.raises(ValueError, match=r"a path ending in \.gif or \.mp4 and 1 or more frames"):
        animate(painted(2), tmp_path / name, fps=fps)
    assert not list(tmp_path.iterdir())


def _gif_frames(path: Path) -> list[np.ndarray]:
    with Image.open(path) as animation:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(animation)]


def test_enlarged_pixels_stay_squares_of_one_color(tmp_path: Path) -> None:
    episode = painted(3)
    noise = np.random.default_rng(0).integers(0, 256, episode.observations.shape, np.uint8)
    animate(dataclasses.replace(episode, observations=noise), tmp_path / "a.gif")
    for shown, frame in zip(_gif_frames(tmp_path / "a.gif"), noise, strict=True):
        squares = shown[:256].reshape(64, 4, 64, 4, 3)
        assert (squares == squares[:, :1, :, :1]).all()
        error = np.abs(squares[:, 0, :, 0].astype(int) - frame).mean()
        assert error < 25  # 256 colors for noise


def test_the_caption_counts_time_and_return(tmp_path: Path) -> None:
    rich = painted(5)
    poor = dataclasses.replace(rich, rewards=np.zeros(5, np.float32))
    late = dataclasses.replace(rich, rewards=np.array([0, 0, 0, 0, 2.5], np.float32))
    captions: list[list[np.ndarray]] = []
    for number, episode in enumerate((rich, poor, late)):
        animate(episode, tmp_path / f"{number}.gif")
        captions.append([frame[256:] for frame in _gif_frames(tmp_path / f"{number}.gif")])
    earned, nothing, last = captions
    assert [bool((a == b).all()) for a, b in zip(earned, nothing, strict=True)] == [True] + 5 * [
        False
    ]
    assert [bool((a == b).all()) for a, b in zip(last, nothing, strict=True)] == 5 * [True] + [
        False
    ]
    assert (earned[5] == last[5]).all()
