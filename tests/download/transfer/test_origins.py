"""Tokens stay at home, redirects are followed, proxies and certificates hold no surprise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.download.transfer import Endpoint, RemoteFile, fetch
from vd4rl_data.errors import RemoteAccessError, TransferError

SIZE = 9000


@pytest.fixture
def files(tools: Any) -> dict[str, bytes]:
    return {"a.bin": tools.content(1, SIZE)}


def fetch_with_token(tools: Any, files: Any, folder: Path, url: str) -> None:
    endpoint = Endpoint(url, token="hidden-secret")
    fetch(
        tools.remote(files),
        folder,
        [endpoint],
        tools.url_of,
        chunk_bytes=tools.chunk,
        progress=False,
        policy=tools.policy,
    )


def tokens(mirror: Any) -> set[str | None]:
    return {request.headers.get("authorization") for request in mirror.begun}


def test_the_token_opens_the_endpoint(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files, token="hidden-secret")
    fetch_with_token(tools, files, tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)
    with pytest.raises(RemoteAccessError, match="needs a token"):
        tools.get(tools.remote(files), tmp_path / "other", mirror.url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_does_not_follow_a_redirect_to_another_host(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, status: int
) -> None:
    home, away = make_mirror(files), make_mirror(files)
    home.faults.redirect("a.bin", away.file_url("a.bin"), times=None, status=status)
    fetch_with_token(tools, files, tmp_path, home.url)
    tools.assert_whole(tmp_path, files)
    assert tokens(home) == {"Bearer hidden-secret"}
    assert tokens(away) == {None}
    assert away.bytes_sent() == SIZE


def test_a_redirect_is_remembered_for_the_file(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    home, away = make_mirror(files), make_mirror(files)
    home.faults.redirect("a.bin", away.file_url("a.bin"), times=None)
    tools.get(tools.remote(files), tmp_path, home.url, workers=1)
    assert len(home.requests()) == 1
    assert len(away.requests()) == -(-SIZE // tools.chunk)


def test_a_link_that_expires_is_asked_for_again(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    home, away = make_mirror(files), make_mirror(files)
    home.faults.redirect("a.bin", away.file_url("a.bin"), times=None)
    away.faults.add("a.bin", lambda request, handler: handler(request))
    away.faults.status("a.bin", 403)
    tools.get(tools.remote(files), tmp_path, home.url, workers=1)
    tools.assert_whole(tmp_path, files)
    assert len(home.requests()) == 2


def test_a_token_that_left_home_does_not_come_back(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    home, away = make_mirror(files | {"b.bin": files["a.bin"]}), make_mirror(files)
    home.faults.redirect("a.bin", away.file_url("a.bin"), times=None)
    away.faults.redirect("a.bin", home.file_url("b.bin"), times=None)
    fetch_with_token(tools, files, tmp_path, home.url)
    assert {request.headers.get("authorization") for request in home.begun} == {
        "Bearer hidden-secret",
        None,
    }
    assert tokens(away) == {None}


def test_a_relative_redirect_stays_at_home(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files | {"moved/a b.bin": files["a.bin"]}, token="hidden-secret")
    mirror.faults.redirect("main/a.bin", "moved/a%20b.bin", times=None)
    fetch_with_token(tools, files, tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)


def test_a_fallback_never_sees_the_token_of_the_first(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    first, second = make_mirror({"x": b""}), make_mirror(files)
    fetch(
        tools.remote(files),
        tmp_path,
        [Endpoint(first.url, token="hidden-secret"), Endpoint(second.url)],
        tools.url_of,
        progress=False,
    )
    assert tokens(first) == {"Bearer hidden-secret"}
    assert tokens(second) == {None}


def test_a_token_is_never_shown(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, caplog: pytest.LogCaptureFixture
) -> None:
    mirror = make_mirror(files)
    mirror.faults.status("a.bin", 403, times=None)
    with pytest.raises(RemoteAccessError) as raised:
        fetch_with_token(tools, files, tmp_path, mirror.url)
    shown = [str(raised.value), repr(Endpoint("http://x", token="hidden-secret")), caplog.text]
    assert not any("hidden-secret" in text for text in shown)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"hidden-secret" in data for data in kept)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("ftp://127.0.0.1/a", "expected an http or https URL"),
        ("file:///etc/passwd", "expected an http or https URL"),
        ("http://127.0.0.1:99999/", "not a URL"),
        ("", "redirects in a row"),
        ("a.bin", "redirects in a row"),
    ],
)
def test_a_redirect_to_nowhere_is_an_error_at_once(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, location: str, said: str
) -> None:
    mirror = make_mirror(files)
    mirror.faults.redirect("a.bin", location, times=None)
    with pytest.raises(TransferError, match=said):
        tools.get(tools.remote(files), tmp_path, mirror.url)
    assert len(mirror.begun) <= 6


def test_an_address_that_is_not_quoted_is_refused(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any
) -> None:
    mirror = make_mirror(files)
    with pytest.raises(TransferError, match="quote what is not plain text"):
        tools.get([RemoteFile("a b.bin")], tmp_path, mirror.url)
    assert not mirror.begun
