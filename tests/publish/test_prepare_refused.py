"""What no upload folder is made of, and folders that are not ours to write into."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.publish.conftest import REPO_ID
from tests.storage import tiny
from vd4rl_data.errors import (
    CorruptFileError,
    NoSpaceError,
    OutputExistsError,
    PublishError,
    UnknownDatasetError,
)
from vd4rl_data.publish import PreparedRepository, prepare
from vd4rl_data.publish.shards import expected_bytes
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage import open_dataset

Tree = Callable[[Path], dict[str, bytes]]
NAME = tiny.SPEC.name


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


def test_folder_takes_more_datasets(
    prepared: PreparedRepository, flat: Path, expert: Path, tmp_path: Path, tree: Tree
) -> None:
    """What is there is kept, and the whole is as if it had been prepared at once."""
    inodes = {path: path.stat().st_ino for path in prepared.folder.rglob("*.h5")}
    grown = prepare([flat, expert], prepared.folder, REPO_ID)
    assert all(path.stat().st_ino == inode for path, inode in inodes.items())
    whole = prepare([expert, flat], tmp_path / "whole", REPO_ID)
    assert grown.files == whole.files
    assert tree(grown.folder) == tree(whole.folder)
    with pytest.raises(OutputExistsError, match=f"prepared with {tiny.EXPERT.name} too"):
        prepare([flat], prepared.folder, REPO_ID)
    assert tree(grown.folder) == tree(whole.folder)


def test_folder_with_an_edited_card_takes_no_more(
    prepared: PreparedRepository, flat: Path, expert: Path, tmp_path: Path
) -> None:
    card = prepared.folder / "README.md"
    card.write_text("My own words.\n")
    with pytest.raises(OutputExistsError, match=f"does not speak of {tiny.EXPERT.name}"):
        prepare([flat, expert], prepared.folder, REPO_ID)
    assert card.read_text() == "My own words.\n"
    card.rename(tmp_path / "mine.md")
    assert len(prepare([flat, expert], prepared.folder, REPO_ID).datasets) == 2


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
