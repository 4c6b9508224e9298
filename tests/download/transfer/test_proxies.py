"""Proxies and kept connections hold no surprise."""

from __future__ import annotations

import http.server
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.download.transfer.small_server import running
from vd4rl_data.download.transfer import Endpoint
from vd4rl_data.download.transfer.client import Client
from vd4rl_data.download.transfer.connection import Origin, find_proxy
from vd4rl_data.download.transfer.outcome import TransientError
from vd4rl_data.errors import TransferError

SIZE = 9000


@pytest.fixture
def files(tools: Any) -> dict[str, bytes]:
    return {"a.bin": tools.content(1, SIZE)}


def test_this_machine_is_never_reached_through_a_proxy(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    tools.get(tools.remote(files), tmp_path, make_mirror(files).url)
    tools.assert_whole(tmp_path, files)


@pytest.mark.parametrize(
    ("url", "settings", "expected"),
    [
        ("https://hub.example/a", {}, None),
        ("https://hub.example/a", {"https_proxy": "http://p:3128"}, "http://p:3128"),
        ("https://hub.example/a", {"https_proxy": "p:3128"}, "http://p:3128"),
        ("https://hub.example/a", {"all_proxy": "http://p:1"}, "http://p:1"),
        ("http://hub.example/a", {"https_proxy": "http://p:3128"}, None),
        ("https://hub.example/a", {"https_proxy": "http://p", "no_proxy": ".example"}, None),
        ("https://hub.example/a", {"https_proxy": "http://p", "no_proxy": "*"}, None),
        ("https://hub.example:8/a", {"https_proxy": "http://p", "no_proxy": "hub.example:8"}, None),
        ("https://[::1]/a", {"https_proxy": "http://p:3128"}, None),
        ("http://localhost:8/a", {"http_proxy": "http://p:3128"}, None),
    ],
)
def test_a_proxy_is_what_the_environment_says(
    url: str, settings: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    proxy = find_proxy(Origin.of(url))
    assert (None if proxy is None else proxy.geturl()) == expected


def test_a_socks_proxy_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://p:1080")
    with pytest.raises(TransferError, match=r"'socks5'.*no_proxy"):
        find_proxy(Origin.of("https://hub.example/a"))


def test_a_plain_proxy_gets_the_whole_address_and_its_password(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mirror plays the proxy: it sees what a proxy would."""
    mirror = make_mirror(files)
    seen: list[tuple[str, str | None]] = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("Proxy-Authorization")))
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            part = files["a.bin"][int(first) : int(last) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{SIZE}")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part)

        def log_message(self, *_: Any) -> None:
            pass

    with running(Proxy) as address:
        monkeypatch.setenv("http_proxy", f"http://me:p%40ss@{address}")
        tools.get(tools.remote(files), tmp_path, "http://hub.invalid:81")
    tools.assert_whole(tmp_path, files)
    whole = "http://hub.invalid:81/datasets/lab/pixels/resolve/main/a.bin"
    assert set(seen) == {(whole, "Basic bWU6cEBzcw==")}
    assert not mirror.begun


def test_a_kept_connection_that_the_server_closed_is_no_failure(
    tools: Any, tmp_path: Path, files: Any
) -> None:
    class Closing(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            part = files["a.bin"][int(first) : int(last) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{SIZE}")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part)
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    with running(Closing) as address:
        policy = replace(tools.policy, attempts=1)
        tools.get(tools.remote(files), tmp_path, f"http://{address}", policy=policy)
    tools.assert_whole(tmp_path, files)


def test_a_client_that_was_aborted_opens_no_connection(
    tools: Any, make_mirror: Any, files: Any
) -> None:
    mirror = make_mirror(files)
    client = Client(tools.policy)
    client.abort()
    with (
        pytest.raises(TransientError, match="aborted"),
        client.get(Endpoint(mirror.url), mirror.file_url("a.bin"), 0, 9),
    ):
        pass
    assert not mirror.begun


def test_the_environment_of_these_tests_names_no_proxy() -> None:
    assert not [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy")]
