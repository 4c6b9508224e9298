"""What the tests of downloads share: hubs on this machine, no settings of the tester."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.download.local_hub import LocalHub
from vd4rl_data.download.client import Endpoint, Patience, file_address
from vd4rl_data.download.fetch import fetch
from vd4rl_data.download.transfer import RemoteFile

MakeHub = Callable[..., LocalHub]


@pytest.fixture(autouse=True)
def client_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> Iterator[None]:
    """No token, cache, proxy or setting of the person who runs the tests, or of a test before."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    folder: Path = tmp_path_factory.mktemp("hf_home")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
    for name in ("HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_TOKEN", "HF_ENDPOINT", "VD4RL_ENDPOINTS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    close_session()
    yield
    close_session()


@pytest.fixture
def make_hub() -> Iterator[MakeHub]:
    """Start hubs: ``make_hub(files, repo_id, **options_of_LocalHub)``."""
    hubs: list[LocalHub] = []

    def make(*arguments: Any, **options: Any) -> LocalHub:
        hubs.append(LocalHub(*arguments, **options))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.stop()


QUICK = Patience(attempts=4, first_delay=0.01, longest_delay=0.05, longest_wait=5.0, silence=10.0)
SIZE = 20_000
IN_FLIGHT = 16_384


def content(seed: int, size: int = SIZE) -> bytes:
    """Random bytes that start with a zero, so that a hub takes them for a large file."""
    return (b"\0" + random.Random(seed).randbytes(size))[:size]


def remote(files: dict[str, bytes], *, size: bool = True, sha256: bool = True) -> list[RemoteFile]:
    """What to ask for, with or without what is known of it."""
    return [
        RemoteFile(
            path,
            len(data) if size else None,
            hashlib.sha256(data).hexdigest() if sha256 else None,
        )
        for path, data in files.items()
    ]


def address(url: str, path: str) -> str:
    """Where a :class:`LocalHub` has a file."""
    return file_address(url, "lab/pixels", "main", path)


def get(
    files: list[RemoteFile], folder: Path, *endpoints: str | Endpoint, **options: Any
) -> tuple[RemoteFile, ...]:
    """``fetch`` with what the tests mostly want."""
    servers = [Endpoint(one) if isinstance(one, str) else one for one in endpoints]
    settings: dict[str, Any] = {"progress": False, "patience": QUICK, "in_flight": IN_FLIGHT}
    return fetch(files, folder, servers, address, **(settings | options))


def assert_whole(folder: Path, files: dict[str, bytes]) -> None:
    """All of them are there, and nothing is on its way."""
    for path, data in files.items():
        assert (folder / path).read_bytes() == data, path
    assert not list(folder.rglob("*.incomplete"))


@pytest.fixture
def files() -> dict[str, bytes]:
    """Two large files."""
    return {"a.bin": content(1), "d/b.bin": content(2)}
