"""Several servers: one that fails is passed over, contents are never mixed, tokens stay at home."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.download.conftest import QUICK, SIZE, MakeHub, assert_whole, content, get, remote
from vd4rl_data.download.client import Endpoint
from vd4rl_data.errors import RemoteAccessError, TransferError

Files = dict[str, bytes]
SECRET = "hidden-secret"


@pytest.fixture
def dead() -> Iterator[str]:
    """An address that nobody listens at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_the_next_server_is_asked_when_the_first_is_dead(
    make_hub: MakeHub, tmp_path: Path, files: Files, dead: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "vd4rl_data"):
        get(remote(files), tmp_path, dead, make_hub(files).url)
    assert_whole(tmp_path, files)
    assert [record for record in caplog.records if dead in record.getMessage()]


def test_the_first_server_is_preferred(make_hub: MakeHub, tmp_path: Path, files: Files) -> None:
    first, second = make_hub(files), make_hub(files)
    first.cut("a.bin", 100)
    get(remote(files), tmp_path, first.url, second.url)
    assert not second.begun


@pytest.mark.parametrize("fault", ["absent", "busy", "forbidden", "wrong", "short"])
def test_what_one_server_does_not_give_comes_from_another(
    make_hub: MakeHub, tmp_path: Path, files: Files, fault: str
) -> None:
    first, second = make_hub(files), make_hub(files)
    if fault == "absent":
        del first.files["a.bin"]
    elif fault == "wrong":
        first.corrupt("a.bin", 3000, times=None)
    elif fault == "short":
        first.files["a.bin"] = b"short"
    else:
        first.status("a.bin", 500 if fault == "busy" else 403, times=None)
    get(remote(files), tmp_path, first.url, second.url, workers=1)
    assert_whole(tmp_path, files)
    assert second.bytes_sent("a.bin") >= SIZE
    if fault != "busy":
        assert not second.requests("b.bin")


def test_a_server_that_dies_halfway_is_left(
    make_hub: MakeHub, tmp_path: Path, files: Files
) -> None:
    first, second = make_hub(files), make_hub(files)
    first.add("a.bin", lambda request, handler: handler(request))
    first.drop(".bin", times=None)
    get(remote(files), tmp_path, first.url, second.url, workers=1)
    assert_whole(tmp_path, files)
    assert first.bytes_sent() + second.bytes_sent() == 2 * SIZE


def test_all_servers_dead_is_an_error(tmp_path: Path, files: Files, dead: str) -> None:
    with pytest.raises(TransferError, match=r"gave up after 4 failures.*ConnectError"):
        get(remote(files), tmp_path, dead, f"{dead}/other")
    assert not list(tmp_path.rglob("*.bin"))


def test_servers_that_name_the_content_differently_are_not_mixed(
    make_hub: MakeHub, tmp_path: Path, files: Files
) -> None:
    """Nothing proves that the halves belong together, so the second server gives all of it."""
    first, second = make_hub(files), make_hub({"a.bin": content(7)})
    first.header("a.bin", times=1, ETag='"one"', X_Linked_ETag=None, X_Repo_Commit=None)
    first.drop(".bin", times=None)
    second.header("a.bin", ETag='"two"', X_Linked_ETag=None, X_Repo_Commit=None)
    wanted = remote({"a.bin": files["a.bin"]}, sha256=False)
    (fetched,) = get(wanted, tmp_path, first.url, second.url)
    assert first.bytes_sent() == 16_384
    assert (tmp_path / "a.bin").read_bytes() == content(7)
    assert fetched.hash_from == "first use"


# --- tokens and redirects --------------------------------------------------------------------


def tokens(hub: Any) -> set[str | None]:
    return {request.headers.get("authorization") for request in hub.begun}


def test_the_token_opens_the_endpoint(make_hub: MakeHub, tmp_path: Path, files: Files) -> None:
    hub = make_hub(files, token=SECRET)
    get(remote(files), tmp_path, Endpoint(hub.url, SECRET))
    assert_whole(tmp_path, files)
    with pytest.raises(RemoteAccessError, match="needs a token"):
        get(remote(files), tmp_path / "other", hub.url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_does_not_follow_a_redirect_to_another_host(
    make_hub: MakeHub, tmp_path: Path, files: Files, status: int
) -> None:
    home, away = make_hub(files), make_hub(files)
    home.redirect("a.bin", away.file_url("a.bin"), times=None, status=status)
    get(remote(files), tmp_path, Endpoint(home.url, SECRET))
    assert_whole(tmp_path, files)
    assert tokens(home) == {f"Bearer {SECRET}"}
    assert tokens(away) == {None}
    assert away.bytes_sent() == SIZE
    assert len(home.requests("a.bin")) == 1, "where it led is remembered"


def test_a_token_that_left_home_does_not_come_back(
    make_hub: MakeHub, tmp_path: Path, files: Files
) -> None:
    home, away = make_hub(files | {"c.bin": files["a.bin"]}), make_hub(files)
    home.redirect("a.bin", away.file_url("a.bin"), times=None)
    away.redirect("a.bin", home.file_url("c.bin"), times=None)
    get(remote({"a.bin": files["a.bin"]}), tmp_path, Endpoint(home.url, SECRET))
    assert tokens(away) == {None}
    back = [one.headers.get("authorization") for one in home.begun if "c.bin" in one.path]
    assert set(back) == {None}


def test_a_relative_redirect_stays_at_home(make_hub: MakeHub, tmp_path: Path, files: Files) -> None:
    hub = make_hub(files | {"moved/a b.bin": files["a.bin"]}, token=SECRET)
    hub.redirect("main/a.bin", "moved/a%20b.bin", times=None)
    get(remote(files), tmp_path, Endpoint(hub.url, SECRET))
    assert_whole(tmp_path, files)


def test_a_link_that_expires_is_asked_for_again(
    make_hub: MakeHub, tmp_path: Path, files: Files
) -> None:
    home, away = make_hub(files), make_hub(files)
    home.redirect("a.bin", away.file_url("a.bin"), times=None)
    away.add("a.bin", lambda request, handler: handler(request))
    away.status("a.bin", 403)
    get(remote(files), tmp_path, home.url)
    assert_whole(tmp_path, files)
    assert len(home.requests("a.bin")) == 2


def test_a_fallback_never_sees_the_token_of_the_first(
    make_hub: MakeHub, tmp_path: Path, files: Files
) -> None:
    first, second = make_hub({}), make_hub(files)
    get(remote(files), tmp_path, Endpoint(first.url, SECRET), second.url)
    assert (tokens(first), tokens(second)) == ({f"Bearer {SECRET}"}, {None})


def test_a_token_is_never_shown(
    make_hub: MakeHub, tmp_path: Path, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    hub = make_hub(files)
    hub.status("a.bin", 403, times=None)
    with pytest.raises(RemoteAccessError) as raised:
        get(remote(files), tmp_path, Endpoint(hub.url, SECRET))
    assert SECRET not in str(raised.value) + repr(Endpoint("http://x", SECRET)) + caplog.text
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*.*"))


@pytest.mark.parametrize(
    "location", ["ftp://127.0.0.1/a", "file:///etc/passwd", "http://127.0.0.1:99999/", "a.bin"]
)
def test_a_redirect_to_nowhere_is_an_error(
    make_hub: MakeHub, tmp_path: Path, files: Files, location: str
) -> None:
    hub = make_hub(files)
    hub.redirect("a.bin", location, times=None)
    with pytest.raises(TransferError, match=r"a\.bin"):
        get(remote(files), tmp_path, hub.url)
    assert len(hub.requests("a.bin")) <= 21 * QUICK.attempts
