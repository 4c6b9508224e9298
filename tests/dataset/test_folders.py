"""Data folders: configured, shared, read-only, bundled; and nothing is written by loading."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage import tiny
from vd4rl_data.dataset import (
    find_fingerprint,
    find_local,
    get_dataset,
    load_dataset,
    locate,
    qlearning_dataset,
    sequence_dataset,
)
from vd4rl_data.errors import (
    DataFolderError,
    DatasetNotFoundError,
)
from vd4rl_data.paths import data_dir as configured_data_dir
from vd4rl_data.paths import search_dirs
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage import pack, verify_dataset
from vd4rl_data.storage.naming import flat_path


def test_data_folders_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VD4RL_DATA_DIR", "~/data")
    shared = os.pathsep.join(["~/a", "", "/b"])
    monkeypatch.setenv("VD4RL_SHARED_DATA_DIRS", shared)
    assert configured_data_dir() == tmp_path / "data"
    assert search_dirs() == [tmp_path / "data", tmp_path / "a", Path("/b")]
    monkeypatch.delenv("VD4RL_DATA_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert configured_data_dir() == Path("/cache/vd4rl_data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert configured_data_dir() == tmp_path / ".cache" / "vd4rl_data"


@pytest.mark.parametrize("variable", ["VD4RL_DATA_DIR", "VD4RL_SHARED_DATA_DIRS", "XDG_CACHE_HOME"])
@pytest.mark.parametrize("below", ["", "/below"])
def test_a_variable_that_names_no_folder_is_told(
    variable: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise every dataset would be called absent."""
    (tmp_path / "file").write_text("no folder")
    if variable == "XDG_CACHE_HOME":
        monkeypatch.delenv("VD4RL_DATA_DIR", raising=False)
    monkeypatch.setenv(variable, f"{tmp_path}/file{below}")
    with pytest.raises(DataFolderError, match=f"{variable}: .*{tmp_path}/file is a file"):
        load_dataset(tiny.SPEC.name, source="local")
    monkeypatch.setenv(variable, "~nobody_of_this_name/data")
    if variable != "XDG_CACHE_HOME":
        with pytest.raises(DataFolderError, match=f"{variable}: .*no such user"):
            load_dataset(tiny.SPEC.name, source="local")


def test_no_home_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("VD4RL_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", home)
    with pytest.raises(DataFolderError, match="set VD4RL_DATA_DIR"):
        configured_data_dir()


def test_a_relative_cache_folder_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the specification of XDG_CACHE_HOME asks: it would move with the working directory."""
    monkeypatch.delenv("VD4RL_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert configured_data_dir().is_absolute()


def test_a_shared_folder_that_is_not_there_now_is_named(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VD4RL_SHARED_DATA_DIRS", str(tmp_path / "unmounted"))
    with pytest.raises(DatasetNotFoundError, match=r"unmounted \(not there\)"):
        load_dataset(tiny.SPEC.name, source="local")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A shared folder with the tiny dataset, in which nobody can write."""
    source, folder = tmp_path / "source", tmp_path / "shared"
    folder.mkdir()
    tiny.write(flat_path(source, tiny.SPEC.name))
    pack(flat_path(source, tiny.SPEC.name), source / "packed" / "Tiny", shard_raw_bytes=1)
    if not hasattr(os, "geteuid"):
        pytest.skip("there are no POSIX permissions here")
    if os.geteuid():
        shutil.copytree(source, folder, dirs_exist_ok=True)
        subprocess.run(["chmod", "-R", "a-w", str(folder)], check=True)
        yield folder
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
        return
    for options in (["--bind", str(source)], ["-o", "remount,ro,bind"]):
        command = ["mount", *options, str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
            pytest.skip("root may write everywhere, and may not mount read-only here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_shared_read_only_folder_is_enough(
    read_only: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OSError, match=r"Read-only|Permission"):
        (read_only / "x").write_text("x")
    for folder in (read_only, read_only / "packed"):
        monkeypatch.setenv("VD4RL_SHARED_DATA_DIRS", str(folder))
        dataset = load_dataset(tiny.SPEC.name)
        assert dataset.paths[0].is_relative_to(folder)
        for episode, expected in zip(dataset, tiny.episodes_of(), strict=True):
            assert tiny.same(episode, expected)
        assert find_fingerprint(tiny.SPEC.name) is not None
        assert verify_dataset(dataset.paths[0]).problems == ()
    assert not list(data_dir.iterdir())


def _state(*folders: Path) -> dict[Path, tuple[int, int]]:
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for folder in folders
        for path in (folder, *folder.rglob("*"))
    }


def test_loading_and_sampling_write_nothing_anywhere(
    parts: tuple[Path, Path],
    stored: Path,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = _state(data_dir, tmp_path)
    for name in (tiny.SPEC.name, tiny.MEDIUM_EXPERT.name):
        dataset = load_dataset(name, fraction=0.8)
        next(iter(dataset.transitions(2, rng=0)))
        get_dataset(name)
        qlearning_dataset(name)
        list(sequence_dataset(name))
        find_fingerprint(name)
    for missing in ("VD4RL/walker_walk-expert-64px-v0", "VD4RL/walker_walk-random-64px-v0"):
        with pytest.raises(DatasetNotFoundError):
            load_dataset(missing)
    assert _state(data_dir, tmp_path) == before


def test_a_bundled_dataset_is_found_in_the_package_last(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = dataclasses.replace(tiny.SPEC, bundled=True)
    monkeypatch.setitem(DATASETS, tiny.SPEC.name, bundled)
    monkeypatch.setattr(locate, "_SAMPLES", tmp_path)
    shards = pack(stored, tmp_path / "Tiny")
    found = list(find_local(bundled))
    assert [(local.path, local.bundled) for local in found] == [(stored, False), (shards[0], True)]
    assert list(find_local(bundled, tmp_path / "elsewhere")) == []
    stored.unlink()
    assert load_dataset(tiny.SPEC.name).paths == (shards[0],)
