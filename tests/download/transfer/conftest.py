"""What the tests of downloads share: contents, a patient but quick policy, processes to kill."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.download.forking import Child, Zygote
from vd4rl_data.download.transfer import Endpoint, FetchedFile, Policy, RemoteFile, fetch

CHUNK = 4096
QUICK = Policy(
    attempts=4,
    first_delay=0.01,
    longest_delay=0.05,
    longest_retry_after=5.0,
    connect_timeout=5.0,
    read_timeout=10.0,
)


def content(seed: int, size: int) -> bytes:
    """Random bytes that start with a zero, so that a hub takes them for binary and hashes them."""
    return (b"\0" + random.Random(seed).randbytes(size))[:size]


def remote(files: dict[str, bytes], *, size: bool = True, sha256: bool = True) -> list[RemoteFile]:
    return [
        RemoteFile(
            path,
            len(data) if size else None,
            hashlib.sha256(data).hexdigest() if sha256 else None,
        )
        for path, data in files.items()
    ]


def url_of(endpoint: str, file: RemoteFile) -> str:
    return f"{endpoint}/datasets/lab/pixels/resolve/main/{file.path}"


def get(
    files: list[RemoteFile], folder: Path, *urls: str, **options: Any
) -> tuple[FetchedFile, ...]:
    """``fetch`` with what the tests mostly want."""
    settings: dict[str, Any] = {"chunk_bytes": CHUNK, "progress": False, "policy": QUICK}
    endpoints = [Endpoint(url) for url in urls]
    return fetch(files, folder, endpoints, url_of, **(settings | options))


def assert_whole(folder: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        assert (folder / path).read_bytes() == data, path
    assert not list(folder.rglob("*.incomplete"))


def assert_nothing_wrong(folder: Path, files: dict[str, bytes]) -> None:
    """Whatever has a final name is whole."""
    for path, data in files.items():
        assert not (folder / path).exists() or (folder / path).read_bytes() == data, path


@pytest.fixture(scope="session")
def spawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Child]]:
    """Starts processes that run one ``fetch``: ``spawn(files, folder, url, **options)``."""
    script, outcomes = Path(__file__).with_name("zygote.py"), tmp_path_factory.mktemp("outcomes")
    with contextlib.closing(Zygote(script, outcomes)) as zygote:

        def start(files: list[RemoteFile], folder: Path, url: str, **options: Any) -> Child:
            return zygote.start(
                files=[[file.path, file.size, file.sha256] for file in files],
                folder=str(folder),
                url=url,
                options={"chunk_bytes": CHUNK, "progress": False} | options,
            )

        yield start


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Tools:
    """The helpers above: test modules cannot import a ``conftest``."""

    chunk = CHUNK
    policy = QUICK
    content = staticmethod(content)
    remote = staticmethod(remote)
    url_of = staticmethod(url_of)
    get = staticmethod(get)
    assert_whole = staticmethod(assert_whole)
    assert_nothing_wrong = staticmethod(assert_nothing_wrong)


@pytest.fixture
def tools() -> Tools:
    return Tools()
