"""A full disk is a typed error, leaves what was there, and crashes nobody."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.storage import processes, tiny
from vd4rl_data.episode import Episode
from vd4rl_data.errors import NoSpaceError
from vd4rl_data.storage import (
    PartStore,
    pack,
    unpack,
    verify_dataset,
    write_dataset,
)
from vd4rl_data.storage import atomic as atomic_module
from vd4rl_data.storage.atomic import OutputFile, atomic_path, check_free_space


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    options = [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


_FILL = """
from vd4rl_data.errors import NoSpaceError
from vd4rl_data.formats import export_dataset
from vd4rl_data.storage import atomic, convert, writer
if sys.argv[3] == "unforeseen":
    writer.check_free_space = convert.check_free_space = lambda *_: None
big = [tiny.episode_of(1500, start=number) for number in range(4)]
other = Path(sys.argv[4])
def parts():
    store = PartStore(folder / "parts", {})
    for number, episode in enumerate(big * 100):
        store.write(number, episode)
jobs = {
    "flat": lambda: tiny.write(folder / "x.h5", big),
    "packed": lambda: tiny.write(folder / "x.h5", big * 100, layout="packed"),
    "parts": parts,
    "pack": lambda: pack(other, folder, shard_raw_bytes=300_000),
    "unpack": lambda: unpack(other, folder / "y.h5"),
    "export": lambda: export_dataset(big * 100, folder / "official", "vd4rl-hdf5"),
}
if sys.argv[2] in ("pack", "unpack"):
    tiny.write(other, big * 40, layout="packed")
try:
    jobs[sys.argv[2]]()
except NoSpaceError as error:
    print(error)
gc.collect()
"""


@pytest.mark.parametrize("foreseen", ["foreseen", "unforeseen"])
@pytest.mark.parametrize("job", ["flat", "packed", "parts", "pack", "unpack", "export"])
def test_a_small_disk(job: str, foreseen: str, small_disk: Path, tmp_path: Path) -> None:
    """In a process of its own: HDF5 left to itself crashes it when the disk is full."""
    tiny.write(small_disk / "kept.h5", [tiny.episode_of(1)])
    before = tiny.files_of(small_disk)
    other = tmp_path / "other.h5"
    printed = processes.run(_FILL, small_disk, job, foreseen, other)
    assert printed.startswith("[Errno 28] "), "the disk was large enough"
    assert "choose another folder" in printed
    parts = {name for name in tiny.files_of(small_disk) if name.startswith("parts/")}
    assert set(tiny.files_of(small_disk)) - parts == set(before)
    assert verify_dataset(small_disk / "kept.h5").problems == ()
    if job == "parts":
        store = PartStore(small_disk / "parts", {})
        numbers = range(len(parts) - 1)
        assert len(numbers) > 1
        assert store.missing(numbers) == []
        assert store.read(numbers[-1]).observations.shape == (1501, 4, 4, 3)


class _FullDisk:
    """A file of a disk that has room for so many bytes; the last write is cut, as a real one is."""

    def __init__(self, file: Any, room: int, error: int) -> None:
        self._file, self._room, self._error = file, room, error

    def write(self, data: memoryview) -> int:
        taken = data[: max(0, self._room)]
        self._room -= len(taken)
        if not len(taken):
            raise OSError(self._error, os.strerror(self._error))
        return self._file.write(taken)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.mark.parametrize("layout", ["flat", "packed"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fills_up_at_any_byte(
    layout: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write(tmp_path / "x.h5", layout=layout)
    before = tiny.files_of(tmp_path)
    size = (tmp_path / "x.h5").stat().st_size
    disk = {"room": 0}

    def limited(self: OutputFile, path: Path) -> None:
        original(self, path)
        self._file = _FullDisk(self._file, disk["room"], number)

    original = OutputFile.__init__
    monkeypatch.setattr(OutputFile, "__init__", limited)
    expected = OSError if number == errno.EIO else NoSpaceError
    failed = 0
    for room in (0, 1, 47, 48, 500, 2000, *range(4000, size, 1500)):
        disk["room"] = room
        with contextlib.suppress(expected):
            tiny.write(tmp_path / "x.h5", layout=layout)
            break
        failed += 1
        assert tiny.files_of(tmp_path) == before
    assert failed >= 6
    disk["room"] = 10 * size
    tiny.write(tmp_path / "x.h5", tiny.episodes_of(start=1), layout=layout)
    assert tiny.files_of(tmp_path).keys() == before.keys()
    assert tiny.files_of(tmp_path) != before


def test_a_full_disk_at_the_sidecar_leaves_what_was_there(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = tiny.files_of(flat.parent)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(NoSpaceError, match="no space left for"):
        tiny.write(flat, tiny.episodes_of(start=1))
    with pytest.raises(NoSpaceError):
        pack(flat)
    assert tiny.files_of(flat.parent) == before


def test_work_that_cannot_fit_is_refused_at_once(
    flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=500)
    monkeypatch.setattr(atomic_module.shutil, "disk_usage", lambda _: usage)
    asked: list[int] = []

    def stream() -> Iterator[Episode]:
        for number, episode in enumerate(tiny.episodes_of()):
            asked.append(number)
            yield episode

    with pytest.raises(NoSpaceError, match=r"x.h5 needs .* MB, .* MB are free"):
        write_dataset(tmp_path / "x.h5", tiny.SPEC, stream(), tiny.LENGTHS, tiny.PROVENANCE)
    assert asked == [0]
    with pytest.raises(NoSpaceError):
        unpack(flat, tmp_path / "y.h5")
    check_free_space(tmp_path / "z", 500)
    assert set(tiny.files_of(tmp_path)) == {"flat/tiny.h5", "flat/tiny.manifest.json"}


def test_errors_that_are_no_full_disk_keep_their_type(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic_path(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(NoSpaceError), atomic_path(tmp_path / "x"):
        raise OSError("Can't write data (file write failed: errno = 28, error message = 'x')")
    with pytest.raises(OSError, match="errno = 5"), atomic_path(tmp_path / "x"):
        raise OSError("Can't write data (file write failed: errno = 5, error message = 'x')")
    assert tiny.files_of(tmp_path) == {}
