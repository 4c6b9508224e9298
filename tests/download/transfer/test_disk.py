"""A disk that is full before or while the files come."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.errors import NoSpaceError

SIZE = 600_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount is not None and os.geteuid() == 0 and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    ).returncode == 0  # fmt: skip
    if not done:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_too_little_space_is_an_error_before_anything_is_asked(
    tools: Any, make_mirror: Any, small_disk: Path
) -> None:
    files = {"a.bin": tools.content(1, SIZE), "b.bin": tools.content(2, SIZE)}
    mirror = make_mirror(files)
    with pytest.raises(NoSpaceError, match=r"2 files need 1\.2 MB, 1\.0 MB are free"):
        tools.get(tools.remote(files), small_disk, mirror.url)
    assert not mirror.begun


def test_files_that_go_as_they_come_need_little_space(
    tools: Any, make_mirror: Any, small_disk: Path
) -> None:
    files = {f"{i}.bin": tools.content(i, 200_000) for i in range(12)}
    mirror = make_mirror(files)
    fetched = tools.get(
        tools.remote(files),
        small_disk,
        mirror.url,
        chunk_bytes=65536,
        workers=2,
        keep=False,
        on_file=lambda path, file: None,
    )
    assert len(fetched) == 12


def test_a_disk_that_fills_up_keeps_what_came(
    tools: Any, make_mirror: Any, small_disk: Path
) -> None:
    files = {"a.bin": tools.content(1, SIZE)}
    mirror = make_mirror(files)
    ballast = small_disk / "ballast"

    def fill(request: Any, handler: Any) -> Any:
        if not ballast.exists():
            free = shutil.disk_usage(small_disk).free
            ballast.write_bytes(bytes(free - 100_000))
        return handler(request)

    mirror.faults.add(".bin", lambda request, handler: handler(request), times=2)
    mirror.faults.add(".bin", fill, times=None)
    options = {"chunk_bytes": 65536, "workers": 1}
    with pytest.raises(NoSpaceError, match=r"no space left for .*a\.bin\.incomplete"):
        tools.get(tools.remote(files), small_disk, mirror.url, **options)
    assert not (small_disk / "a.bin").exists()
    ballast.unlink()
    sent = mirror.bytes_sent()
    mirror.faults.clear()
    tools.get(tools.remote(files), small_disk, mirror.url, **options)
    tools.assert_whole(small_disk, files)
    assert mirror.bytes_sent() - sent <= SIZE - 3 * 65536


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["pwrite", "replace", "open"])
def test_the_system_says_full(
    tools: Any, make_mirror: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str,
    code: int,
) -> None:  # fmt: skip
    files = {"a.bin": tools.content(1, 50_000)}
    mirror = make_mirror(files)
    original = getattr(os, call)
    calls = 0

    def full(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += "a.bin" in str(args[0]) or call == "pwrite"
        if calls and (call != "pwrite" or calls > 3):
            raise OSError(code, os.strerror(code))
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(f"os.{call}", full)
        with pytest.raises(NoSpaceError):
            tools.get(tools.remote(files), tmp_path, mirror.url, workers=1)
    tools.get(tools.remote(files), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)


def test_a_file_of_unknown_size_is_weighed_when_the_server_tells_it(
    tools: Any, make_mirror: Any, small_disk: Path
) -> None:
    files = {"a.bin": tools.content(1, 3 * SIZE)}
    mirror = make_mirror(files)
    with pytest.raises(NoSpaceError, match="needs 2 MB"):
        tools.get(tools.remote(files, size=False), small_disk, mirror.url)
    assert not list(small_disk.glob("a.bin*"))
