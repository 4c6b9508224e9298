"""A disk that fills up while episodes are rendered: a typed error, and the next run goes on."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collection.collect import collect
from collection.pipeline import Made
from collection.plan import parts_folder
from vd4rl_data.errors import NoSpaceError

pytestmark = pytest.mark.render

RANDOM = "Test/walker_walk_short-random-16px-v0"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"cannot mount a small disk: {error}")
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def test_a_full_disk_keeps_what_is_finished(
    small_disk: Path, start: Callable[..., Any], baseline: Made
) -> None:
    command = ["collect", RANDOM, "--out", str(small_disk), "--no-progress"]
    process = start(*command)
    folder = parts_folder(small_disk / f"{RANDOM}.h5")
    deadline = time.monotonic() + 60
    while not list(folder.glob("*.h5")):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    filler = small_disk / "filler"
    _fill(filler)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert "no space left" in errors
    assert "run the same command again to continue" in errors
    assert "Traceback" not in errors
    with pytest.raises(NoSpaceError, match="needs"):
        collect(RANDOM, small_disk, show_progress=False)
    filler.unlink()
    made = collect(RANDOM, small_disk, show_progress=False)
    assert made.frames < baseline.frames
    assert made.path.read_bytes() == baseline.path.read_bytes()
