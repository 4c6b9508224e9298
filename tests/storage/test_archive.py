"""npz archives: numpy's own bytes, exactly the keys given, and nothing that would be unpickled."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from vd4rl_data.storage.archive import write_npz

ARRAYS = {
    "image": np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3),
    "turned": np.arange(12.0).reshape(3, 4).T,
    "is_first": np.array([True, False]),
    "scalar": np.float32(0.5),
    "file": np.zeros(0, np.int64),  # names that numpy's own writers take for themselves
    "allow_pickle": np.zeros(1),
}


@pytest.mark.parametrize("compressed", [False, True])
def test_what_was_given_comes_back(compressed: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with path.open("wb") as file:
        write_npz(file, ARRAYS, compressed=compressed)
    with np.load(path) as found:
        assert list(found.files) == list(ARRAYS)
        for name, values in ARRAYS.items():
            np.testing.assert_array_equal(found[name], values)
            assert found[name].dtype == np.asarray(values).dtype


@pytest.mark.parametrize("compressed", [False, True])
def test_the_bytes_are_numpys(compressed: bool) -> None:
    arrays = {name: ARRAYS[name] for name in ("image", "turned", "is_first", "scalar")}
    ours, theirs = io.BytesIO(), io.BytesIO()
    write_npz(ours, arrays, compressed=compressed)
    (np.savez_compressed if compressed else np.savez)(theirs, **arrays)
    assert ours.getvalue() == theirs.getvalue()


def test_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_npz(io.BytesIO(), {"x": np.array([{}])}, compressed=False)


def test_no_time_is_written() -> None:
    file = io.BytesIO()
    write_npz(file, ARRAYS, compressed=True)
    with zipfile.ZipFile(file) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
