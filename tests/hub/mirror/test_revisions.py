"""What names a revision, and which files are addressed by sha256."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.errors import MirrorError
from vd4rl_data.hub.mirror import MirrorServer, hashes, repository
from vd4rl_data.hub.mirror.folder import MirrorFolder
from vd4rl_data.hub.mirror.repository import Repository
from vd4rl_data.hub.mirror.snapshot import Snapshot


def _repository(root: Path) -> Repository:
    found = MirrorFolder(root, None, threading.Event()).find("lab", "pixels")
    assert found is not None
    return found


def _snapshot(root: Path) -> Snapshot:
    return _repository(root).snapshot()


def test_a_pin_names_the_revision(root: Path, pixels: Path) -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    (pixels / ".mirror.json").write_text(json.dumps({"revision": commit, "aliases": ["v1"]}))
    snapshot = _snapshot(root)
    assert snapshot.revision == commit
    assert [
        name for name in ("main", "v1", commit, "v2", commit[:8]) if snapshot.resolves(name)
    ] == [
        "main",
        "v1",
        commit,
    ]
    assert ".mirror.json" not in snapshot.files


def test_a_pin_is_followed_while_serving(
    root: Path, pixels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "_LOOK_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(repository, "_SCAN_SHARE", 0.0)
    found = _repository(root)
    before = found.snapshot().revision
    (pixels / ".mirror.json").write_text('{"aliases": ["v1"]}')
    assert found.snapshot().resolves("v1")
    assert found.snapshot().revision == before


@pytest.mark.parametrize(
    "pin",
    [
        "",
        "[]",
        '{"revision": "main"}',
        '{"revision": 5}',
        '{"revision": "%s"}' % ("AB" * 20),
        '{"aliases": "v1"}',
        '{"aliases": [1]}',
        '{"commit": "x"}',
    ],
)
def test_a_wrong_pin_is_refused(root: Path, pixels: Path, ask: Any, pin: str) -> None:
    (pixels / ".mirror.json").write_text(pin)
    with pytest.raises(MirrorError, match=r"\.mirror\.json"):
        MirrorServer(root).prepare()
    with MirrorServer(root) as server:
        status, _, body = ask(server, "/api/datasets/lab/pixels")
    assert status == 500
    assert str(root).encode() not in body


def _note(pixels: Path, name: str, commit: str, etag: str) -> None:
    note = pixels / ".cache" / "huggingface" / "download" / f"{name}.metadata"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{commit}\n{etag}\n1.5\n")


@pytest.mark.parametrize("wrong", [None, "etag", "commit", "form", "missing"])
def test_a_downloaded_commit_is_believed_only_with_proof(
    root: Path, pixels: Path, wrong: str | None
) -> None:
    by_content = _snapshot(root).revision
    commit = "ab" * 20
    _note(pixels, "a.txt", commit, hashlib.sha1(b"blob 1\0a").hexdigest())
    if wrong != "missing":
        name = "cd" * 20 if wrong == "commit" else "main" if wrong == "form" else commit
        etag = hashlib.sha256(b"\0c" if wrong == "etag" else b"\0b").hexdigest()
        _note(pixels, "train/b.bin", name, etag)
    assert _snapshot(root).revision == (commit if wrong is None else by_content)


@pytest.mark.parametrize(
    ("content", "large"),
    [(b"", False), (b"text", False), (b"\0", True), (b"t" * 8_000 + b"\0", False)],
)
def test_which_files_are_large(root: Path, pixels: Path, content: bytes, large: bool) -> None:
    (pixels / "a.txt").write_bytes(content)
    assert _snapshot(root).files["a.txt"].is_large is large


def test_long_text_is_large(root: Path, pixels: Path) -> None:
    (pixels / "a.txt").write_bytes(b"t" * (hashes.LARGE_FILE + 1))
    file = _snapshot(root).files["a.txt"]
    assert file.is_large
    assert file.etag == hashlib.sha256(b"t" * (hashes.LARGE_FILE + 1)).hexdigest()
