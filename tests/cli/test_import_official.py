"""Which files are official, and the parts of a composite id."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import LENGTHS, Run, make_episodes
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats import export_dataset
from vd4rl_data.importing import import_folder
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import open_dataset
from vd4rl_data.storage.naming import flat_path
from vd4rl_data.suites import vd4rl_files

_MEDIUM = "VD4RL/walker_walk-medium-84px-v0"


def _official_files(folder: Path, names: Sequence[str]) -> tuple[vd4rl_files.OfficialFile, ...]:
    return tuple(
        vd4rl_files.OfficialFile(
            task="walker_walk",
            behavior="medium",
            name=name,
            bytes=(folder / name).stat().st_size,
            sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        )
        for name in names
    )


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two shards of 84 px that pass for official ones."""
    folder = tmp_path / "84px"
    export_dataset(
        make_episodes(get_dataset_spec(_MEDIUM)), folder, "vd4rl-hdf5", episodes_per_shard=2
    )
    names = ["0_walker_walk_medium.hdf5", "1_walker_walk_medium.hdf5"]
    for path, name in zip(sorted(folder.iterdir()), names, strict=True):
        path.rename(folder / name)
    files = _official_files(folder, names)
    monkeypatch.setattr(vd4rl_files, "official_files", lambda: files)
    return folder


def test_official_only_if_every_hash_is_known(run: Run, shards: Path, tmp_path: Path) -> None:
    finished = run("import", shards, "--id", _MEDIUM, "--out", tmp_path)
    assert "sources   2 files, 2 known as official by their SHA-256: origin 'official'\n" in (
        finished.out
    )
    manifest = open_dataset(flat_path(tmp_path, _MEDIUM)).manifest
    assert (manifest.origin, manifest.complete) == ("official", False)
    assert {file["hash_status"] for file in manifest.provenance.sources} == {"verified"}

    (shards / "2_walker_walk_medium.hdf5").write_bytes(_more_episodes(tmp_path / "more"))
    finished = run("import", shards, "--id", _MEDIUM, "--out", tmp_path / "second")
    assert "sources   3 files, 2 known as official by their SHA-256: origin 'imported'\n" in (
        finished.out
    )


def _more_episodes(folder: Path) -> bytes:
    spec = get_dataset_spec(_MEDIUM)
    (path,) = export_dataset(make_episodes(spec, [2]), folder, "vd4rl-hdf5")
    return path.read_bytes()


def test_a_false_official_file(run: Run, shards: Path, tmp_path: Path) -> None:
    (shards / "1_walker_walk_medium.hdf5").write_bytes(_more_episodes(tmp_path / "more"))
    arguments = ("import", shards, "--id", _MEDIUM, "--out", tmp_path)
    refused = run(*arguments)
    assert refused.status == 2
    assert "expected the official file of this name" in refused.err
    taken = run(*arguments, "--no-check-hashes")
    assert taken.status == 0, taken.err
    assert "expected the official file of this name" in taken.err
    assert "1 known as official by their SHA-256: origin 'imported'" in taken.out
    statuses = [
        file["hash_status"]
        for file in open_dataset(flat_path(tmp_path, _MEDIUM)).manifest.provenance.sources
    ]
    assert statuses == ["verified", "different"]


def test_some_files_of_a_folder(run: Run, shards: Path, tmp_path: Path) -> None:
    arguments = ("import", shards, "--id", _MEDIUM, "--out", tmp_path, "--files")
    assert run(*arguments, "1_*").status == 0
    stored = open_dataset(flat_path(tmp_path, _MEDIUM))
    assert stored.lengths == list(LENGTHS[2:])
    finished = run(*arguments, "*_expert.hdf5")
    assert finished.status == 2
    assert "no data file matches '*_expert.hdf5'" in finished.err


def test_a_composite_is_imported_by_its_parts(run: Run, tmp_path: Path) -> None:
    name = "VD4RL/walker_walk-medium_expert-84px-v0"
    names = [f"{n}_walker_walk_{half}.hdf5" for half in ("expert", "medium") for n in range(4)]
    for file in names:
        (tmp_path / file).write_bytes(b"")
    finished = run("import", tmp_path, "--id", name)
    assert finished.status == 2
    assert "is never stored itself" in finished.err
    for half in ("medium", "expert"):
        part = f"VD4RL/walker_walk-{half}-84px-v0"
        assert f"    vd4rl import {tmp_path} --id {part} --files '*_{half}.hdf5'\n" in finished.err
    assert "holds the files of both parts, byte for byte" in finished.err


def test_a_composite_of_unknown_files(tmp_path: Path) -> None:
    spec = get_dataset_spec("VD4RL/walker_walk-medium_expert-64px-v0")
    (tmp_path / "20220101T000000-0-501.npz").write_bytes(b"")
    with pytest.raises(DatasetFormatError, match="is never stored itself") as error:
        import_folder(tmp_path, spec, tmp_path)
    assert "    vd4rl import FOLDER --id VD4RL/walker_walk-medium-64px-v0" in str(error.value)
    assert "byte for byte" not in str(error.value)
