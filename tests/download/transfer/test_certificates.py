"""An encrypted server is believed if its certificate is, and never left for a plain one."""

from __future__ import annotations

import http.server
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.download.transfer.small_server import running
from vd4rl_data.download.transfer.connection import _tls_context as tls_context
from vd4rl_data.errors import RemoteAccessError, TransferError

SIZE = 9000


@pytest.fixture
def files(tools: Any) -> dict[str, bytes]:
    return {"a.bin": tools.content(1, SIZE)}


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
