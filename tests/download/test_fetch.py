"""Files arrive whole and in order, are taken away one by one, and nothing comes twice."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.download.conftest import SIZE, MakeHub, assert_whole, content, get, remote
from vd4rl_data.download.transfer import RemoteFile
from vd4rl_data.errors import NoSpaceError, OfflineError

SIZES = [0, 1, 4095, 4096, 4097, 50_001]


@pytest.mark.parametrize("known", ["all", "size", "nothing"])
@pytest.mark.parametrize("workers", [1, 4])
def test_any_size_arrives_once_in_the_order_asked_for(
    make_hub: MakeHub, tmp_path: Path, known: str, workers: int
) -> None:
    files = {f"a/{size}.bin": content(size, size) for size in SIZES}
    hub = make_hub(files)
    wanted = remote(files, size=known != "nothing", sha256=known == "all")
    fetched = get(wanted, tmp_path / "new", hub.url, workers=workers)
    assert_whole(tmp_path / "new", files)
    assert [file.path for file in fetched] == list(files)
    for data, file in zip(files.values(), fetched, strict=True):
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        # An empty file has nothing that a hub could state a hash of.
        assert known == "all" or file.hash_from == ("server" if data else "first use")
    # An empty file has no first byte: the page that comes with a refusal is none of it.
    assert sum(one.bytes_sent for one in hub.requests() if one.status != 416) == sum(SIZES)


def test_several_files_at_a_time_by_ranges_that_together_are_bounded(
    make_hub: MakeHub, tmp_path: Path
) -> None:
    files = {f"{i}.bin": content(i, 60_000) for i in range(8)}
    hub = make_hub(files)
    lock, asked, most = threading.Lock(), 0, 0
    together = threading.Event()  # however busy the machine is: the first waits for a second

    def answer(request: Any, handler: Any) -> Any:
        nonlocal asked, most
        response = handler(request)
        (body,) = response.body

        def pieces() -> Iterator[bytes]:
            nonlocal asked
            together.wait(30)
            for start in range(0, len(body), 1024):
                piece = body[start : start + 1024]
                with lock:
                    asked -= len(piece)
                yield piece

        with lock:
            asked += len(body)
            most = max(most, asked)
        if most > 4096:
            together.set()
        response.body = pieces()
        return response

    hub.add(".bin", answer, None)
    get(remote(files), tmp_path, hub.url, workers=4, in_flight=16_384)
    assert_whole(tmp_path, files)
    assert 4096 < most <= 16_384
    spans = [request.headers["range"].removeprefix("bytes=").split("-") for request in hub.begun]
    assert max(int(last) - int(first) + 1 for first, last in spans) == 4096


def test_a_second_call_asks_for_nothing(
    make_hub: MakeHub, tmp_path: Path, files: dict[str, bytes]
) -> None:
    hub = make_hub(files)
    first = get(remote(files), tmp_path, hub.url)
    asked = len(hub.begun)
    assert get(remote(files), tmp_path, hub.url) == first
    assert get(remote(files), tmp_path) == first
    assert len(hub.begun) == asked
    (tmp_path / "a.bin").unlink()
    with pytest.raises(OfflineError, match=r"a\.bin is not here"):
        get(remote(files), tmp_path)


@pytest.mark.parametrize("sha256", [True, False])
@pytest.mark.parametrize("damage", ["other bytes", "short", "gone"])
def test_nothing_on_the_disk_is_believed_without_its_hash(
    make_hub: MakeHub, tmp_path: Path, files: dict[str, bytes], damage: str, sha256: bool
) -> None:
    hub = make_hub(files)
    wanted = remote(files, sha256=sha256)
    get(wanted, tmp_path, hub.url)
    if damage == "gone":
        (tmp_path / "a.bin").unlink()
    else:
        (tmp_path / "a.bin").write_bytes(bytes(SIZE if damage == "other bytes" else 10))
    sent = hub.bytes_sent("a.bin")
    get(wanted, tmp_path, hub.url)
    assert_whole(tmp_path, files)
    assert hub.bytes_sent("a.bin") - sent == SIZE


@pytest.mark.parametrize("damage", ["none", "zeros", "other", "longer"])
def test_what_is_on_its_way_is_gone_on_with_if_it_is_right(
    make_hub: MakeHub, tmp_path: Path, files: dict[str, bytes], damage: str
) -> None:
    """A crash of the machine may leave any bytes; only those that were right are not asked for."""
    hub = make_hub(files)
    begun = files["a.bin"][:9000]
    begun = {"zeros": bytes(9000), "other": b"?" + begun[1:], "longer": content(5, SIZE + 9)}.get(
        damage, begun
    )
    (tmp_path / "a.bin.incomplete").write_bytes(begun)
    get(remote(files), tmp_path, hub.url)
    assert_whole(tmp_path, files)
    if damage == "none":
        assert hub.bytes_sent("a.bin") == SIZE - 9000


def test_a_partial_file_of_unknown_content_is_started_anew(
    make_hub: MakeHub, tmp_path: Path, files: dict[str, bytes]
) -> None:
    (tmp_path / "a.bin.incomplete").write_bytes(content(9, 9000))
    get(remote(files, sha256=False), tmp_path, make_hub(files).url)
    assert_whole(tmp_path, files)


# --- who takes the files ---------------------------------------------------------------------


@pytest.fixture
def many() -> dict[str, bytes]:
    return {f"{i:02}.bin": content(i, 5000) for i in range(12)}


@pytest.mark.parametrize("workers", [1, 3])
def test_files_are_taken_in_order_in_the_callers_thread_and_deleted(
    make_hub: MakeHub, tmp_path: Path, many: dict[str, bytes], workers: int
) -> None:
    hub = make_hub(many)
    hub.delay("00.bin", 0.2)
    seen: dict[str, bytes] = {}
    lying: list[int] = []

    def take(path: Path, file: RemoteFile) -> None:
        assert threading.current_thread() is threading.main_thread()
        time.sleep(0.02)  # the longer it takes, the more could pile up
        lying.append(len(list(tmp_path.iterdir())))
        seen[file.path] = path.read_bytes()

    get(remote(many), tmp_path, hub.url, workers=workers, take=take)
    assert list(seen.items()) == list(many.items())
    assert max(lying) <= 2 * workers
    assert not list(tmp_path.iterdir())
    assert hub.bytes_sent() == 12 * 5000


def test_a_taker_that_fails_gets_the_file_again_without_the_network(
    make_hub: MakeHub, tmp_path: Path, many: dict[str, bytes]
) -> None:
    hub = make_hub(many)

    def fail(path: Path, file: RemoteFile) -> None:
        raise RuntimeError("cannot convert")

    with pytest.raises(RuntimeError, match="cannot convert"):
        get(remote(many), tmp_path, hub.url, take=fail)
    sent, seen = hub.bytes_sent("00.bin"), []
    get(remote(many), tmp_path, hub.url, take=lambda path, file: seen.append(file.path))
    assert seen == list(many)
    assert hub.bytes_sent("00.bin") == sent == 5000


def test_an_interrupt_ends_it_at_once_though_a_server_is_silent(
    make_hub: MakeHub, tmp_path: Path, files: dict[str, bytes]
) -> None:
    hub = make_hub(files)
    hub.hang("b.bin", after=10, times=None)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        get(remote(files), tmp_path, hub.url, take=interrupt)
    assert time.monotonic() - begun < 5, "the server may be silent for ten seconds"
    hub.mend()
    get(remote(files), tmp_path, hub.url)
    assert_whole(tmp_path, files)


def test_the_bar_counts_bytes_and_files(
    make_hub: MakeHub, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"a.bin": content(1, 90_000), "b.bin": content(2, 10_000)}
    hub = make_hub(files)
    get(remote(files)[:1], tmp_path, hub.url)
    assert capfd.readouterr().err == ""
    get(remote(files), tmp_path, hub.url, progress=True)
    shown = capfd.readouterr().err
    assert "100k/100k" in shown
    assert "2/2 files" in shown


# --- the disk --------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["pwrite", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_told_and_what_came_is_kept(
    make_hub: MakeHub, tmp_path: Path, call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"a.bin": content(1, 50_000)}
    hub = make_hub(files)
    original, calls = getattr(os, call), 0

    def refuse(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += call == "pwrite" or "a.bin" in str(arguments[0])
        if calls > (3 if call == "pwrite" else 0):
            raise OSError(number, os.strerror(number))
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(OSError, match=r"a\.bin\.incomplete") as raised:
            get(remote(files), tmp_path, hub.url)
    full = number in (errno.ENOSPC, errno.EDQUOT)
    assert isinstance(raised.value, NoSpaceError) == full
    assert full or raised.value.errno == number
    assert len(hub.requests()) <= 4, "the network is not to blame, and not asked again"
    get(remote(files), tmp_path, hub.url)
    assert_whole(tmp_path, files)
    assert hub.bytes_sent() <= 50_000 + 16_384


def test_a_write_that_does_half_is_gone_on_with(
    make_hub: MakeHub, tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a disk that is nearly full does to a write before it refuses the next."""
    pwrite = os.pwrite

    def half(descriptor: int, data: bytes, position: int) -> int:
        return pwrite(descriptor, data[:100], position)

    monkeypatch.setattr(os, "pwrite", half)
    get(remote(files), tmp_path, make_hub(files).url)
    assert_whole(tmp_path, files)
