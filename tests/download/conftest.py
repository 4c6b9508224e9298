"""A real mirror on the loopback interface whose network can be made to fail.

``make_mirror({"a.bin": b"…"})`` starts one; ``mirror.faults`` makes it misbehave for one file;
``mirror.requests()`` says what was asked and how many bytes were sent.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from vd4rl_data.hub.mirror import Exchange, FileSlice, Handler, MirrorServer, Request, Response

REPO_ID = "lab/pixels"
Action = Callable[[Request, Handler], Response]


@dataclass
class Fault:
    """Does ``action`` instead of the mirror's own answer, ``times`` times (``None``: always)."""

    path: str
    action: Action
    times: int | None
    methods: tuple[str, ...]

    def takes(self, request: Request) -> bool:
        if request.method not in self.methods or not request.path.endswith(self.path):
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class Faults:
    """Middleware of a mirror. ``path`` is the end of the URL's path; faults are tried in order.

    ``times`` counts matching requests; ``None`` means for ever. By default only ``GET`` requests
    of files are touched; ``methods=("GET", "HEAD")`` widens that.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._released = threading.Event()

    def __call__(self, request: Request, handler: Handler) -> Response:
        with self._lock:
            fault = next((fault for fault in self._faults if fault.takes(request)), None)
        return handler(request) if fault is None else fault.action(request, handler)

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._faults.clear()

    def release(self) -> None:
        """End every delay and hang; called when the mirror stops."""
        self._released.set()

    def add(
        self,
        path: str,
        action: Action,
        times: int | None = 1,
        methods: tuple[str, ...] = ("GET",),
    ) -> None:
        """Any misbehavior: ``action`` gets the request and the handler that would answer it."""
        with self._lock:
            self._faults.append(Fault(path, action, times, methods))

    def cut(self, path: str, after: int, times: int | None = 1) -> None:
        """Close the connection after ``after`` bytes of a body announced as longer."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            return replace(response, body=_first(after, pieces(response)))

        self.add(path, act, times)

    def corrupt(self, path: str, at: int = 0, times: int | None = 1) -> None:
        """Flip every bit of the file's byte ``at``, if it is in the part that is sent."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            start = response.body.start if isinstance(response.body, FileSlice) else 0
            return replace(response, body=_flipped(at - start, pieces(response)))

        self.add(path, act, times)

    def longer(self, path: str, extra: bytes, times: int | None = 1) -> None:
        """Announce and send more bytes than the file has."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            total = int(response.headers["Content-Length"]) + len(extra)
            headers = {**response.headers, "Content-Length": str(total)}
            return Response(response.status, headers, itertools.chain(pieces(response), [extra]))

        self.add(path, act, times)

    def status(
        self,
        path: str,
        status: int,
        times: int | None = 1,
        retry_after: str | None = None,
        methods: tuple[str, ...] = ("GET",),
    ) -> None:
        """Answer with an error, and perhaps a ``Retry-After`` header."""
        headers = {"Content-Length": "0"}
        if retry_after is not None:
            headers["Retry-After"] = retry_after
        self.add(path, lambda *_: Response(status, dict(headers)), times, methods)

    def redirect(self, path: str, location: str, times: int | None = 1, status: int = 302) -> None:
        """Send the client elsewhere."""
        headers = {"Location": location, "Content-Length": "0"}
        self.add(path, lambda *_: Response(status, dict(headers)), times, ("GET", "HEAD"))

    def refuse_ranges(self, path: str, times: int | None = None) -> None:
        """Answer 200 with the whole file whatever range was asked for."""

        def act(request: Request, handler: Handler) -> Response:
            others = {name: text for name, text in request.headers.items() if name != "range"}
            return handler(replace(request, headers=others))

        self.add(path, act, times)

    def header(self, path: str, times: int | None = None, **changed: str | None) -> None:
        """Change headers (``ETag='"other"'``) or take them away (``ETag=None``)."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            headers = {**response.headers, **{k.replace("_", "-"): v for k, v in changed.items()}}
            return replace(response, headers={k: v for k, v in headers.items() if v is not None})

        self.add(path, act, times, ("GET", "HEAD"))

    def drop(self, path: str, times: int | None = 1, methods: tuple[str, ...] = ("GET",)) -> None:
        """Close the connection without an answer."""

        def act(*_: Any) -> Response:
            raise ConnectionAbortedError

        self.add(path, act, times, methods)

    def delay(self, path: str, seconds: float, times: int | None = 1) -> None:
        """Answer late."""

        def act(request: Request, handler: Handler) -> Response:
            self._released.wait(seconds)
            return handler(request)

        self.add(path, act, times)

    def hang(self, path: str, after: int = 0, times: int | None = 1) -> None:
        """Send ``after`` bytes of the body, then nothing more, with the connection left open."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            return replace(response, body=self._stalled(after, pieces(response)))

        self.add(path, act, times)

    def slow(self, path: str, piece: int, seconds: float, times: int | None = 1) -> None:
        """Send ``piece`` bytes every ``seconds``."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            return replace(response, body=self._paced(pieces(response, piece), seconds))

        self.add(path, act, times)

    def _stalled(self, after: int, body: Iterator[bytes]) -> Iterator[bytes]:
        yield from _first(after, body)
        self._released.wait()

    def _paced(self, body: Iterator[bytes], seconds: float) -> Iterator[bytes]:
        for chunk in body:
            yield chunk
            self._released.wait(seconds)


def pieces(response: Response, size: int = 1 << 16) -> Iterator[bytes]:
    """A response's body, piece by piece."""
    if isinstance(response.body, FileSlice):
        return response.body.chunks(size)
    return iter([response.body]) if isinstance(response.body, bytes) else iter(response.body)


def _first(count: int, body: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in body:
        yield chunk[:count]
        count -= len(chunk[:count])
        if not count:
            return


def _flipped(at: int, body: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in body:
        if 0 <= at < len(chunk):
            yield chunk[:at] + bytes([chunk[at] ^ 0xFF]) + chunk[at + 1 :]
        else:
            yield chunk
        at -= len(chunk)


@dataclass
class Mirror:
    """A running mirror of one repository, with what a test wants to know of it.

    Attributes:
        folder: where the repository's files are.
        faults: makes it misbehave.
    """

    server: MirrorServer
    folder: Path
    repo_id: str
    faults: Faults
    log: list[Exchange] = field(default_factory=list)
    begun: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The endpoint, without a slash at its end."""
        return self.server.url

    def file_url(self, path: str, revision: str = "main") -> str:
        """Where a file is."""
        return f"{self.url}/datasets/{self.repo_id}/resolve/{revision}/{path}"

    def requests(self, path: str = "", method: str | None = None) -> list[Exchange]:
        """Requests whose path ends with ``path``, in the order in which they ended.

        The server notes a request after its last byte, so the client may be done a moment before:
        this waits for those that are under way.
        """
        deadline = time.monotonic() + 10
        while len(self.log) < len(self.begun) and time.monotonic() < deadline:
            time.sleep(0.002)
        return [
            exchange
            for exchange in list(self.log)
            if exchange.path.endswith(path) and method in (None, exchange.method)
        ]

    def bytes_sent(self, path: str = "") -> int:
        """Bytes of all bodies sent for ``path``."""
        return sum(exchange.bytes_sent for exchange in self.requests(path))


class MakeMirror(Protocol):
    """The type of the fixture :func:`make_mirror`."""

    def __call__(self, files: dict[str, bytes], repo_id: str = ..., **options: Any) -> Mirror: ...


@pytest.fixture(autouse=True)
def client_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> None:
    """No token, cache or setting of the person who runs the tests, or of a test before."""
    from huggingface_hub import constants

    folder = tmp_path_factory.mktemp("hf_home")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
    for name in ("OFFLINE", "CACHE"):
        monkeypatch.delenv(f"HF_HUB_{name}", raising=False)
    for name in ("HF_TOKEN", "HF_ENDPOINT", "VD4RL_ENDPOINTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeMirror]:
    """Start mirrors: ``make_mirror(files, repo_id="lab/pixels", **options_of_MirrorServer)``."""
    mirrors: list[Mirror] = []

    def make(files: dict[str, bytes], repo_id: str = REPO_ID, **options: Any) -> Mirror:
        root = tmp_path_factory.mktemp("mirror")
        folder = root / "datasets" / repo_id
        folder.mkdir(parents=True)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        faults = Faults()
        log: list[Exchange] = []
        begun: list[Request] = []

        def middleware(request: Request, handler: Handler) -> Response:
            begun.append(request)
            return faults(request, handler)

        server = MirrorServer(root, middleware=middleware, on_exchange=log.append, **options)
        mirrors.append(Mirror(server.start(), folder, repo_id, faults, log, begun))
        return mirrors[-1]

    yield make
    for mirror in mirrors:
        mirror.faults.release()
        mirror.server.stop()
