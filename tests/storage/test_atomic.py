"""A file is whole or absent: after exceptions, kills, interrupts, and on full disks."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.storage import processes, tiny
from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetLockedError
from vd4rl_data.storage import (
    open_dataset,
    pack,
    unpack,
    verify_dataset,
    write_dataset,
)
from vd4rl_data.storage.naming import sidecar_path


class _MistakeError(Exception):
    pass


@pytest.mark.parametrize("layout", ["flat", "packed"])
@pytest.mark.parametrize("good", [0, 1, 2])
@pytest.mark.parametrize("exists", [False, True], ids=["new", "replacing"])
def test_an_exception_leaves_what_was_there(
    layout: str, good: int, exists: bool, tmp_path: Path
) -> None:
    def failing() -> Iterator[Episode]:
        yield from tiny.episodes_of()[:good]
        raise _MistakeError

    path = tmp_path / "x.h5"
    if exists:
        tiny.write(path, tiny.episodes_of(start=1), layout=layout)
    before = tiny.files_of(tmp_path)
    with pytest.raises(_MistakeError):
        write_dataset(
            path,
            tiny.SPEC,
            failing(),
            tiny.LENGTHS,
            tiny.PROVENANCE,
            layout=layout,
            replace=exists,
        )
    assert tiny.files_of(tmp_path) == before
    assert bool(before) == exists


_WRITE_FOR_EVER = """
def episodes():
    number = 0
    while True:
        print(number, flush=True)
        yield tiny.episode_of(2000, start=number)
        number += 1
from vd4rl_data.storage import write_dataset
path, lengths = folder / "x.h5", [2000] * 200
write_dataset(path, tiny.SPEC, episodes(), lengths, tiny.PROVENANCE, layout=sys.argv[2])
"""


@pytest.mark.parametrize("layout", ["flat", "packed"])
def test_a_killed_writer_leaves_no_file_and_blocks_nobody(layout: str, tmp_path: Path) -> None:
    tiny.write(tmp_path / "kept.h5")
    before = tiny.files_of(tmp_path)
    with processes.start(_WRITE_FOR_EVER, tmp_path, layout) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 20:
                break
        process.kill()
    assert process.returncode == -signal.SIGKILL
    left = set(tiny.files_of(tmp_path)) - set(before)
    assert "x.h5.incomplete" in left, "it was killed too late to test anything"
    assert left <= {"x.h5.incomplete", "x.manifest.json.incomplete"}
    tiny.write(tmp_path / "x.h5", layout=layout)
    assert set(tiny.files_of(tmp_path)) - set(before) == {"x.h5", "x.manifest.json"}
    assert verify_dataset(tmp_path / "x.h5").problems == ()


_STOP_AT_RENAME = """
stop, before = int(sys.argv[3]), Path.replace
def replace(self, target):
    global stop
    if stop == 0:
        os._exit(9)
    stop -= 1
    return before(self, target)
Path.replace = replace
if sys.argv[2] == "write":
    tiny.write(folder / "x.h5", tiny.episodes_of((3, 2), start=1))
elif sys.argv[2] == "pack":
    pack(folder / "source.h5", folder, shard_raw_bytes=1, replace=True)
else:
    unpack(folder / "source.h5", folder / "x.h5", replace=True)
"""


@pytest.mark.parametrize("exists", [False, True], ids=["new", "replacing"])
@pytest.mark.parametrize("work", ["write", "pack", "unpack"])
def test_a_death_between_two_renames_leaves_old_or_new(
    work: str, exists: bool, tmp_path: Path
) -> None:
    """Whatever opens is sound, and its sidecar (if there still is one) agrees with it."""
    seen: list[str] = []
    for stop in range(8):
        folder = tmp_path / str(stop)
        tiny.write(folder / "source.h5", tiny.episodes_of((3, 2), start=1))
        target = folder / "x.h5"
        if work == "pack":
            target = folder / "source.packed-00000-of-00002.h5"
        if exists and work == "pack":
            tiny.write(folder / "y" / "source.h5", tiny.episodes_of((2, 2)))
            pack(folder / "y" / "source.h5", folder, shard_raw_bytes=1)
        elif exists:
            tiny.write(target)
        with processes.start(_STOP_AT_RENAME, folder, work, stop) as process:
            process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == 9
        seen.append(_state(target))
    assert process.returncode == 0, "it never came to its end"
    assert seen == sorted(seen, key=["absent", "old", "mixed", "new"].index)
    assert set(seen) <= {"old" if exists else "absent", "mixed", "new"}
    if work != "pack" or not exists:
        assert "mixed" not in seen
    assert _state(target) == "new"


def _state(path: Path) -> str:
    if not path.exists():
        return "absent"
    report = verify_dataset(path)
    if not report.ok:
        assert "different manifests" in report.problems[-1], report.problems
        return "mixed"
    stored = open_dataset(path)
    first = stored.episode(0).rewards[0]
    stored.close()
    return "new" if first == 0.25 else "old"


_HOLD = """
from vd4rl_data.storage.atomic import write_lock
with write_lock(folder / sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def _held(folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    with processes.start(_HOLD, folder, name) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_writer_is_told_and_harms_nothing(flat: Path, tmp_path: Path) -> None:
    shards = pack(flat, tmp_path)
    before = tiny.files_of(tmp_path)
    jobs: dict[str, Callable[[], Any]] = {
        "tiny.h5": lambda: tiny.write(tmp_path / "tiny.h5"),
        "other.h5": lambda: unpack(shards[0], tmp_path / "other.h5"),
        "tiny.packed": lambda: pack(flat, tmp_path),
    }
    for name, job in jobs.items():
        with _held(tmp_path, name):
            with pytest.raises(DatasetLockedError, match=f"{name}: another process is writing"):
                job()
            assert tiny.files_of(tmp_path) == before
    with _held(tmp_path, "tiny.h5") as process:
        process.kill()
        process.wait()
        tiny.write(tmp_path / "tiny.h5")
    assert verify_dataset(tmp_path / "tiny.h5").problems == ()


def test_the_sidecar_of_a_replaced_file_is_never_the_old_one(flat: Path) -> None:
    old = sidecar_path(flat).read_bytes()
    tiny.write(flat, tiny.episodes_of(start=1))
    assert sidecar_path(flat).read_bytes() != old
    assert verify_dataset(flat).problems == ()
