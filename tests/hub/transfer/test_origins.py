"""Tokens stay at home, redirects are followed, proxies and certificates hold no surprise."""

from __future__ import annotations

import http.server
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.errors import RemoteAccessError, TransferError
from vd4rl_data.hub.transfer import Endpoint, RemoteFile, fetch
from vd4rl_data.hub.transfer.client import Client
from vd4rl_data.hub.transfer.connection import Origin, find_proxy
from vd4rl_data.hub.transfer.connection import _tls_context as tls_context
from vd4rl_data.hub.transfer.outcome import TransientError

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


# --- proxies ----------------------------------------------------------------------------------


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


# --- certificates -----------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Path]]:
    """A key and a certificate for 127.0.0.1 in one file; calling it makes the system trust it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    subprocess.run(
        [openssl, *command.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
         "-out", str(cert)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + cert.read_bytes())

    def trust() -> Path:
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        tls_context.cache_clear()
        return both

    tls_context.cache_clear()
    yield trust
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    tls_context.cache_clear()


@pytest.mark.parametrize("trusted", [True, False])
def test_an_encrypted_server_is_believed_if_its_certificate_is(
    tools: Any, tmp_path: Path, files: Any, certificate: Callable[[], Path], trusted: bool
) -> None:
    class Plain(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(SIZE))
            self.end_headers()
            self.wfile.write(files["a.bin"])

        def log_message(self, *_: Any) -> None:
            pass

    both = tmp_path / "both.pem"
    if trusted:
        certificate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    with running(Plain, context) as address:
        if trusted:
            tools.get(tools.remote(files), tmp_path / "new", f"https://{address}")
            tools.assert_whole(tmp_path / "new", files)
        else:
            with pytest.raises(RemoteAccessError, match="certificate is not trusted"):
                tools.get(tools.remote(files), tmp_path / "new", f"https://{address}")


def test_a_secure_server_may_not_lead_to_an_insecure_one(
    tools: Any, make_mirror: Any, tmp_path: Path, files: Any, certificate: Callable[[], Path]
) -> None:
    mirror = make_mirror(files)

    class Downgrade(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", mirror.file_url("a.bin"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate())
    with (
        running(Downgrade, context) as address,
        pytest.raises(TransferError, match="redirects to the insecure"),
    ):
        tools.get(tools.remote(files), tmp_path / "new", f"https://{address}")
    assert not mirror.begun


class running:  # noqa: N801 - reads like a function
    """A small server on this machine, with TLS if there is a context."""

    def __init__(self, handler: Any, context: ssl.SSLContext | None = None) -> None:
        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that does not trust us hangs up."""

        self._server = Quiet(("127.0.0.1", 0), handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> str:
        self._thread.start()
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_the_environment_of_these_tests_names_no_proxy() -> None:
    assert not [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy")]
