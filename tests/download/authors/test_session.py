"""Proxies, certificates and the user's own HTTP client hold for listing and download alike."""

from __future__ import annotations

import http.client
import http.server
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import huggingface_hub.utils
import pytest

from tests.download.authors import miniature
from tests.download.authors.conftest import Acquire
from tests.download.authors.miniature import MEDIUM, REPO_ID, REVISION, SHARDS
from tests.download.local_hub import LocalHub
from tests.download.static_server import put, serving
from vd4rl_data.errors import RemoteAccessError, TransferError


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's context for ``hub.invalid`` and this machine, and the certificate to trust."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("certificate")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:hub.invalid"]
    out = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([openssl, *command.split(), *names, *out], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


@pytest.fixture
def secure(make_hub: Any, acquire: Acquire, certificate: Any) -> LocalHub:
    """A hub with TLS."""
    context, _ = certificate
    return make_hub(acquire.files.files, REPO_ID, revision=REVISION, context=context)


@contextmanager
def proxy(target: str, seen: list[str]) -> Iterator[str]:
    """A proxy that knows one way: whatever is asked for, it asks ``target``."""
    host = urlsplit(target).netloc

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            assert self.headers["Proxy-Authorization"] == "Basic bWU6cEBzcw=="
            seen.append(f"{self.command} {self.path}")
            kept = {k: v for k, v in self.headers.items() if not k.lower().startswith("proxy-")}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection(host)
            connection.request(self.command, urlsplit(self.path).path, body, kept)
            answer = connection.getresponse()
            self.send_response(answer.status)
            content = answer.read()
            for name, text in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length"):
                    self.send_header(name, text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_POST = forward  # noqa: N815

        def do_CONNECT(self) -> None:
            assert self.headers["Proxy-Authorization"] == "Basic bWU6cEBzcw=="
            seen.append(f"CONNECT {self.path}")
            name, _, port = host.partition(":")
            with socket.create_connection((name, int(port))) as far:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pump, args=(far, self.connection))
                back.start()
                _pump(self.connection, far)
                back.join()
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://me:p%40ss@127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def test_a_plain_proxy_of_the_environment_sees_every_request(
    acquire: Acquire, server: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    with proxy(server.url, seen) as url:
        monkeypatch.setenv("http_proxy", url)
        acquire(MEDIUM, "http://hub.invalid:81")
    acquire.stored(MEDIUM)
    assert len(seen) == len(server.begun) > 2
    assert seen[0].startswith("POST http://hub.invalid:81/api/")
    assert all(line.startswith("GET http://hub.invalid:81/datasets/") for line in seen[1:])


def test_a_tunnel_through_a_proxy_to_a_server_with_a_private_certificate(
    acquire: Acquire, secure: LocalHub, certificate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    with proxy(secure.url, seen) as url:
        monkeypatch.setenv("https_proxy", url)
        acquire(MEDIUM, "https://hub.invalid")
        huggingface_hub.utils.close_session()  # ends the tunnels
    acquire.stored(MEDIUM)
    assert set(seen) == {"CONNECT hub.invalid:443"}
    assert {request.method for request in secure.begun} == {"POST", "GET"}


def test_no_proxy_means_none(
    acquire: Acquire, server: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    acquire(MEDIUM, server.url)
    acquire.stored(MEDIUM)


@pytest.mark.parametrize("name", [MEDIUM, SHARDS])
def test_a_certificate_is_believed_if_the_environment_says_so(
    acquire: Acquire,
    secure: LocalHub,
    certificate: Any,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of the two is listed first, the other's table is complete."""
    with pytest.raises(RemoteAccessError, match="certificate is not trusted"):
        acquire(name, secure.url)
    assert not secure.begun
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    huggingface_hub.utils.close_session()
    acquire(name, secure.url)
    acquire.stored(name)


def test_a_secure_server_may_not_lead_to_an_insecure_one(
    acquire: Acquire,
    server: LocalHub,
    secure: LocalHub,
    certificate: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    secure.redirect(".hdf5", f"{server.url}/else", times=None)
    with pytest.raises(TransferError, match="redirects to the insecure"):
        acquire(SHARDS, secure.url)
    acquire.assert_nothing(SHARDS)


def test_the_users_own_client_asks_and_downloads(acquire: Acquire, server: LocalHub) -> None:
    client: Any = type(huggingface_hub.utils.get_session())
    default = huggingface_hub.utils._http.default_client_factory
    huggingface_hub.set_client_factory(lambda: client(headers={"X-Lab": "ours"}))
    try:
        acquire(MEDIUM, server.url)
    finally:
        huggingface_hub.set_client_factory(default)
    acquire.stored(MEDIUM)
    assert {request.method for request in server.begun} == {"POST", "GET"}
    assert {request.headers.get("x-lab") for request in server.begun} == {"ours"}


# --- a server of files alone -----------------------------------------------------------------


@pytest.mark.parametrize("fallback", [True, False])
@pytest.mark.parametrize(("name", "origin"), [(SHARDS, "official"), (MEDIUM, "imported")])
def test_a_folder_behind_a_plain_file_server_is_enough(
    acquire: Acquire, make_hub: Any, tmp_path: Path, name: str, origin: str, fallback: bool
) -> None:
    """It knows no list, hash or range. What the catalog knows is official all the same."""
    put(tmp_path / "served", REPO_ID, REVISION, acquire.files.files)
    empty = make_hub({}, REPO_ID, revision=REVISION)
    with serving(tmp_path / "served") as url:
        acquire(name, *[empty.url][: int(fallback)], url)
    stored = acquire.stored(name)
    assert stored.manifest.origin == origin
    assert stored.manifest.complete == (name == miniature.SHARDS)
