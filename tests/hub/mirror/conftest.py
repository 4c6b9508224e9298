"""The hub's real client, told to keep to itself; and requests that it would never send."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

# Read once, when huggingface_hub is imported.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

FILES = {
    "README.md": b"# Pixels\n",
    "empty.txt": b"",
    "train/00.bin": bytes(range(256)) * 700,
    "train/deep/name with ü #?%25.bin": b"\0weird name",
    "validation/00.bin": b"\0" + b"validation" * 100,
}


@pytest.fixture
def mirror(make_mirror: Any) -> Any:
    """A mirror of :data:`FILES`."""
    return make_mirror(FILES)


@pytest.fixture
def files() -> dict[str, bytes]:
    """What :func:`mirror` serves."""
    return FILES


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The real client; it asks nothing but the endpoint it is given."""
    import huggingface_hub
    import huggingface_hub.constants
    import huggingface_hub.errors

    for name in ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_XET"):
        monkeypatch.setattr(huggingface_hub.constants, name, True)
    return huggingface_hub


@pytest.fixture
def client(hub: Any, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Arguments that send the real client to a mirror, with a cache of its own."""

    def arguments(mirror: Any, cache: str = "cache", **others: Any) -> dict[str, Any]:
        return {
            "repo_id": mirror.repo_id,
            "repo_type": "dataset",
            "endpoint": mirror.url,
            "cache_dir": tmp_path / cache,
            "token": False,
            **others,
        }

    return arguments


@pytest.fixture
def ask() -> Callable[..., tuple[int, dict[str, str], bytes]]:
    """One request on a connection of its own: status, headers, body."""

    def request(
        mirror: Any, target: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        address = urlsplit(mirror.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, text in headers.items():
                connection.putheader(name.replace("_", "-"), text)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    return request


@pytest.fixture
def raw() -> Callable[[Any, bytes], bytes]:
    """Send bytes as they are; return all that comes back until the mirror ends the connection."""

    def exchange(mirror: Any, data: bytes) -> bytes:
        address = urlsplit(mirror.url)
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            connection.sendall(data)
            answer = b""
            while piece := connection.recv(1 << 16):
                answer += piece
            return answer

    return exchange


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder to mirror, with one repository."""
    folder = tmp_path / "mirror" / "datasets" / "lab" / "pixels"
    (folder / "train").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "train" / "b.bin").write_bytes(b"\0b")
    return tmp_path / "mirror"


@pytest.fixture
def pixels(root: Path) -> Path:
    """That repository."""
    return root / "datasets" / "lab" / "pixels"
