"""Several servers: one that fails is passed over, and contents are never mixed."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.errors import (
    RemoteFileNotFoundError,
    TransferError,
)

SIZE = 20_000


FOREVER = None


@pytest.fixture
def files(tools: Any) -> dict[str, bytes]:
    return {"a.bin": tools.content(1, SIZE), "b.bin": tools.content(2, SIZE)}


@pytest.fixture
def dead() -> Iterator[str]:
    """An address that nobody listens at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_the_next_server_is_asked_when_the_first_is_dead(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, dead: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    mirror = make_mirror(files)
    with caplog.at_level(logging.WARNING, "vd4rl_data"):
        tools.get(tools.remote(files), tmp_path, dead, mirror.url)
    tools.assert_whole(tmp_path, files)
    assert [record.getMessage() for record in caplog.records if dead in record.getMessage()]


def test_the_first_server_is_preferred(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    first, second = make_mirror(files), make_mirror(files)
    first.faults.cut("a.bin", 100)
    tools.get(tools.remote(files), tmp_path, first.url, second.url)
    assert not second.begun


@pytest.mark.parametrize("fault", ["absent", "busy", "forbidden", "wrong", "short"])
def test_what_one_server_does_not_give_comes_from_another(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, fault: str
) -> None:
    first, second = make_mirror(files), make_mirror(files)
    if fault == "absent":
        (first.folder / "a.bin").unlink()
    elif fault == "wrong":
        first.faults.corrupt("a.bin", 3000, times=FOREVER)
    elif fault == "short":
        (first.folder / "a.bin").write_bytes(b"short")
    else:
        first.faults.status("a.bin", 500 if fault == "busy" else 403, times=FOREVER)
    tools.get(tools.remote(files), tmp_path, first.url, second.url, workers=1)
    tools.assert_whole(tmp_path, files)
    assert second.bytes_sent("a.bin") >= SIZE
    if fault != "busy":
        assert not second.requests("b.bin")


def test_all_servers_dead_is_an_error(tools: Any, tmp_path: Path, files: Any, dead: str) -> None:
    with pytest.raises(TransferError, match=r"gave up after 8 failures.*ConnectionRefused"):
        tools.get(tools.remote(files), tmp_path, dead, f"{dead}/other")
    assert not list(tmp_path.glob("*.bin*"))


def test_absent_everywhere_is_an_error(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    first, second = make_mirror({"x": b""}), make_mirror({"x": b""})
    with pytest.raises(RemoteFileNotFoundError):
        tools.get(tools.remote(files), tmp_path, first.url, second.url)


def test_a_server_that_dies_halfway_is_left(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    first, second = make_mirror(files), make_mirror(files)
    first.faults.add("a.bin", lambda request, handler: handler(request))
    first.faults.drop(".bin", times=FOREVER)
    tools.get(tools.remote(files, sha256=False), tmp_path, first.url, second.url)
    tools.assert_whole(tmp_path, files)
    assert first.bytes_sent() + second.bytes_sent() == 2 * SIZE


def test_servers_that_name_the_content_differently_are_not_mixed(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    """Nothing proves that the halves belong together, so the second server gives all of it."""
    first, second = make_mirror(files), make_mirror({"a.bin": tools.content(7, SIZE)})
    first.faults.header("a.bin", times=2, ETag='"one"', X_Linked_Etag=None, X_Repo_Commit=None)
    first.faults.drop(".bin", times=FOREVER)
    second.faults.header("a.bin", ETag='"two"', X_Linked_Etag=None, X_Repo_Commit=None)
    wanted = tools.remote({"a.bin": files["a.bin"]}, sha256=False)
    (fetched,) = tools.get(wanted, tmp_path, first.url, second.url, workers=1)
    assert first.bytes_sent() == 2 * tools.chunk
    assert (tmp_path / "a.bin").read_bytes() == tools.content(7, SIZE)
    assert fetched.check == "first use"
