"""A network that fails in every way: afterwards the right bytes are there, or a clear error."""

from __future__ import annotations

import email.utils
import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.download.conftest import QUICK, SIZE, MakeHub, assert_whole, content, get, remote
from vd4rl_data.download.client import Patience
from vd4rl_data.download.transfer import RemoteFile
from vd4rl_data.errors import (
    CorruptFileError,
    RemoteAccessError,
    RemoteFileNotFoundError,
    TransferError,
)

Files = dict[str, bytes]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_cut_connection_costs_no_byte(
    make_hub: MakeHub, tmp_path: Path, files: Files, known: bool, workers: int
) -> None:
    hub = make_hub(files)
    for after in (1, 700, 1024, 3000):
        hub.cut("a.bin", after)
    get(remote(files, size=known, sha256=known), tmp_path, hub.url, workers=workers)
    assert_whole(tmp_path, files)
    assert hub.bytes_sent("a.bin") == SIZE


def test_silence_counts_as_a_cut(make_hub: MakeHub, tmp_path: Path, files: Files) -> None:
    hub = make_hub(files)
    hub.hang("a.bin", after=700)
    hub.delay("b.bin", 60.0)
    get(remote(files), tmp_path, hub.url, patience=replace(QUICK, silence=0.3))
    assert_whole(tmp_path, files)


@pytest.mark.parametrize("status", [0, 500, 502, 503, 408, 429])
def test_a_busy_server_is_asked_again(
    make_hub: MakeHub, tmp_path: Path, files: Files, status: int
) -> None:
    hub = make_hub(files)
    if status:
        hub.status("a.bin", status, times=2)
    else:
        hub.drop("a.bin", times=2)
    get(remote(files), tmp_path, hub.url)
    assert_whole(tmp_path, files)


@pytest.mark.parametrize("form", ["seconds", "date", "quota"])
def test_a_pause_that_the_server_asks_for_is_kept(
    make_hub: MakeHub, tmp_path: Path, files: Files, form: str
) -> None:
    hub = make_hub(files)
    asked = {
        "seconds": {"Retry_After": "1"},
        "date": {"Retry_After": email.utils.formatdate(time.time() + 2, usegmt=True)},
        "quota": {"RateLimit": '"api";r=0;t=1'},
    }
    hub.status("a.bin", 429, **asked[form])
    begun = time.monotonic()
    get(remote({"a.bin": files["a.bin"]}), tmp_path, hub.url)
    # A date has whole seconds, so the pause that it states is between one and two.
    assert time.monotonic() - begun >= 0.9
    assert (tmp_path / "a.bin").read_bytes() == files["a.bin"]


def test_a_pause_holds_for_all_that_is_asked_of_the_server(
    make_hub: MakeHub, tmp_path: Path
) -> None:
    """Two files at a time: while one is told to wait, nothing is asked for the other."""
    files = {"a.bin": content(1), "b.bin": content(2, 400_000)}
    hub = make_hub(files)
    asked: list[float] = []

    def noted(request: Any, handler: Any) -> Any:
        asked.append(time.monotonic())
        time.sleep(0.02)
        return handler(request)

    hub.status("a.bin", 429, Retry_After="1")
    hub.add("b.bin", noted, times=None)
    get(remote(files), tmp_path, hub.url, workers=2)
    assert_whole(tmp_path, files)
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert max(pauses) > 0.9
    assert sum(asked[0] + 0.1 < moment < asked[0] + 0.9 for moment in asked) == 0


def test_a_pause_of_hours_is_an_error_at_once(
    make_hub: MakeHub, tmp_path: Path, files: Files
) -> None:
    hub = make_hub(files)
    hub.status("a.bin", 429, times=None, Retry_After="7200")
    with pytest.raises(TransferError, match=r"asks to wait for 7,[12]\d\d s.*is kept"):
        get(remote(files), tmp_path, hub.url)


@pytest.mark.parametrize("status", [500, 429])
def test_a_server_that_stays_busy_is_given_up(
    make_hub: MakeHub, tmp_path: Path, files: Files, status: int
) -> None:
    hub = make_hub(files)
    hub.status("b.bin", status, times=None)
    with pytest.raises(TransferError, match=rf"b\.bin: gave up after 4 .*status {status}.*kept"):
        get(remote(files), tmp_path, hub.url, workers=1)
    assert len(hub.requests("b.bin")) == QUICK.attempts
    hub.mend()
    get(remote(files), tmp_path, hub.url)
    assert_whole(tmp_path, files)
    assert hub.bytes_sent("a.bin") == SIZE


def test_the_usual_patience_outlasts_a_restart_of_the_server() -> None:
    patience = Patience()
    assert sum(patience.delay(failures) for failures in range(1, patience.attempts)) > 10
    assert patience.longest_wait >= 300


def test_a_missing_file_is_an_error_at_once(
    make_hub: MakeHub, tmp_path: Path, files: Files
) -> None:
    hub = make_hub(files)
    wanted = [*remote(files), RemoteFile("c.bin", 10)]
    with pytest.raises(RemoteFileNotFoundError, match=r"c\.bin does not exist .*404: EntryNotF"):
        get(wanted, tmp_path, hub.url)
    assert len(hub.requests("c.bin")) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_an_error_at_once(
    make_hub: MakeHub, tmp_path: Path, files: Files, status: int
) -> None:
    hub = make_hub(files)
    hub.status("a.bin", status, times=None)
    with pytest.raises(RemoteAccessError, match=f"needs a token.*status {status}"):
        get(remote(files), tmp_path, hub.url)
    assert len(hub.requests("a.bin")) == 1


@pytest.mark.parametrize("at", [0, 5000, SIZE - 1])
def test_wrong_bytes_once_are_fetched_again(
    make_hub: MakeHub, tmp_path: Path, files: Files, at: int
) -> None:
    hub = make_hub(files)
    hub.corrupt("a.bin", at)
    get(remote(files), tmp_path, hub.url, in_flight=2 * SIZE)
    assert_whole(tmp_path, files)
    assert hub.bytes_sent("b.bin") == SIZE


@pytest.mark.parametrize("sha256", [True, False])
def test_wrong_bytes_twice_are_an_error(
    make_hub: MakeHub, tmp_path: Path, files: Files, sha256: bool
) -> None:
    hub = make_hub(files)
    hub.corrupt("a.bin", 5000, times=None)
    with pytest.raises(CorruptFileError, match=r"a\.bin: expected the SHA-256 [0-9a-f]{64}, got"):
        get(remote(files, sha256=sha256), tmp_path, hub.url)
    assert hub.bytes_sent("a.bin") == 2 * SIZE
    assert not list(tmp_path.glob("a.bin*"))


@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1, 0])
def test_a_file_of_another_size_is_refused(
    make_hub: MakeHub, tmp_path: Path, files: Files, size: int
) -> None:
    hub = make_hub(files | {"a.bin": content(3, size)})
    with pytest.raises(CorruptFileError, match=f"a.bin: expected the size {SIZE}, .* {size}"):
        get(remote(files), tmp_path, hub.url)
    assert not list(tmp_path.glob("a.bin*"))


def test_another_file_of_the_same_size_is_refused_before_its_bytes_are_taken(
    make_hub: MakeHub, tmp_path: Path, files: Files
) -> None:
    hub = make_hub(files | {"a.bin": content(3)})
    with pytest.raises(CorruptFileError, match="the server states"):
        get(remote(files), tmp_path, hub.url)
    assert len(hub.requests("a.bin")) == 1


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("after", [None, 0, 700])
def test_a_server_that_refuses_ranges_sends_the_file_once(
    make_hub: MakeHub, tmp_path: Path, files: Files, known: bool, after: int | None
) -> None:
    """Where it breaks off, all of it comes again, and what is here is not written twice."""
    hub = make_hub(files)
    hub.refuse_ranges(".bin", times=None)
    if after is not None:
        hub.mend()
        hub.cut("a.bin", after)
        hub.refuse_ranges(".bin", times=None)
    get(remote(files, size=known, sha256=known), tmp_path, hub.url)
    assert_whole(tmp_path, files)
    assert hub.bytes_sent() == 2 * SIZE + (after or 0)


@pytest.mark.parametrize(
    "text", ["bytes 5-9/20000", "bytes 0-9", None, "bytes 0-99999/20000", "bytes */20000"]
)
def test_a_range_that_was_not_asked_for_is_not_taken(
    make_hub: MakeHub, tmp_path: Path, files: Files, text: str | None
) -> None:
    hub = make_hub(files)
    hub.header("a.bin", times=1, Content_Range=text)
    get(remote(files), tmp_path, hub.url)
    assert_whole(tmp_path, files)
    hub.header("a.bin", Content_Range=text)
    (tmp_path / "a.bin").unlink()
    with pytest.raises(TransferError, match="gave up after"):
        get(remote(files), tmp_path, hub.url)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"Content_Encoding": "gzip"}, "encoded as 'gzip'"), ({"Location": ""}, "unexpected answer")],
)
def test_an_answer_that_makes_no_sense_is_refused(
    make_hub: MakeHub, tmp_path: Path, files: Files, changed: Any, said: str
) -> None:
    hub = make_hub(files)
    if "Location" in changed:
        hub.status("a.bin", 302, times=None)
    else:
        hub.header("a.bin", **changed)
    with pytest.raises(TransferError, match=said):
        get(remote(files), tmp_path, hub.url)


def test_a_file_that_changes_while_it_comes_is_started_anew(
    make_hub: MakeHub, tmp_path: Path, files: Files
) -> None:
    hub, other = make_hub(files), make_hub({"a.bin": content(5)})
    hub.add("a.bin", lambda request, handler: handler(request))
    hub.redirect("a.bin", other.file_url("a.bin"), times=None)
    wanted = remote({"a.bin": files["a.bin"]}, size=False, sha256=False)
    get(wanted, tmp_path, hub.url)
    assert (tmp_path / "a.bin").read_bytes() == content(5)
