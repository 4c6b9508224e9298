"""Headers of no version, foreign files, and shards that do not belong together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.storage import damage, tiny
from vd4rl_data.errors import CorruptFileError, DatasetFormatError
from vd4rl_data.storage import PartStore, open_dataset, pack, verify_dataset


@pytest.mark.parametrize(
    "changes",
    [
        {"version": None},
        {"layout": None},
        {"layout": "striped"},
        {"file_size": "many"},
        {"extents": None},
        {"extents": [[1]]},
        {"extents": [[5000, 10], [4096, 10]]},
        {"extents": [[4096, 10], [4100, 10]]},
        {"extents": [[4096, 1 << 40]]},
        {"extents": [[0, 10]]},
        {"extents": [[4096, -10]]},
        {"structure_sha256": None},
    ],
    ids=str,
)
def test_a_header_that_is_none_is_refused(changes: dict[str, Any], path: Path) -> None:
    damage.header_with(path, **changes)
    with pytest.raises(CorruptFileError, match="the header is not valid"):
        open_dataset(path)


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"7", b"{", b"[" * 4000], ids=repr)
def test_a_header_that_is_no_json_object_is_refused(text: bytes, path: Path) -> None:
    damage.raw_header(path, text)
    with pytest.raises(CorruptFileError, match="the header is not valid"):
        open_dataset(path)


def test_a_newer_version_says_so(path: Path) -> None:
    damage.header_with(path, version=2, layout="striped", extents="other")
    with pytest.raises(DatasetFormatError, match="expected 1, got 2; a newer version"):
        open_dataset(path)


def _official(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["observation"] = np.zeros((2, 3, 84, 84), np.uint8)


@pytest.mark.parametrize(
    "make",
    [
        _official,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\0" * 10_000),
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
        lambda path: path.with_suffix(".npz").rename(path),
    ],
    ids=["official", "empty", "zeros", "pointer", "npz"],
)
def test_foreign_files_are_told_how_to_be_imported(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", image=np.zeros(3))
    make(tmp_path / "x.h5")
    with pytest.raises(DatasetFormatError, match="vd4rl import FOLDER --id ID") as caught:
        open_dataset(tmp_path / "x.h5")
    assert not isinstance(caught.value, CorruptFileError)
    assert not verify_dataset(tmp_path / "x.h5").ok


def test_what_is_not_there_is_not_found(tmp_path: Path, packed: Path) -> None:
    for missing in (tmp_path / "x.h5", tmp_path):
        with pytest.raises(FileNotFoundError, match="no dataset file at"):
            open_dataset(missing)
        with pytest.raises(FileNotFoundError, match="no dataset file at"):
            verify_dataset(missing)


def test_a_missing_shard_is_named(packed: Path) -> None:
    second = packed.with_name(packed.name.replace("00000-of", "00001-of"))
    second.unlink()
    with pytest.raises(CorruptFileError, match=f"has 2 shards; {second.name} is missing"):
        open_dataset(packed)
    (problem,) = verify_dataset(packed).problems
    assert second.name in problem


def _swap(a: Path, b: Path) -> None:
    first, second = a.read_bytes(), b.read_bytes()
    a.write_bytes(second)
    b.write_bytes(first)


def test_swapped_shards_are_refused(packed: Path) -> None:
    """The same bytes in another order: only the numbers inside tell."""
    second = packed.with_name(packed.name.replace("00000-of", "00001-of"))
    _swap(packed, second)
    with pytest.raises(DatasetFormatError, match=r"first_episode: expected .* a file was renamed"):
        open_dataset(packed)
    _swap(packed, second)
    shutil.copy(packed, second)
    with pytest.raises(DatasetFormatError, match="a file was renamed"):
        open_dataset(packed)


def test_shards_of_different_datasets_are_refused(packed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "tiny.h5"
    tiny.write(other, tiny.episodes_of(start=3))
    shards = pack(other, shard_raw_bytes=700)
    assert len(shards) == 2
    shutil.copy(shards[1], packed.with_name(shards[1].name))
    with pytest.raises(DatasetFormatError, match="got 2 different manifests"):
        open_dataset(packed)


def test_shards_of_another_packing_are_refused(tmp_path: Path) -> None:
    first = tmp_path / "first.h5"
    tiny.write(first, tiny.episodes_of((2, 1, 1)))
    mine = pack(first, shard_raw_bytes=455)
    others = pack(first, tmp_path / "others", shard_raw_bytes=400)
    assert [shard.name for shard in mine] == [shard.name for shard in others]
    assert open_dataset(mine[0]).manifest == open_dataset(others[0]).manifest
    shutil.copy(others[1], mine[1])
    with pytest.raises(DatasetFormatError, match="belongs to another packing"):
        open_dataset(mine[0])


def test_shards_with_different_arrays_are_refused(packed: Path) -> None:
    second = packed.with_name(packed.name.replace("00000-of", "00001-of"))

    def change(file: Any) -> None:
        states = file["infos/physics_state"][:, :2]
        damage.replace(
            file, "infos/physics_state", data=states, chunks=states.shape, fletcher32=True
        )

    damage.rewrite(second, change)
    with pytest.raises(DatasetFormatError, match=r"arrays: expected .* as in the first shard"):
        open_dataset(packed)


def test_a_part_is_no_dataset(tmp_path: Path) -> None:
    store = PartStore(tmp_path / "parts", {})
    store.write(0, tiny.episode_of(3))
    with pytest.raises(DatasetFormatError, match="expected a dataset, got a part"):
        open_dataset(store.path(0))
