"""Every damage meets a typed error: at opening if it is in the structure, else by verifying."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.storage import damage, tiny
from vd4rl_data.errors import CorruptFileError, DatasetFormatError
from vd4rl_data.storage import open_dataset, verify_dataset
from vd4rl_data.storage.format import ROW_KEYS, read_header
from vd4rl_data.storage.naming import sidecar_path


def test_a_file_cut_at_any_length_does_not_open(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    cut = tmp_path / "cut.h5"
    for length in (*range(0, 4100, 273), *range(4096, len(content), 101), len(content) - 1):
        cut.write_bytes(content[:length])
        expected = DatasetFormatError if length < 4096 else CorruptFileError
        with pytest.raises(expected, match=r"cut\.h5"):
            open_dataset(cut)
        assert not verify_dataset(cut).ok
    for longer in (content + b"\0", content + content):
        cut.write_bytes(longer)
        with pytest.raises(CorruptFileError, match="truncated or appended to"):
            open_dataset(cut)


def test_a_bit_flipped_anywhere_is_found(path: Path) -> None:
    """In the structure when the file is opened, in the bulk arrays of a flat file by verifying."""
    extents = read_header(path).extents
    rng = np.random.default_rng(0)
    found = {"open": 0, "verify": 0}
    offsets = {*range(0, path.stat().st_size, 61), *(start for start, _ in extents)}
    for offset in sorted(offsets):
        mask = 1 << int(rng.integers(8))
        damage.flip(path, offset, mask)
        in_bulk = any(start <= offset < start + count for start, count in extents)
        if in_bulk:
            assert not verify_dataset(path).ok, f"byte {offset}"
            found["verify"] += 1
        else:
            with pytest.raises(DatasetFormatError, match=path.name):
                open_dataset(path)
            found["open"] += 1
        damage.flip(path, offset, mask)
    assert found["open"] > 200
    assert found["verify"] >= len(extents)
    assert verify_dataset(path).problems == ()


@pytest.mark.parametrize("key", [*ROW_KEYS, "infos/physics_state", "infos/success"])
def test_a_changed_number_in_any_array_is_found_by_verifying(key: str, path: Path) -> None:
    """Written through HDF5 and sealed again: checksums of chunks and structure are right."""

    def change(file: Any) -> None:
        values = file[key][:]
        values[1] = values[1] ^ 1 if values.dtype.kind in "bu" else values[1] - 1 / 4
        file[key][:] = values

    damage.rewrite(path, change)
    report = verify_dataset(path)
    assert report.problems
    if key not in ("terminals", "timeouts"):
        assert any("episode 0: expected CRC-32" in problem for problem in report.problems)
        assert any("content: expected SHA-256" in problem for problem in report.problems)


@pytest.mark.parametrize("key", [*ROW_KEYS, "infos/physics_state"])
def test_a_damaged_chunk_is_found(key: str, tmp_path: Path) -> None:
    """The structure is sealed again, so HDF5's own checksum has to find it."""
    path = tmp_path / "packed.h5"
    tiny.write(path, layout="packed")
    sidecar_path(path).unlink()
    with h5py.File(path, "r") as file:
        place = file[key].id.get_chunk_info(0)
    start = _file_offset(path, place.byte_offset)
    damage.flip(path, start + place.size // 2)
    damage.reseal(path, "packed", [])
    report = verify_dataset(path)
    assert len(report.problems) >= 1
    assert "HDF5 cannot read it" in report.problems[0]
    if key in ("observations", "infos/physics_state"):
        stored = open_dataset(path)
        with pytest.raises(CorruptFileError, match="HDF5 cannot read it"):
            stored.episode(0)
        with pytest.raises(CorruptFileError, match="HDF5 cannot read it"):
            stored.array(key)
        stored.close()
    else:
        with pytest.raises(CorruptFileError, match="HDF5 cannot read it"):
            open_dataset(path)


def _file_offset(path: Path, address: int) -> int:
    """HDF5 counts chunk addresses from the start of the file or from the user block."""
    content = path.read_bytes()
    return address if content[address : address + 1] == b"x" else address + 4096


def test_a_healthy_file_is_not_called_corrupt_when_the_system_refuses(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(h5py, "File", refuse)
    with pytest.raises(OSError, match="Too many open files") as caught:
        open_dataset(path)
    assert not isinstance(caught.value, DatasetFormatError)
