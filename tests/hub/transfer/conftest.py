"""What the tests of downloads share: contents, a patient but quick policy, processes to kill."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.hub.transfer import Endpoint, FetchedFile, Policy, RemoteFile, fetch

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


@dataclass
class Child:
    """A forked process that runs one ``fetch``."""

    pid: int
    outcome_path: Path

    def wait(self, seconds: float = 60.0) -> dict[str, Any]:
        """What came of it: ``{"ok": [...]}`` or ``{"error": "Type: message"}``."""
        deadline = time.monotonic() + seconds
        while not self.outcome_path.exists():
            assert time.monotonic() < deadline, "the process does not end"
            time.sleep(0.005)
        return dict(json.loads(self.outcome_path.read_text()))

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        os.kill(self.pid, 9)
        while True:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.001)


class Zygote:
    """A process that has imported everything and forks: a child costs milliseconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )

    def start(self, files: list[RemoteFile], folder: Path, url: str, **options: Any) -> Child:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._count += 1
        outcome = self._folder / f"outcome{self._count}.json"
        job = {
            "files": [[file.path, file.size, file.sha256] for file in files],
            "folder": str(folder),
            "url": url,
            "outcome": str(outcome),
            "options": {"chunk_bytes": CHUNK, "progress": False} | options,
        }
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return Child(int(self._process.stdout.readline()), outcome)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    process = Zygote(tmp_path_factory.mktemp("outcomes"))
    yield process
    process.close()


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
