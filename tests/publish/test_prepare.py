"""The upload folder: what is in it, and that it is the same every time, after kills, too."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vd4rl_data
from tests.publish.conftest import REPO_ID
from tests.storage import tiny
from vd4rl_data.publish import PreparedRepository, prepare, shards
from vd4rl_data.publish.shards import expected_bytes, raw_bytes_per_shard
from vd4rl_data.storage import open_dataset, pack, unpack, verify_dataset

Tree = Callable[[Path], dict[str, bytes]]
NAME = tiny.SPEC.name


def test_layout(prepared: PreparedRepository, tree: Tree) -> None:
    found = tree(prepared.folder)
    assert sorted(found) == [
        "README.md",
        f"{NAME}.packed-00000-of-00002.h5",
        f"{NAME}.packed-00001-of-00002.h5",
        f"{NAME}.packed.manifest.json",
        "croissant.json",
        f"pictures/{NAME}.episodes.png",
        f"pictures/{NAME}.returns.png",
        f"viewer/{NAME}.tar",
    ]
    assert [file.path for file in prepared.files] == sorted(found)
    for file in prepared.files:
        content = found[file.path]
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_shards_are_those_of_pack(prepared: PreparedRepository, flat: Path, tmp_path: Path) -> None:
    expected = pack(flat, tmp_path / "packed", shard_raw_bytes=700)
    for shard, path in zip(prepared.datasets[0].shards, expected, strict=True):
        assert (prepared.folder / shard.path).read_bytes() == path.read_bytes()
    beside = prepared.folder / f"{NAME}.packed.manifest.json"
    assert beside.read_bytes() == expected[0].with_name(beside.name).read_bytes()
    assert verify_dataset(prepared.folder / prepared.datasets[0].shards[0].path).ok


def test_same_input_same_bytes(
    prepared: PreparedRepository, flat: Path, tmp_path: Path, tree: Tree
):
    again = prepare([flat], tmp_path / "elsewhere", REPO_ID)
    assert tree(again.folder) == tree(prepared.folder)
    assert again.files == prepared.files


def test_nothing_of_this_machine(prepared: PreparedRepository, tmp_path: Path, tree: Tree) -> None:
    for name, content in tree(prepared.folder).items():
        assert str(tmp_path).encode() not in content, name
    for path in prepared.datasets[0].pictures:
        with Image.open(prepared.folder / path) as picture:
            assert picture.info == {}


def test_packed_source_gives_the_same(prepared: PreparedRepository, flat: Path, tmp_path: Path):
    for size in (700, 10_000):  # split alike: copied; split otherwise: packed anew
        first = pack(flat, tmp_path / f"packed{size}", shard_raw_bytes=size)[0]
        again = prepare([first], tmp_path / f"from{size}", REPO_ID)
        assert again.files == prepared.files


def test_progress_counts_up(flat: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    prepare([flat], tmp_path / "upload", REPO_ID, progress=lambda *news: told.append(news))
    for what in dict.fromkeys(text for text, _, _ in told):
        done = [number for text, number, total in told if text == what and total == 3]
        assert done == sorted(done), what
        assert done[-1] == 3, what


# --- shard sizes ------------------------------------------------------------------------------


@pytest.mark.parametrize(("noise", "expected"), [(False, 1 << 13), (True, 1 << 12)])
def test_shards_are_smaller_where_pixels_compress_worse(
    noise: bool, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixels that compress to their own size get half the raw bytes of those that vanish."""
    monkeypatch.setattr(shards, "_RAW_BYTES", (1 << 13, 1 << 12))
    monkeypatch.setattr(shards, "LARGEST_SHARD", 1 << 12)
    rng = np.random.default_rng(0)
    episodes = tiny.episodes_of((20,) * 3)
    for episode in episodes:
        frames = rng.integers(0, 256, episode.observations.shape) if noise else np.uint8(0)
        episode.observations[:] = frames
    tiny.write(tmp_path / "a.h5", episodes)
    assert raw_bytes_per_shard(open_dataset(tmp_path / "a.h5")) == expected


def test_expected_bytes_are_about_those_of_the_shards(tmp_path: Path) -> None:
    sample = next((Path(vd4rl_data.__file__).parent / "samples").rglob("*.packed-*.h5"))
    exact = sample.stat().st_size
    assert expected_bytes(open_dataset(sample)) == exact
    flat = unpack(sample, tmp_path / "flat.h5")
    assert 0.8 < expected_bytes(open_dataset(flat)) / exact < 1.25


# --- going on after a kill -------------------------------------------------------------------


_PREPARE = """
import os, signal, sys
from pathlib import Path
from tests.storage import tiny
from vd4rl_data.publish import prepare, shards
tiny.register()
shards._RAW_BYTES = (700,)
def die(what, done, total):
    if what.startswith(sys.argv[4]) and done == int(sys.argv[5]):
        os.kill(os.getpid(), signal.SIGKILL)
prepare([Path(sys.argv[1])], Path(sys.argv[2]), sys.argv[3], progress=die)
"""


@pytest.mark.parametrize(("what", "episode", "kept"), [("pack", 3, 0), ("verify the shards", 1, 2)])
def test_killed_and_run_again(
    what: str, episode: int, kept: int, flat: Path, tmp_path: Path, tree: Tree, repository: Path
) -> None:
    """What was packed is kept (its inodes are), and the folder ends up the same."""
    expected = prepare([flat], tmp_path / "whole", REPO_ID)
    folder = tmp_path / "upload"
    arguments = [str(flat), str(folder), REPO_ID, what, str(episode)]
    run = subprocess.run([sys.executable, "-c", _PREPARE, *arguments], cwd=repository, check=False)
    assert run.returncode == -signal.SIGKILL
    done = {path: path.stat() for path in folder.rglob("*.h5")}
    assert len(done) == kept
    again = prepare([flat], folder, REPO_ID)
    assert all(path.stat().st_ino == stat.st_ino for path, stat in done.items())
    assert again.files == expected.files
    assert tree(folder) == tree(expected.folder)


def test_nothing_is_packed_twice(
    prepared: PreparedRepository, flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr(shards, "pack", pytest.fail)
    again = prepare([flat], prepared.folder, REPO_ID, progress=lambda *news: told.append(news))
    assert again == prepared
    assert [done for what, done, _ in told if what.startswith("pack")] == [3]


def test_damaged_shard_is_made_again(prepared: PreparedRepository, flat: Path) -> None:
    path = prepared.folder / prepared.datasets[0].shards[1].path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert prepare([flat], prepared.folder, REPO_ID) == prepared
    content[-1] ^= 1
    assert path.read_bytes() == content


def test_edited_card_is_kept(
    prepared: PreparedRepository, flat: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = prepared.folder / "README.md"
    path.write_text(prepared.card + "\nMy own words.\n")
    again = prepare([flat], prepared.folder, REPO_ID)
    assert again.card.endswith("My own words.\n")
    assert "edited by hand" in caplog.text
    by_path = {file.path: file for file in again.files}
    assert by_path["README.md"].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()
    assert prepare([flat], prepared.folder, REPO_ID) == prepared
