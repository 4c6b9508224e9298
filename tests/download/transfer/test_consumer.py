"""A consumer that converts and deletes: each file once, and little on the disk at a time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.download.transfer import FetchedFile

SIZE = 5000


@pytest.fixture
def files(tools: Any) -> dict[str, bytes]:
    return {f"d/{i:02}.bin": tools.content(i, SIZE) for i in range(12)}


@pytest.mark.parametrize("deletes", ["consumer", "fetch"])
def test_a_consumed_file_is_not_fetched_again(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, deletes: str
) -> None:
    mirror = make_mirror(files)
    seen: dict[str, bytes] = {}

    def take(path: Path, fetched: FetchedFile) -> None:
        assert path == tmp_path / fetched.file.path
        seen[fetched.file.path] = path.read_bytes()
        if deletes == "consumer":
            path.unlink()

    options = {"on_file": take, "keep": deletes == "consumer"}
    fetched = tools.get(tools.remote(files), tmp_path, mirror.url, **options)
    assert seen == files
    assert all(file.consumed for file in fetched)
    assert not list(tmp_path.rglob("*.bin*"))
    seen.clear()
    again = tools.get(tools.remote(files), tmp_path, mirror.url, **options, offline=True)
    assert again == fetched
    assert not seen
    assert mirror.bytes_sent() == 12 * SIZE


def test_who_wants_the_files_gets_them_even_if_they_were_consumed_once(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    tools.get(
        tools.remote(files), tmp_path, mirror.url, keep=False, on_file=lambda path, file: None
    )
    tools.get(tools.remote(files), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)


def test_a_consumer_that_fails_gets_the_file_again_without_the_network(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    taken: list[str] = []

    def take(path: Path, fetched: FetchedFile) -> None:
        if len(taken) == 5:
            raise RuntimeError("cannot convert")
        taken.append(fetched.file.path)

    with pytest.raises(RuntimeError, match="cannot convert"):
        tools.get(tools.remote(files), tmp_path, mirror.url, keep=False, on_file=take)
    rest: list[str] = []
    tools.get(
        tools.remote(files),
        tmp_path,
        mirror.url,
        keep=False,
        on_file=lambda path, fetched: rest.append(fetched.file.path),
    )
    assert sorted(taken + rest) == sorted(files)
    assert mirror.bytes_sent() <= 12 * SIZE + 4 * tools.chunk  # what was in flight when it failed


def test_a_kept_file_is_shown_at_each_call(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    for _ in range(2):
        seen: list[str] = []
        tools.get(
            tools.remote(files),
            tmp_path,
            mirror.url,
            on_file=lambda path, fetched, seen=seen: seen.append(fetched.file.path),
        )
        assert sorted(seen) == sorted(files)
    assert mirror.bytes_sent() == 12 * SIZE


def test_a_slow_consumer_is_not_run_over(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    counts: list[int] = []
    here = threading.current_thread()

    def take(path: Path, fetched: FetchedFile) -> None:
        assert threading.current_thread() is here
        # The longer this takes, the more could pile up; what was taken is gone.
        deadline = time.monotonic() + (0.5 if not counts else 0.02)
        while time.monotonic() < deadline:
            counts.append(len(list(tmp_path.rglob("*.bin*"))))
            time.sleep(0.005)

    tools.get(tools.remote(files), tmp_path, mirror.url, workers=2, keep=False, on_file=take)
    assert 2 < max(counts) <= 4


@pytest.mark.parametrize("workers", [1, 3])
def test_in_order_means_the_order_asked_for(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, workers: int
) -> None:
    mirror = make_mirror(files)
    order = [f"d/{i:02}.bin" for i in (7, 2, 11, 0, 5, 1, 3, 4, 6, 8, 9, 10)]
    wanted = tools.remote({path: files[path] for path in order})
    tools.get(wanted[2:5], tmp_path, mirror.url)  # these are here before the others
    mirror.faults.delay("07.bin", 0.2)
    seen: list[str] = []
    tools.get(
        wanted,
        tmp_path,
        mirror.url,
        workers=workers,
        keep=False,
        in_order=True,
        on_file=lambda path, fetched: seen.append(fetched.file.path),
    )
    assert seen == order
    assert mirror.bytes_sent() == 12 * SIZE


def test_what_was_consumed_comes_again_for_who_keeps_account(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    for _ in range(2):
        seen: list[str] = []
        tools.get(
            tools.remote(files),
            tmp_path,
            mirror.url,
            keep=False,
            in_order=True,
            on_file=lambda path, fetched, seen=seen: seen.append(fetched.file.path),
        )
        assert sorted(seen) == sorted(files)
    assert mirror.bytes_sent() == 2 * 12 * SIZE
