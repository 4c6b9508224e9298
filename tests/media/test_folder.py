"""Pictures of the user's own: read in their layouts, or refused with the layout; never replaced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vd4rl_data.errors import (
    InvalidMediaError,
    MediaNotFoundError,
    OtherMediaError,
    UnknownMediaError,
)
from vd4rl_data.media import HELD_OUT, TRAIN, find_media
from vd4rl_data.media.folder import FolderMedia


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VD4RL_MEDIA_DIR", str(tmp_path))
    return tmp_path


def write_images(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    scene = folder / "davis" / "JPEGImages" / "480p" / "bear"
    scene.mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(sizes):
        Image.new("RGB", size, (number * 60, 100, 200)).save(scene / f"{number:05d}.jpg")
    return scene


def davis() -> FolderMedia:
    media = find_media("davis")
    assert isinstance(media, FolderMedia)
    return media


def test_images_are_read_in_order_at_any_size(folder: Path) -> None:
    write_images(folder, [(30, 20)] * 3)
    clip = davis().clip("bear")
    assert clip.length == 3
    for size in (8, 16, 8):
        frames = np.stack([clip.frame(number, size) for number in range(3)])
        assert frames.shape == (3, size, size, 3)
        np.testing.assert_allclose(frames[:, 0, 0, 0], [0, 60, 120], atol=3)
    assert davis().scenes(TRAIN)[:2] == ("bear", "bmx-bumps")
    assert len(davis().scenes(HELD_OUT)) == 30


@pytest.mark.parametrize("name", ["davis", "kinetics"])
def test_a_missing_folder_is_told_with_its_layout(folder: Path, name: str) -> None:
    media = find_media(name)
    with pytest.raises(MediaNotFoundError, match=f"Only you can provide(.|\n)*{name}/.*scene"):
        media.scenes(TRAIN)
    with pytest.raises(MediaNotFoundError, match="VD4RL_MEDIA_DIR"):
        media.content_sha256()
    (folder / name).mkdir()
    with pytest.raises(MediaNotFoundError):
        media.clip("bear")


def test_mixed_sizes_and_broken_images_are_refused(folder: Path) -> None:
    scene = write_images(folder, [(30, 20), (30, 21)])
    with pytest.raises(InvalidMediaError, match=r"one size, got 30 x 20 .* 30 x 21"):
        davis().clip("bear")
    (scene / "00001.jpg").write_bytes(b"no image")
    with pytest.raises(InvalidMediaError, match=r"00001\.jpg: cannot be decoded"):
        davis().clip("bear")
    write_images(folder, [(30, 20)] * 2)
    whole = (scene / "00001.jpg").read_bytes()
    (scene / "00001.jpg").write_bytes(whole[: len(whole) - 40])
    with pytest.raises(InvalidMediaError, match=r"00001\.jpg: cannot be decoded"):
        davis().clip("bear").frame(1, 8)


def test_videos_are_read_and_broken_ones_refused(folder: Path) -> None:
    imageio = pytest.importorskip("imageio.v3")
    (folder / "kinetics").mkdir()
    frames = np.stack([np.full((32, 48, 3), 40 * number, np.uint8) for number in range(5)])
    imageio.imwrite(folder / "kinetics" / "a.mp4", frames, fps=5, macro_block_size=1)
    media = find_media("kinetics")
    assert media.scenes(TRAIN) == ("a.mp4",)
    clip = media.clip("a.mp4")
    assert clip.length == 5
    shown = [clip.frame(number, 16).mean() for number in range(5)]
    np.testing.assert_allclose(shown, range(0, 200, 40), atol=6)
    with pytest.raises(ValueError, match="no held-out scenes"):
        media.scenes(HELD_OUT)
    (folder / "kinetics" / "b.mp4").write_bytes(b"no video")
    with pytest.raises(InvalidMediaError, match=r"b\.mp4: cannot be decoded"):
        media.clip("b.mp4")


def test_other_pictures_than_the_datas_are_refused(folder: Path) -> None:
    scene = write_images(folder, [(30, 20)] * 2)
    known = davis().content_sha256()
    assert find_media("davis", known) is davis()
    Image.new("RGB", (30, 20), (1, 2, 3)).save(scene / "00001.jpg")
    with pytest.raises(OtherMediaError, match=f"made with sha256 {known}"):
        find_media("davis", known)
    with pytest.raises(UnknownMediaError, match="Did you mean 'davis'"):
        find_media("davies")
