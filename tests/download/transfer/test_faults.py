"""A network that fails in every way: afterwards the right bytes are there, or a clear error."""

from __future__ import annotations

import email.utils
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.download.transfer import Endpoint, Policy, RemoteFile, fetch
from vd4rl_data.errors import (
    CorruptFileError,
    RemoteAccessError,
    RemoteFileNotFoundError,
    TransferError,
)

SIZE = 20_000


FOREVER = None


@pytest.fixture
def files(tools: Any) -> dict[str, bytes]:
    return {"a.bin": tools.content(1, SIZE), "b.bin": tools.content(2, SIZE)}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("workers", [1, 4])
def test_a_cut_connection_costs_no_byte(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, known: bool, workers: int
) -> None:
    mirror = make_mirror(files)
    for after in (1, 700, 1024, 3000):
        mirror.faults.cut("a.bin", after)
    wanted = tools.remote(files, size=known, sha256=known)
    tools.get(wanted, tmp_path, mirror.url, workers=workers)
    tools.assert_whole(tmp_path, files)
    assert mirror.bytes_sent("a.bin") == SIZE


def test_a_server_that_always_cuts_still_gets_there(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    mirror.faults.cut("a.bin", 1500, times=FOREVER)
    tools.get(tools.remote(files), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)


def test_a_connection_without_an_answer_is_tried_again(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    mirror.faults.drop("a.bin", times=3)
    tools.get(tools.remote(files), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)


def test_silence_counts_as_a_cut(tools: Any, make_mirror: Any, tmp_path: Path, files: Any) -> None:
    mirror = make_mirror(files)
    mirror.faults.hang("a.bin", after=700)
    mirror.faults.delay("b.bin", 60.0)
    policy = replace(tools.policy, read_timeout=0.3)
    tools.get(tools.remote(files), tmp_path, mirror.url, policy=policy)
    tools.assert_whole(tmp_path, files)


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
def test_a_busy_server_is_asked_again(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, status: int
) -> None:
    mirror = make_mirror(files)
    mirror.faults.status("a.bin", status, times=2)
    tools.get(tools.remote(files), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_pause_that_the_server_asks_for_is_kept_by_all(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, form: str
) -> None:
    mirror = make_mirror(files)
    moments: list[float] = []

    def note(request: Any, handler: Any) -> Any:
        moments.append(time.monotonic())
        return handler(request)

    text = "1" if form == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)
    mirror.faults.status("a.bin", 429, retry_after=text)
    mirror.faults.add(".bin", note, times=FOREVER)
    begun = time.monotonic()
    tools.get(tools.remote({"a.bin": files["a.bin"]}), tmp_path, mirror.url)
    # A date has whole seconds, so the pause that it states is between one and two.
    assert moments[0] - begun >= 0.9
    assert (tmp_path / "a.bin").read_bytes() == files["a.bin"]


def test_a_pause_of_hours_is_an_error_at_once(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    mirror.faults.status("a.bin", 429, times=FOREVER, retry_after="7200")
    with pytest.raises(TransferError, match=r"asks to wait for 7,[12]\d\d s.*is kept"):
        tools.get(tools.remote(files), tmp_path, mirror.url)


@pytest.mark.parametrize("status", [500, 429])
def test_a_server_that_stays_busy_is_given_up(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, status: int
) -> None:
    mirror = make_mirror(files)
    mirror.faults.status("b.bin", status, times=FOREVER)
    with pytest.raises(TransferError, match=rf"b\.bin: gave up after 4 .*status {status}.*kept"):
        tools.get(tools.remote(files), tmp_path, mirror.url, workers=1)
    assert len(mirror.requests("b.bin")) == tools.policy.attempts
    assert (tmp_path / "a.bin").read_bytes() == files["a.bin"]
    mirror.faults.clear()
    tools.get(tools.remote(files), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)
    assert mirror.bytes_sent("a.bin") == SIZE


def test_a_missing_file_is_an_error_at_once(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    wanted = [*tools.remote(files), RemoteFile("c.bin", 10)]
    with pytest.raises(RemoteFileNotFoundError, match=r"c\.bin does not exist \(EntryNotFound"):
        tools.get(wanted, tmp_path, mirror.url)
    assert len(mirror.requests("c.bin")) == 1


def test_a_revision_that_is_gone_is_named(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)

    def gone(endpoint: str, file: RemoteFile) -> str:
        return tools.url_of(endpoint, file).replace("main", "0" * 40)

    with pytest.raises(RemoteFileNotFoundError, match="RevisionNotFound"):
        fetch(tools.remote(files), tmp_path, [Endpoint(mirror.url)], gone, progress=False)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_an_error_at_once(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, status: int
) -> None:
    mirror = make_mirror(files)
    mirror.faults.status("a.bin", status, times=FOREVER)
    with pytest.raises(RemoteAccessError, match=f"status {status}.*token"):
        tools.get(tools.remote(files), tmp_path, mirror.url)
    assert len(mirror.requests("a.bin")) == 1


@pytest.mark.parametrize("at", [0, 5000, SIZE - 1])
def test_wrong_bytes_once_are_fetched_again(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, at: int
) -> None:
    mirror = make_mirror(files)
    mirror.faults.corrupt("a.bin", at)
    tools.get(tools.remote(files), tmp_path, mirror.url, workers=1, chunk_bytes=SIZE)
    tools.assert_whole(tmp_path, files)
    assert mirror.bytes_sent("b.bin") == SIZE


@pytest.mark.parametrize("sha256", [True, False])
def test_wrong_bytes_twice_are_an_error_and_leave_nothing(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, sha256: bool
) -> None:
    mirror = make_mirror(files)
    mirror.faults.corrupt("a.bin", 5000, times=FOREVER)
    with pytest.raises(CorruptFileError, match=r"a\.bin: expected the SHA-256 [0-9a-f]{64} \("):
        tools.get(tools.remote(files, sha256=sha256), tmp_path, mirror.url)
    assert mirror.bytes_sent("a.bin") == 2 * SIZE
    assert not list(tmp_path.glob("a.bin*"))


@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1, 0])
def test_a_file_of_another_size_is_refused(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, size: int
) -> None:
    mirror = make_mirror({"a.bin": tools.content(3, size), "b.bin": files["b.bin"]})
    with pytest.raises(CorruptFileError, match=f"a.bin: expected {SIZE} bytes, .* {size}"):
        tools.get(tools.remote(files), tmp_path, mirror.url)
    assert not list(tmp_path.glob("a.bin*"))


def test_another_file_of_the_same_size_is_refused_before_its_bytes_come(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files | {"a.bin": tools.content(3, SIZE)})
    with pytest.raises(CorruptFileError, match="the server states"):
        tools.get(tools.remote(files), tmp_path, mirror.url, workers=1, chunk_bytes=SIZE)
    assert not list(tmp_path.glob("a.bin*"))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("cut", [True, False])
def test_a_server_that_refuses_ranges_sends_the_file_once(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, known: bool, cut: bool
) -> None:
    mirror = make_mirror(files)
    if cut:
        mirror.faults.cut("a.bin", 0)
    mirror.faults.refuse_ranges(".bin")
    tools.get(tools.remote(files, size=known, sha256=known), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)
    assert mirror.bytes_sent() == 2 * SIZE


def test_ranges_that_are_refused_halfway(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    mirror.faults.cut("b.bin", 700)
    mirror.faults.refuse_ranges("b.bin")
    tools.get(tools.remote(files)[1:], tmp_path, mirror.url)
    assert (tmp_path / "b.bin").read_bytes() == files["b.bin"]
    assert mirror.bytes_sent("b.bin") == SIZE + 700


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Range": "bytes 5-9/20000"},
        {"Content_Range": "bytes 0-9"},
        {"Content_Range": None},
        {"Content_Range": "bytes 0-99999/20000"},
    ],
)
def test_a_range_that_was_not_asked_for_is_not_taken(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, headers: Any
) -> None:
    mirror = make_mirror(files)
    mirror.faults.header("a.bin", times=1, **headers)
    tools.get(tools.remote(files), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)
    mirror.faults.header("a.bin", **headers)
    (tmp_path / "a.bin").unlink()
    with pytest.raises(TransferError, match=r"gave up|Content-Range"):
        tools.get(tools.remote(files), tmp_path, mirror.url, chunk_bytes=100_000)


def test_a_compressed_answer_is_refused(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    mirror.faults.header("a.bin", Content_Encoding="gzip")
    with pytest.raises(TransferError, match="encoded as 'gzip'"):
        tools.get(tools.remote(files), tmp_path, mirror.url)


def test_a_file_that_changes_while_it_comes_is_started_anew(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    other = make_mirror({"a.bin": tools.content(5, SIZE)})
    mirror.faults.add("a.bin", lambda request, handler: handler(request))
    mirror.faults.redirect("a.bin", other.file_url("a.bin"), times=FOREVER)
    wanted = tools.remote({"a.bin": files["a.bin"]}, size=False, sha256=False)
    tools.get(wanted, tmp_path, mirror.url, workers=1)
    assert (tmp_path / "a.bin").read_bytes() == tools.content(5, SIZE)


def test_a_default_policy_is_patient() -> None:
    policy = Policy()
    assert policy.attempts >= 5
    assert policy.longest_retry_after >= 300
