"""Revisions, and the hashes they are made of."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.errors import MirrorError
from vd4rl_data.hub.mirror import MirrorServer, repository
from vd4rl_data.hub.mirror.folder import MirrorFolder
from vd4rl_data.hub.mirror.hashes import Cancelled, FileChanging, hash_file
from vd4rl_data.hub.mirror.snapshot import Snapshot


@pytest.fixture(autouse=True)
def always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the disk at each request."""
    monkeypatch.setattr(repository, "_LOOK_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(repository, "_SCAN_SHARE", 0.0)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read to be hashed."""
    names: list[str] = []

    def spy(path: Path, *others: Any) -> Any:
        names.append(path.name)
        return hash_file(path, *others)

    monkeypatch.setattr(repository, "hash_file", spy)
    return names


def _folder(root: Path, cache: Path | None = None) -> MirrorFolder:
    return MirrorFolder(root, cache, threading.Event())


def _snapshot(root: Path, cache: Path | None = None) -> Snapshot:
    found = _folder(root, cache).find("lab", "pixels")
    assert found is not None
    return found.snapshot()


def test_the_revision_depends_on_names_sizes_and_bytes_alone(root: Path, pixels: Path) -> None:
    first = _snapshot(root).revision
    os.utime(pixels / "a.txt", ns=(1, 1))
    assert _snapshot(root).revision == first
    (pixels / "a.txt").write_text("x")
    assert _snapshot(root).revision != first
    (pixels / "a.txt").write_text("a")
    assert _snapshot(root).revision == first
    (pixels / "a.txt").rename(pixels / "c.txt")
    assert _snapshot(root).revision != first


def test_changes_are_followed_while_serving(root: Path, pixels: Path, hashed: list[str]) -> None:
    found = _folder(root).find("lab", "pixels")
    assert found is not None
    before = found.snapshot()
    assert found.snapshot() is before
    (pixels / "train" / "new.bin").write_bytes(b"\0new")
    (pixels / "a.txt").unlink()
    after = found.snapshot()
    assert sorted(after.files) == ["train/b.bin", "train/new.bin"]
    assert not after.resolves(before.revision)
    assert after.resolves("main")
    assert hashed == ["a.txt", "b.bin", "new.bin"]


def test_hashes_are_computed_once(root: Path, hashed: list[str]) -> None:
    first = _snapshot(root)
    assert sorted(hashed) == ["a.txt", "b.bin"]
    assert _snapshot(root) == first
    assert len(hashed) == 2
    assert sorted(path.name for path in (root / "datasets" / "lab").iterdir()) == [
        ".pixels.hashes.json",
        "pixels",
    ]


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_that_was_written_is_hashed_again(
    root: Path, pixels: Path, hashed: list[str], change: str
) -> None:
    _snapshot(root)
    hashed.clear()
    status = (pixels / "a.txt").stat()
    (pixels / "a.txt").write_text("bb" if change == "size" else "b")
    later = status.st_mtime_ns + (1 if change == "time" else 0)
    os.utime(pixels / "a.txt", ns=(later, later))
    snapshot = _snapshot(root)
    assert hashed == ["a.txt"]
    content = (pixels / "a.txt").read_bytes()
    assert snapshot.files["a.txt"].hashes.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"files": {"a.txt": [1]}}', b"\xff"])
def test_a_damaged_journal_is_written_anew(
    root: Path, hashed: list[str], caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    first = _snapshot(root)
    (root / "datasets" / "lab" / ".pixels.hashes.json").write_bytes(damage)
    assert _snapshot(root) == first
    assert "not a journal of hashes" in caplog.text
    assert len(hashed) == 4
    assert _snapshot(root) == first
    assert len(hashed) == 4


def test_hashes_are_kept_where_they_can_be(
    root: Path, tmp_path: Path, hashed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vd4rl_data")
    _snapshot(root, tmp_path / "cache")
    assert len(hashed) == 2
    _snapshot(root, tmp_path / "cache")
    assert len(hashed) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert not (root / "datasets" / "lab" / ".pixels.hashes.json").exists()
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    folder = _folder(root, blocked)
    found = folder.find("lab", "pixels")
    assert found is not None
    found.snapshot()
    (root / "datasets" / "lab" / "pixels" / "new.txt").write_text("new")
    assert len(folder.find("lab", "pixels").snapshot().files) == 3  # type: ignore[union-attr]
    assert len(hashed) == 5
    assert caplog.text.count("hashes are kept in memory") == 1


def test_the_journal_outlives_an_interruption(
    root: Path, monkeypatch: pytest.MonkeyPatch, hashed: list[str]
) -> None:
    stop = threading.Event()
    folder = MirrorFolder(root, None, stop)
    found = folder.find("lab", "pixels")
    assert found is not None
    read: Callable[..., Any] = repository.hash_file

    def stop_after_first(path: Path, *others: Any) -> Any:
        result = read(path, *others)
        stop.set()
        return result

    with monkeypatch.context() as patch:
        patch.setattr(repository, "hash_file", stop_after_first)
        with pytest.raises(Cancelled):
            found.snapshot()
    assert hashed == ["a.txt"]
    _snapshot(root)
    assert hashed == ["a.txt", "b.bin"]


def test_a_large_file_is_given_up_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(3 << 20))
    stop = threading.Event()
    read: list[int] = []

    def progress(count: int) -> None:
        read.append(count)
        stop.set()

    with pytest.raises(Cancelled):
        hash_file(path, stop, progress)
    assert len(read) == 1


def test_a_file_written_while_it_is_hashed_comes_later(
    root: Path, pixels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_count: int) -> None:
        with (pixels / "a.txt").open("a") as file:
            file.write("more")

    with pytest.raises(FileChanging):
        hash_file(pixels / "a.txt", threading.Event(), write)

    found = _folder(root).find("lab", "pixels")
    assert found is not None

    def changing(path: Path, *others: Any) -> Any:
        if path.name == "a.txt":
            raise FileChanging(path)
        return hash_file(path, *others)

    with monkeypatch.context() as patch:
        patch.setattr(repository, "hash_file", changing)
        assert list(found.snapshot().files) == ["train/b.bin"]
    assert list(found.snapshot().files) == ["a.txt", "train/b.bin"]


def test_the_folder_must_hold_datasets(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(MirrorError, match="datasets/<namespace>/<name>"):
            MirrorServer(folder)


def test_the_folder_of_datasets_must_be_real(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "datasets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MirrorError, match="is a link"):
        MirrorServer(tmp_path / "mirror")


def test_a_link_gives_a_repository_a_second_name(make_mirror: Any, ask: Any) -> None:
    mirror = make_mirror({"a.txt": b"a"})
    (mirror.folder.parent / "same").symlink_to("pixels")
    (mirror.folder.parent / "all").symlink_to("..")
    assert ask(mirror, "/datasets/lab/same/resolve/main/a.txt")[2] == b"a"
    assert ask(mirror, "/api/datasets/lab/all")[0] == 404


def test_new_and_removed_repositories_are_seen(make_mirror: Any, ask: Any, tmp_path: Path) -> None:
    mirror = make_mirror({"a.txt": b"a"})
    other = mirror.folder.parent / "other"
    assert ask(mirror, "/api/datasets/lab/other")[0] == 404
    other.mkdir()
    (other / "b.txt").write_text("b")
    assert ask(mirror, "/datasets/lab/other/resolve/main/b.txt")[2] == b"b"
    other.rename(tmp_path / "gone")
    status, headers, _ = ask(mirror, "/datasets/lab/other/resolve/main/b.txt")
    assert (status, headers["X-Error-Code"]) == (404, "RepoNotFound")


def test_a_file_that_changes_under_a_request_is_not_sent(make_mirror: Any, ask: Any) -> None:
    mirror = make_mirror({"a.bin": b"\0old"})

    def write_first(request: Any, handler: Any) -> Any:
        response = handler(request)
        (mirror.folder / "a.bin").write_bytes(b"\0longer")
        return response

    mirror.faults.add("a.bin", write_first)
    target = "/datasets/lab/pixels/resolve/main/a.bin"
    status, headers, body = ask(mirror, target)
    assert (status, headers["Retry-After"]) == (503, "2")
    assert b"old" not in body
    assert ask(mirror, target)[2] == b"\0longer"


def test_clients_are_told_to_wait_for_the_first_hashes(
    make_mirror: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Any:
        began.set()
        go_on.wait(30)
        return hash_file(*arguments)

    monkeypatch.setattr(repository, "hash_file", slow)
    monkeypatch.setattr(repository, "_FIRST_WAIT_SECONDS", 0.01)
    mirror = make_mirror({"a.bin": b"\0a"})
    target = "/datasets/lab/pixels/resolve/main/a.bin"
    answers: list[int] = []
    first = threading.Thread(target=lambda: answers.append(ask(mirror, target)[0]))
    first.start()
    assert began.wait(30)
    status, headers, _ = ask(mirror, target)
    assert (status, headers["Retry-After"]) == (503, "5")
    go_on.set()
    first.join()
    assert answers == [200]


def test_the_old_state_is_served_while_the_new_one_is_hashed(
    make_mirror: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = make_mirror({"a.bin": b"\0a"})
    target = "/datasets/lab/pixels/resolve/main/"
    assert ask(mirror, target + "a.bin")[0] == 200
    began, go_on = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Any:
        began.set()
        go_on.wait(30)
        return hash_file(*arguments)

    monkeypatch.setattr(repository, "hash_file", slow)
    (mirror.folder / "b.bin").write_bytes(b"\0b")
    answers: list[int] = []
    first = threading.Thread(target=lambda: answers.append(ask(mirror, target + "b.bin")[0]))
    first.start()
    assert began.wait(30)
    assert ask(mirror, target + "a.bin")[0] == 200
    go_on.set()
    first.join()
    assert answers == [200]
