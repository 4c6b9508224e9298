"""The upload folder: what is in it, what is refused, and that it is the same every time."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vd4rl_data
from tests.hub.publish.conftest import REPO_ID
from tests.storage import tiny
from vd4rl_data.errors import (
    CorruptFileError,
    NoSpaceError,
    OutputExistsError,
    PublishError,
    UnknownDatasetError,
)
from vd4rl_data.hub.publish import PreparedRepository, prepare, shards
from vd4rl_data.hub.publish.shards import choose_groups, expected_bytes
from vd4rl_data.registry import DATASETS
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


def test_several_datasets(flat: Path, tmp_path: Path) -> None:
    other = tmp_path / "data" / f"{tiny.EXPERT.name}.h5"
    tiny.write(other, tiny.episodes_of((3, 3, 3)), spec=tiny.EXPERT)
    both = prepare([flat, other], tmp_path / "upload", REPO_ID)
    assert [dataset.spec.name for dataset in both.datasets] == [tiny.EXPERT.name, NAME]
    assert both == prepare([other, flat], tmp_path / "upload", REPO_ID)


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
    episodes = tiny.episodes_of((20,) * 12)
    for episode in episodes:
        frames = rng.integers(0, 256, episode.observations.shape) if noise else np.uint8(0)
        episode.observations[:] = frames
    spec = dataclasses.replace(tiny.SPEC, num_episodes=12)
    monkeypatch.setitem(DATASETS, spec.name, spec)
    tiny.write(tmp_path / "a.h5", episodes, spec=spec)
    stored = open_dataset(tmp_path / "a.h5")
    groups = choose_groups(stored)
    raw = [sum(stored.episode_rows(n)["observations"].nbytes for n in group) for group in groups]
    assert [number for group in groups for number in group] == list(range(12))
    row_bytes = sum(rows.nbytes for rows in stored.episode_rows(0).values()) // 21
    assert all(size * row_bytes // 48 <= expected for size in raw)
    assert max(raw) * row_bytes // 48 > expected // 2


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
from vd4rl_data.hub.publish import prepare, shards
tiny.register()
shards._RAW_BYTES = (700,)
def die(what, done, total):
    if what.startswith(sys.argv[4]) and done == int(sys.argv[5]):
        os.kill(os.getpid(), signal.SIGKILL)
prepare([Path(sys.argv[1])], Path(sys.argv[2]), sys.argv[3], progress=die)
"""


@pytest.mark.parametrize(
    ("what", "episode", "kept"), [("pack", 1, 0), ("pack", 3, 1), ("verify the shards", 1, 2)]
)
def test_killed_and_run_again(
    what: str, episode: int, kept: int, flat: Path, tmp_path: Path, tree: Tree, repository: Path
) -> None:
    """Finished shards are kept (their inodes are), and the folder ends up the same."""
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
    monkeypatch.setattr(shards, "_write", pytest.fail)
    again = prepare([flat], prepared.folder, REPO_ID, progress=lambda *news: told.append(news))
    assert again == prepared
    assert [done for what, done, _ in told if what.startswith("pack")] == [2, 3]


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


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "repo_id", ["pixels", "a/b/c", "lab/", "/x", "../x", "lab/..", "lab/a--b", "lab/a.git", "a b/c"]
)
def test_bad_repository_name(repo_id: str, flat: Path, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="USER/NAME"):
        prepare([flat], tmp_path / "upload", repo_id)


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="at least one"):
        prepare([], tmp_path / "upload", REPO_ID)


def test_same_dataset_twice(flat: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    tiny.write(other)
    with pytest.raises(PublishError, match=r"both hold Tiny/"):
        prepare([flat, other], tmp_path / "upload", REPO_ID)


def test_damaged_pixels(flat: Path, tmp_path: Path) -> None:
    stored = open_dataset(flat)
    place = stored.shards[0].header.extents[0][0]
    stored.close()
    with flat.open("r+b") as file:
        file.seek(place + 5)
        file.write(b"\xff\xfe")
    with pytest.raises(CorruptFileError, match="fails verification"):
        prepare([flat], tmp_path / "upload", REPO_ID)
    assert not (tmp_path / "upload").exists()


def test_untrue_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that claims to be complete and is not."""
    path = tmp_path / "a.h5"
    tiny.write(path)
    larger = dataclasses.replace(tiny.SPEC, num_episodes=100)
    monkeypatch.setitem(DATASETS, larger.name, larger)
    with pytest.raises(CorruptFileError, match="complete"):
        prepare([path], tmp_path / "upload", REPO_ID)


def test_unknown_dataset(flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(DATASETS, NAME)
    with pytest.raises(UnknownDatasetError):
        prepare([flat], tmp_path / "upload", REPO_ID)


def test_composite_dataset(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    tiny.write(path, tiny.episodes_of((3,) * 5), spec=tiny.MEDIUM_EXPERT)
    with pytest.raises(PublishError, match=f"{tiny.MEDIUM.name} followed by {tiny.EXPERT.name}"):
        prepare([path], tmp_path / "upload", REPO_ID)


def _two_licenses(tmp_path: Path, flat: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    spec = dataclasses.replace(tiny.EXPERT, license="MIT")
    monkeypatch.setitem(DATASETS, spec.name, spec)
    other = tmp_path / "expert.h5"
    tiny.write(other, spec=spec)
    return [flat, other]


def test_mixed_licenses(flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = _two_licenses(tmp_path, flat, monkeypatch)
    with pytest.raises(PublishError, match=r"CC0-1\.0.*MIT|MIT.*CC0-1\.0"):
        prepare(files, tmp_path / "upload", REPO_ID)
    card = prepare(files, tmp_path / "upload", REPO_ID, mixed_licenses=True).card
    assert "Not all datasets have the same license." in card


def test_folder_of_something_else(flat: Path, tmp_path: Path) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter1.tex").write_text("words")
    with pytest.raises(OutputExistsError, match=r"chapter1\.tex"):
        prepare([flat], folder, REPO_ID)
    assert [path.name for path in folder.iterdir()] == ["chapter1.tex"]


def test_folder_is_a_file(flat: Path, tmp_path: Path) -> None:
    (tmp_path / "upload").write_text("words")
    with pytest.raises(OutputExistsError, match="got a file"):
        prepare([flat], tmp_path / "upload", REPO_ID)


def test_folder_of_another_repository(prepared: PreparedRepository, flat: Path) -> None:
    with pytest.raises(OutputExistsError, match="lab/pixels"):
        prepare([flat], prepared.folder, "lab/other")


def test_folder_of_other_content(prepared: PreparedRepository, flat: Path) -> None:
    tiny.write(flat, tiny.episodes_of((3, 3, 3)))
    with pytest.raises(OutputExistsError, match="other content"):
        prepare([flat], prepared.folder, REPO_ID)


def _expert(tmp_path: Path) -> Path:
    path = tmp_path / "data" / f"{tiny.EXPERT.name}.h5"
    tiny.write(path, tiny.episodes_of((3, 3, 3)), spec=tiny.EXPERT)
    return path


def test_folder_takes_more_datasets(
    prepared: PreparedRepository, flat: Path, tmp_path: Path, tree: Tree
) -> None:
    """What is there is kept, and the whole is as if it had been prepared at once."""
    inodes = {path: path.stat().st_ino for path in prepared.folder.rglob("*.h5")}
    expert = _expert(tmp_path)
    grown = prepare([flat, expert], prepared.folder, REPO_ID)
    assert all(path.stat().st_ino == inode for path, inode in inodes.items())
    whole = prepare([expert, flat], tmp_path / "whole", REPO_ID)
    assert grown.files == whole.files
    assert tree(grown.folder) == tree(whole.folder)
    with pytest.raises(OutputExistsError, match=f"prepared with {tiny.EXPERT.name} too"):
        prepare([flat], prepared.folder, REPO_ID)
    assert tree(grown.folder) == tree(whole.folder)


def test_folder_with_an_edited_card_takes_no_more(
    prepared: PreparedRepository, flat: Path, tmp_path: Path
) -> None:
    card = prepared.folder / "README.md"
    card.write_text("My own words.\n")
    with pytest.raises(OutputExistsError, match=f"does not speak of {tiny.EXPERT.name}"):
        prepare([flat, _expert(tmp_path)], prepared.folder, REPO_ID)
    assert card.read_text() == "My own words.\n"
    card.rename(tmp_path / "mine.md")
    assert len(prepare([flat, _expert(tmp_path)], prepared.folder, REPO_ID).datasets) == 2


def test_no_room_is_told_before_packing(
    flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(NoSpaceError, match="are free"):
        prepare([flat], tmp_path / "upload", REPO_ID)
    assert not list((tmp_path / "upload").rglob("*.h5"))
    monkeypatch.undo()


def test_finished_shards_need_no_room_again(
    prepared: PreparedRepository, flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(flat)
    room = expected_bytes(open_dataset(flat)) - prepared.datasets[0].num_bytes
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=max(0, room)))
    assert prepare([flat], prepared.folder, REPO_ID) == prepared
    monkeypatch.undo()


def test_folder_with_broken_notes(prepared: PreparedRepository, flat: Path) -> None:
    (prepared.folder / ".cache" / "vd4rl_data" / "publish.json").write_text("[]")
    with pytest.raises(OutputExistsError, match=r"publish\.json"):
        prepare([flat], prepared.folder, REPO_ID)
