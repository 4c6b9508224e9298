"""Folders: what is in them, in which order, and whether it is the official data."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.formats.reading import HDF5, NPZ
from vd4rl_data.errors import DatasetFormatError, DatasetNotFoundError
from vd4rl_data.formats import part_files, read_folder, scan_folder
from vd4rl_data.ids import parse_id
from vd4rl_data.registry import DATASETS, get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.suites import vd4rl_files
from vd4rl_data.suites.vd4rl_files import (
    OfficialFile,
    find_by_sha256,
    find_official_file,
    official_files,
)


def test_scan_orders_shards_by_number_and_episodes_by_name(tmp_path: Path) -> None:
    shards, episodes = tmp_path / "84px", tmp_path / "64px"
    for folder, names in [
        (shards, ["10_mixed.hdf5", "9_mixed.hdf5", "readme.txt", ".hidden", "._0_mixed.hdf5"]),
        (episodes, ["20220109T013642-a-501.npz", "20220108T000000-b-500.npz", "old.zip"]),
    ]:
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    listing = scan_folder(shards)
    assert (listing.format, listing.names) == (HDF5, ("9_mixed.hdf5", "10_mixed.hdf5"))
    assert listing.ignored == ("readme.txt",)
    listing = scan_folder(episodes)
    assert listing.format == NPZ
    assert listing.names == ("20220108T000000-b-500.npz", "20220109T013642-a-501.npz")
    assert listing.ignored == ("old.zip",)


def test_scan_refuses_what_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetNotFoundError, match=r"is not a folder; expected one of\nmain/<task>/"
    ):
        scan_folder(tmp_path / "nowhere")
    with pytest.raises(
        DatasetNotFoundError, match=r"holds no .npz or .hdf5 or .* files; expected one of"
    ):
        scan_folder(tmp_path)
    (tmp_path / "84px").mkdir()
    (tmp_path / "84px" / "0.hdf5").touch()
    with pytest.raises(DatasetNotFoundError, match="the folders 84px in it hold some"):
        scan_folder(tmp_path)
    (tmp_path / "84px" / "0.npz").touch()
    with pytest.raises(
        DatasetFormatError,
        match=r"expected either \.npz or \.hdf5 files, got 1 \.npz \(vd4rl-npz\) and 1 \.hdf5",
    ):
        scan_folder(tmp_path / "84px")


def test_names_choose_files(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    for number in range(4):
        kit.write_hdf5(tmp_path / f"{number}.hdf5", kit.shard_rows([number]))
    found = list(read_folder(tmp_path, spec, names=("3.hdf5", "1.hdf5")))
    assert [item.source for item in found] == ["1.hdf5", "3.hdf5"]
    with pytest.raises(DatasetNotFoundError, match=r"expected the files \['7.hdf5'\]"):
        read_folder(tmp_path, spec, names=("7.hdf5",))


def test_files_may_be_the_same_byte_for_byte(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    for name in ("0.hdf5", "0 (1).hdf5"):
        kit.write_hdf5(tmp_path / name, kit.shard_rows([0]))
    assert len(list(read_folder(tmp_path, spec))) == 2


def test_cuts_are_joined_across_files_of_the_folder(
    kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    arrays = kit.shard_rows([0, 1, 2])
    kit.write_hdf5(tmp_path / "0.hdf5", arrays, 0, 15)
    kit.write_hdf5(tmp_path / "1.hdf5", arrays, 15)
    found = list(read_folder(tmp_path, spec))
    assert [len(item.episode) for item in found] == [10, 10, 10]
    assert [len(item.repairs) for item in found] == [0, 1, 0]


# ---- official hashes ----


def test_the_table_of_official_files_fits_the_catalog() -> None:
    files = official_files()
    assert len(files) == len({file.sha256 for file in files}) == 62
    assert all(len(bytes.fromhex(file.sha256)) == 32 for file in files)
    for name, spec in DATASETS.items():
        main = spec.id.suite == "VD4RL" and spec.id.variant is None and spec.size == 84
        known = [file.name for file in files if find_official_file(spec, file.name) is file]
        if not main:
            assert known == [], name
        elif not spec.parts:
            shards = {"walker_walk": 1, "cheetah_run": 1, "humanoid_walk": 24}[spec.id.task]
            assert len(known) == (shards if spec.id.behavior == "medium_replay" else 4), name
        else:
            assert len(known) == 8, name


@pytest.fixture
def big_spec(spec: DatasetSpec) -> DatasetSpec:
    """The painted dataset under the id of the official 84 px one; its frames stay tiny."""
    return dataclasses.replace(spec, id=parse_id("VD4RL/walker_walk-random-84px-v0"))


def official(path: Path, behavior: str = "random", task: str = "walker_walk") -> OfficialFile:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return OfficialFile(task, behavior, path.name, len(content), digest)


def declare(monkeypatch: pytest.MonkeyPatch, *files: OfficialFile) -> None:
    monkeypatch.setattr(vd4rl_files, "official_files", lambda: files)


@pytest.fixture
def frames_of_84(kit: Any) -> Any:
    """Shard rows with 84 px frames."""

    def make(episodes: list[int]) -> dict[str, Any]:
        arrays = kit.shard_rows(episodes)
        frames = np.zeros((len(arrays["action"]), 3, 84, 84), np.uint8)
        frames[:] = arrays["observation"][:, :, :1, :1]
        return {**arrays, "observation": frames}

    return make


def test_official_files_are_verified(
    kit: Any,
    big_spec: DatasetSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    frames_of_84: Any,
) -> None:
    path = kit.write_hdf5(tmp_path / "0.hdf5", frames_of_84([0]))
    kit.write_hdf5(tmp_path / "mine.hdf5", frames_of_84([1]))
    declare(monkeypatch, official(path))
    reader = read_folder(tmp_path, big_spec)
    assert len(list(reader)) == 2
    assert [(file.name, file.hash_status) for file in reader.files] == [
        ("0.hdf5", "verified"),
        ("mine.hdf5", "unknown"),
    ]
    kit.write_hdf5(tmp_path / "0 (1).hdf5", frames_of_84([0]))
    with pytest.raises(DatasetFormatError, match=r"files once, got a copy of 0.*; remove one"):
        list(read_folder(tmp_path, big_spec))
    assert reader.files[0].sha256 == official(path).sha256
    assert reader.files[0].bytes == path.stat().st_size


def test_the_official_file_of_another_dataset(
    kit: Any,
    big_spec: DatasetSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    frames_of_84: Any,
) -> None:
    path = kit.write_hdf5(tmp_path / "renamed.hdf5", frames_of_84([0]))
    for other in (official(path, "expert"), official(path, task="cheetah_run")):
        declare(monkeypatch, other)
        with pytest.raises(DatasetFormatError, match=r"got the official file renamed\.hdf5 of "):
            list(read_folder(tmp_path, big_spec, check_hashes=False))


def test_a_composite_is_read_part_by_part(
    kit: Any, spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames_of_84: Any
) -> None:
    row = get_dataset_spec("VD4RL/walker_walk-medium_expert-84px-v0")
    composite = row.with_environments(
        lambda environment: dataclasses.replace(environment, task=spec.task)
    )
    files = []
    for behavior, episode in [("expert", 5), ("medium", 3)]:
        path = tmp_path / f"0_walker_walk_{behavior}.hdf5"
        kit.write_hdf5(path, frames_of_84([episode]))
        files.append(official(path, behavior))
    declare(monkeypatch, *files)
    medium, expert = "0_walker_walk_medium.hdf5", "0_walker_walk_expert.hdf5"
    assert part_files(scan_folder(tmp_path), composite) == {
        "VD4RL/walker_walk-medium-84px-v0": (medium,),
        "VD4RL/walker_walk-expert-84px-v0": (expert,),
    }
    reader = read_folder(tmp_path, composite)
    assert [item.source for item in reader] == [medium, expert]
    assert {file.hash_status for file in reader.files} == {"verified"}


def test_lookups_find_nothing_for_other_names() -> None:
    spec = get_dataset_spec("VD4RL/walker_walk-random-84px-v0")
    known = find_official_file(spec, "0.hdf5")
    assert known is not None
    assert find_by_sha256(known.sha256) is known
    assert find_official_file(spec, "0_random.hdf5") is None  # humanoid's
    assert find_by_sha256("0" * 64) is None
