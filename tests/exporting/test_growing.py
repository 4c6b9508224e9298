"""Files that are hashed while they grow, and HDF5 files with room made for their arrays first."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from vd4rl_data.exporting.growing import GrowingHashes, write_all
from vd4rl_data.exporting.hdf5 import Group, Room, hdf5_file
from vd4rl_data.formats import file_sha256

ROOMS = {"large": Room((5, 300, 3), "<f4"), "small": Room((2,), "|b1"), "one": Room((), "<i8")}
GROUPS = [
    Group("", {"first": Room((3,), "|u1")}, {"id": 7}, {"words": ["one", "two"]}),
    Group("a/b", ROOMS),
    Group("c", {}),
]
FIRST = np.arange(3, dtype=np.uint8)
ARRAYS: dict[str, Any] = {
    "large": np.arange(4500, dtype=np.float32).reshape(5, 300, 3),
    "small": np.array([True, False]),
    "one": np.int64(5),
}


def test_a_file_is_hashed_while_it_grows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    paths = [tmp_path / "a", tmp_path / "b"]
    with GrowingHashes() as hashes:
        for path in paths:
            path.touch()
        for path in paths * 9:
            with path.open("ab", buffering=0) as file:
                write_all(file, rng.integers(0, 256, (int(rng.integers(400_000)), 3), np.uint8))
                file.write(b"not final")
                hashes.final(path, os.fstat(file.fileno()).st_size - len(b"not final"))
        for path in paths:
            hashes.final(path, path.stat().st_size)
            assert hashes.sha256(path) == file_sha256(path)
        (tmp_path / "other").write_bytes(b"other")
        assert hashes.sha256(tmp_path / "other") == file_sha256(tmp_path / "other")


def test_what_is_said_to_be_there_must_be(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"abc")
    with GrowingHashes() as hashes:
        hashes.final(tmp_path / "short", 5)
        with pytest.raises(OSError, match="short: expected 5 bytes, 2 of them are missing"):
            hashes.sha256(tmp_path / "short")


def test_what_is_said_to_be_final_is_final(tmp_path: Path) -> None:
    path, part, final = tmp_path / "x.h5", tmp_path / "x.h5.part", list[tuple[int, bytes]]()

    class Told(GrowingHashes):
        def final(self, path: Path, size: int) -> None:
            assert path == part
            final.append((size, part.read_bytes()[:size]))
            super().final(path, size)

    with Told() as hashes, hdf5_file(path, GROUPS, hashes) as put:
        for group, arrays in (
            ("a/b", {"small": ARRAYS["small"]}),
            ("", {"first": FIRST}),
            ("a/b", {"one": ARRAYS["one"], "large": iter(np.split(ARRAYS["large"], [1, 3]))}),
        ):
            assert not path.exists()
            put(group, arrays)
    content = path.read_bytes()
    assert [size for size, _ in final] == sorted({size for size, _ in final})
    assert final[-1][0] == len(content)
    assert all(content.startswith(start) for _, start in final)
    assert hashes.sha256(path) == file_sha256(path)
    with h5py.File(path) as file:
        assert file.attrs["id"] == 7
        assert sorted(file) == ["a", "c", "first", "words"]
        words: Any = file["words"]
        assert words.asstr()[()].tolist() == ["one", "two"]
        for name, values in ARRAYS.items():
            np.testing.assert_array_equal(file["a/b"][name][()], values, strict=True)
        np.testing.assert_array_equal(file["first"][()], FIRST, strict=True)


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({"large": ARRAYS["large"].astype(np.float64)}, ValueError, "a/b/large: expected rows of"),
        ({"large": ARRAYS["large"][..., :2]}, ValueError, "a/b/large: expected rows of"),
        ({"large": ARRAYS["large"][:4]}, ValueError, "expected 18,000 bytes, got 14,400"),
        ({"large": iter([ARRAYS["large"]] * 2)}, ValueError, "got 36,000"),
        ({"other": FIRST}, KeyError, "a/b/other"),
        (
            {"large": ARRAYS["large"]},
            ValueError,
            "x.h5.part: expected /first, which was never written",
        ),
    ],
)
def test_only_what_there_is_room_for(
    arrays: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message), hdf5_file(tmp_path / "x.h5", GROUPS) as put:
        put("a/b", arrays)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="No space left") as raised,
        open("/dev/full", "wb", 0) as file,
    ):
        write_all(file, FIRST)
    assert raised.value.errno == errno.ENOSPC


def test_a_file_keeps_its_name_until_its_reader_has_come_to_it(tmp_path: Path) -> None:
    """The reader is busy with another file: a pipe, into which nothing is written for a while."""
    pipe, part, path = (tmp_path / name for name in ("pipe", "x.part", "x"))
    os.mkfifo(pipe)
    part.write_bytes(b"abc")
    with GrowingHashes() as hashes:
        hashes.final(pipe, 1)
        hashes.final(part, 3)
        opened = threading.Timer(0.2, pipe.write_bytes, [b"z"])
        opened.start()
        hashes.rename(part, path)
        opened.join()
        assert hashes.sha256(path) == file_sha256(path)
    assert path.read_bytes() == b"abc"
    assert not part.exists()
