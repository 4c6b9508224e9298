"""hdf5 shards that are broken or hostile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.formats.reading import read_shards
from vd4rl_data.errors import CorruptFileError, DatasetFormatError, InvalidEpisodeError
from vd4rl_data.formats.vd4rl_hdf5 import reading
from vd4rl_data.spec import DatasetSpec

Arrays = dict[str, Any]


def _drop(key: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.pop(key)


def _cast(key: str, dtype: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({key: arrays[key].astype(dtype)})


def _put(key: str, row: int, value: float) -> Callable[[Arrays], None]:
    return lambda arrays: arrays[key].__setitem__(row, value)


def _shorten(key: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({key: arrays[key][:-1]})


def _one_channel(arrays: Arrays) -> None:
    arrays["observation"] = arrays["observation"][:, :1]


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        *[
            (
                _drop(key),
                DatasetFormatError,
                f"{key}: expected the keys observation, action, reward",
            )
            for key in ("observation", "action", "reward", "step_type")
        ],
        (_one_channel, DatasetFormatError, r"observation: expected shape \(rows, 3, 8, 8\) or"),
        (
            _cast("observation", "S1"),
            DatasetFormatError,
            "observation: expected numbers of at most",
        ),
        (_cast("action", "complex64"), DatasetFormatError, "action: expected numbers of at most"),
        (_cast("step_type", "bool"), DatasetFormatError, "step_type: expected 0 .* got true and"),
        (_cast("step_type", "S1"), DatasetFormatError, "step_type: expected numbers of at most 64"),
        (_shorten("reward"), DatasetFormatError, "reward: expected 22 rows"),
        (_shorten("observation"), DatasetFormatError, "observation: expected 22 rows"),
        (_put("step_type", 5, 3), DatasetFormatError, "step_type: expected 0 .* got 3.* at row 5"),
        (_put("step_type", 5, 2), DatasetFormatError, r"step_type: expected 0 \(first\) after a 2"),
        (
            _put("step_type", 11, 1),
            DatasetFormatError,
            r"step_type: expected 0 \(first\) after a 2",
        ),
        (_put("discount", 4, 0.0), DatasetFormatError, "discount: expected 0 only where"),
        (_put("reward", 11, 1.0), DatasetFormatError, "reward: expected zeros in the first row"),
        (_put("reward", 4, np.nan), InvalidEpisodeError, "rewards: expected finite .* row 3"),
        (_put("discount", 4, 1.5), InvalidEpisodeError, "discounts: expected values"),
        (_put("action", 4, -1.5), InvalidEpisodeError, r"actions: expected values in \[-1, 1\]"),
    ],
)
def test_unfit_arrays(
    damage: Callable[[Arrays], None],
    error: type[Exception],
    message: str,
    kit: Any,
    spec: DatasetSpec,
    tmp_path: Path,
) -> None:
    arrays = kit.shard_rows([0, 1])
    damage(arrays)
    with pytest.raises(error, match=rf"0\.hdf5: .*{message}"):
        list(read_shards([kit.write_hdf5(tmp_path / "0.hdf5", arrays)], spec))


def test_two_episodes_in_one(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    arrays = kit.shard_rows([0, 1])
    arrays["step_type"][10:12] = 1
    with pytest.raises(
        DatasetFormatError, match="at most 11 rows in an episode, got 22 from row 0"
    ):
        list(read_shards([kit.write_hdf5(tmp_path / "0.hdf5", arrays)], spec))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.99])
def test_truncated_file(share: float, kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    path = kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0, 1]))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CorruptFileError, match=r"0\.hdf5: expected an intact HDF5 file"):
        list(read_shards([path], spec))


def test_flipped_pixels(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """Compressed pixels carry a checksum of their own."""
    path = kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0, 1]))
    with h5py.File(path) as file:
        chunk: Any = file["observation"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"0\.hdf5: expected an intact HDF5 file"):
        list(read_shards([path], spec))


def test_chunks_that_were_never_written(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """HDF5 would read them as zeros: black frames."""
    arrays = kit.shard_rows([0, 1])
    path = tmp_path / "0.hdf5"
    for chunks in [(4, 3, 8, 8), None]:
        with h5py.File(path, "w") as file:
            for key in ("action", "reward", "discount", "step_type"):
                file[key] = arrays[key]
            frames = file.create_dataset("observation", (22, 3, 8, 8), "u1", chunks=chunks)
            if chunks:
                frames[:11] = arrays["observation"][:11]
        with pytest.raises(CorruptFileError, match="observation: the header declares"):
            list(read_shards([path], spec))


def test_a_header_that_declares_too_much(
    kit: Any, spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "0.hdf5"
    with h5py.File(path, "w") as file:
        for key, values in kit.shard_rows([0]).items():
            file.create_dataset(key, (10**9, *values.shape[1:]), values.dtype, chunks=True)
    with pytest.raises(DatasetFormatError, match="action: expected 1 to 4,000,000 rows"):
        list(read_shards([path], spec))
    monkeypatch.setattr(reading, "MAX_BLOCK_BYTES", 1000)
    path = kit.write_hdf5(tmp_path / "1.hdf5", kit.shard_rows([0]))
    with pytest.raises(
        DatasetFormatError, match="at most 1,000 bytes in a row of chunks, got 2,112"
    ):
        list(read_shards([path], spec))


def _external_link(file: Any, other: Path) -> None:
    file["reward"] = h5py.ExternalLink(str(other), "/reward")


def _soft_link(file: Any, other: Path) -> None:
    file["reward"] = h5py.SoftLink("/discount")


def _external_storage(file: Any, other: Path) -> None:
    raw = [(str(other.with_suffix(".raw")), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset("reward", data=np.zeros(11), external=raw)


def _virtual(file: Any, other: Path) -> None:
    layout = h5py.VirtualLayout((11,), "f8")
    layout[:] = h5py.VirtualSource(str(other), "reward", (11,))
    file.create_virtual_dataset("reward", layout)


def _group(file: Any, other: Path) -> None:
    file.create_group("reward")


def _empty(file: Any, other: Path) -> None:
    file["reward"] = h5py.Empty("f8")


def _scalar(file: Any, other: Path) -> None:
    file["reward"] = 1.0


@pytest.mark.parametrize(
    "make", [_external_link, _soft_link, _external_storage, _virtual, _group, _empty, _scalar]
)
def test_arrays_that_are_not_in_the_file(
    make: Callable[[Any, Path], None], kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    arrays = kit.shard_rows([0])
    other = kit.write_hdf5(tmp_path / "other.hdf5", arrays)
    path = tmp_path / "0.hdf5"
    with h5py.File(path, "w") as file:
        for key in ("observation", "action", "discount", "step_type"):
            file[key] = arrays[key]
        make(file, other)
    with pytest.raises(DatasetFormatError, match=r"0\.hdf5: reward: expected"):
        list(read_shards([path], spec))
