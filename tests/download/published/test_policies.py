"""Behavior policies and replays as files of somebody's repository."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.download.published.conftest import REPO_ID, SOURCE, MakeHub
from vd4rl_data.download.policies import FORMAT, LIST, VERSION, acquire_policies
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetNotFoundError,
    OfflineError,
    RemoteFileNotFoundError,
)

WALKER, CHEETAH = "walker_walk-medium", "cheetah_run_350"
FILES = {
    f"policies/{WALKER}.safetensors": b"weights" * 99,
    f"policies/{WALKER}.json": b"{}",
    f"replays/{CHEETAH}.h5": b"a replay" * 999,
}


def _listed(change: Callable[[dict[str, Any]], object] = lambda _: None) -> dict[str, bytes]:
    rows = {
        path: {"num_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in FILES.items()
    }
    found = {"format": FORMAT, "version": VERSION, "files": rows}
    change(found)
    return {**FILES, LIST: json.dumps(found).encode()}


def _acquire(root: Path, *names: str, source: str = SOURCE, **options: Any) -> Path:
    return acquire_policies(source, names, root, progress=False, **options)


def _here(root: Path) -> set[str]:
    found = root.glob("hf/*/*/*/*/[!.]*")
    return {path.relative_to(path.parents[1]).as_posix() for path in found}


def test_what_is_asked_for_comes_once(make_hub: MakeHub, tmp_path: Path) -> None:
    hub = make_hub(_listed(), REPO_ID)
    folder = _acquire(tmp_path, WALKER, endpoint=hub.url)
    assert _here(tmp_path) == {name for name in FILES if WALKER in name}
    for name in _here(tmp_path):
        assert (folder / name).read_bytes() == FILES[name]
    pinned = f"{SOURCE}@{hub.revision}"
    requests = len(hub.requests())
    assert _acquire(tmp_path, WALKER, source=pinned, endpoint=hub.url) == folder
    assert len(hub.requests()) == requests
    _acquire(tmp_path, CHEETAH, source=pinned, endpoint=hub.url)
    assert _here(tmp_path) == set(FILES)
    hub.stop()
    assert _acquire(tmp_path, WALKER, CHEETAH, source=pinned, offline=True) == folder


def test_what_is_not_here_cannot_be_had_offline(make_hub: MakeHub, tmp_path: Path) -> None:
    pinned = f"{SOURCE}@{'0' * 40}"
    with pytest.raises(OfflineError):
        _acquire(tmp_path, WALKER, source=pinned, offline=True)
    hub = make_hub(_listed(), REPO_ID)
    pinned = f"{SOURCE}@{hub.revision}"
    _acquire(tmp_path, WALKER, source=pinned, endpoint=hub.url)
    with pytest.raises(OfflineError):
        _acquire(tmp_path, CHEETAH, source=pinned, offline=True)


def test_what_a_repository_does_not_have_is_told(make_hub: MakeHub, tmp_path: Path) -> None:
    hub = make_hub(_listed(), REPO_ID)
    with pytest.raises(DatasetNotFoundError, match=f"it has {CHEETAH}, {WALKER}"):
        _acquire(tmp_path, "humanoid_walk-expert", endpoint=hub.url)
    empty = make_hub({"README.md": b"nothing"}, REPO_ID)
    with pytest.raises(RemoteFileNotFoundError):
        _acquire(tmp_path / "other", WALKER, endpoint=empty.url)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(version=2),
        lambda found: found.update(files=[1]),
        lambda found: found["files"].update({"../evil.h5": {"num_bytes": 1, "sha256": "0" * 64}}),
        lambda found: found["files"].update({"policies/.x": {"num_bytes": 1, "sha256": "0" * 64}}),
        lambda found: found["files"].update({"policies/a/b": {"num_bytes": 1, "sha256": "0" * 64}}),
        lambda found: found["files"].update({"policies/x": {"num_bytes": 1, "sha256": "0"}}),
        lambda found: found["files"][f"replays/{CHEETAH}.h5"].update(num_bytes=-1),
    ],
)
def test_a_list_that_is_none(
    change: Callable[[dict[str, Any]], object], make_hub: MakeHub, tmp_path: Path
) -> None:
    hub = make_hub(_listed(change), REPO_ID)
    with pytest.raises(CorruptFileError, match=r"policies\.json"):
        _acquire(tmp_path, WALKER, endpoint=hub.url)
    assert not _here(tmp_path)


def test_other_bytes_are_never_put_in_place(make_hub: MakeHub, tmp_path: Path) -> None:
    files = _listed()
    right = hashlib.sha256(files[LIST]).hexdigest()
    hub = make_hub({**files, f"policies/{WALKER}.json": b"[]"}, REPO_ID)
    with pytest.raises(CorruptFileError):
        _acquire(tmp_path, WALKER, endpoint=hub.url)
    assert f"policies/{WALKER}.json" not in _here(tmp_path)
    assert _acquire(tmp_path, CHEETAH, endpoint=hub.url, list_sha256=right)
    with pytest.raises(CorruptFileError, match="expected SHA-256 0000"):
        _acquire(tmp_path, CHEETAH, endpoint=hub.url, list_sha256="0" * 64)
