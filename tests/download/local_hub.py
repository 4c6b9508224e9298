"""A hub on this machine: one repository in memory, and a network that can be made to fail.

It answers what our downloads and the Hub's own client ask to read. ``hub.cut("a.bin", 700)`` and
its like make it misbehave; ``hub.requests()`` says what was asked and how many bytes were sent.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

Handler = Callable[["Request"], "Response"]
Action = Callable[["Request", Handler], "Response"]


@dataclass
class Request:
    """As it came: the path decoded, header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Response:
    """If the body is shorter than ``Content-Length`` says, the connection is closed after it."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()


@dataclass
class Exchange:
    """A request that was answered; status 0: the connection was closed without one."""

    method: str
    path: str
    range: str | None
    status: int
    bytes_sent: int
    seconds: float


@dataclass
class Fault:
    """Does ``action`` instead of the proper answer, ``times`` times (``None``: always)."""

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


class LocalHub:
    """One repository; text is told apart from large files by its first zero byte, as by git.

    Attributes:
        files: content by path; may change while it runs.
        begun: every request, in the order in which they came.
    """

    def __init__(
        self,
        files: dict[str, bytes],
        repo_id: str = "lab/pixels",
        *,
        revision: str | None = None,
        token: str | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Serve at once; with TLS if there is a ``context``, only to who brings the ``token``."""
        self.files = dict(files)
        self.repo_id = repo_id
        self.begun: list[Request] = []
        self.connections: list[socket.socket] = []
        self._revision = revision
        self._token = token
        self._log: list[Exchange] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Hang up; may be called twice."""
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def revision(self) -> str:
        """The commit: the one given, or one that the content decides."""
        content = sorted((path, _tag(data)) for path, data in self.files.items())
        return self._revision or hashlib.sha1(repr(content).encode()).hexdigest()

    def file_url(self, path: str) -> str:
        """Where a file is."""
        return f"{self.url}/datasets/{self.repo_id}/resolve/main/{path}"

    def requests(self, path: str = "", method: str | None = None) -> list[Exchange]:
        """Requests whose path ends with ``path``; waits for those that are under way."""
        deadline = time.monotonic() + 10
        while len(self._log) < len(self.begun) and time.monotonic() < deadline:
            time.sleep(0.002)
        return [
            exchange
            for exchange in list(self._log)
            if exchange.path.endswith(path) and method in (None, exchange.method)
        ]

    def bytes_sent(self, path: str = "") -> int:
        """Bytes of all bodies sent for ``path``."""
        return sum(exchange.bytes_sent for exchange in self.requests(path, "GET"))

    # --- faults; ``path`` is the end of the path of a request, ``times=None`` means for ever ------

    def add(
        self,
        path: str,
        action: Action,
        times: int | None = 1,
        methods: tuple[str, ...] = ("GET",),
    ) -> None:
        """Any misbehavior; faults are tried in order."""
        with self._lock:
            self._faults.append(Fault(path, action, times, methods))

    def mend(self) -> None:
        """Behave again."""
        with self._lock:
            self._faults.clear()

    def alter(self, path: str, change: Callable[[bytes], Iterable[bytes]], times: Any = 1) -> None:
        """Send something else than the body that was announced."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            return Response(response.status, response.headers, change(b"".join(response.body)))

        self.add(path, act, times)

    def cut(self, path: str, after: int, times: int | None = 1) -> None:
        """Close the connection after so many bytes of a body."""
        self.alter(path, lambda body: [body[:after]], times)

    def slow(self, path: str, piece: int, seconds: float, times: int | None = 1) -> None:
        """Send ``piece`` bytes every ``seconds``."""

        def paced(body: bytes) -> Iterator[bytes]:
            for start in range(0, len(body), piece):
                yield body[start : start + piece]
                self._released.wait(seconds)

        self.alter(path, paced, times)

    def hang(self, path: str, after: int = 0, times: int | None = 1) -> None:
        """Send so many bytes of the body, then nothing more, with the connection left open."""

        def stalled(body: bytes) -> Iterator[bytes]:
            yield body[:after]
            self._released.wait()

        self.alter(path, stalled, times)

    def corrupt(self, path: str, at: int = 0, times: int | None = 1) -> None:
        """Flip every bit of the file's byte ``at``, if it is in the part that is sent."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            body = bytearray(b"".join(response.body))
            place = at - _span(request.headers.get("range"), 1 << 60)[0]
            if 0 <= place < len(body):
                body[place] ^= 0xFF
            return Response(response.status, response.headers, [bytes(body)])

        self.add(path, act, times)

    def delay(self, path: str, seconds: float, times: int | None = 1) -> None:
        """Answer late."""

        def act(request: Request, handler: Handler) -> Response:
            self._released.wait(seconds)
            return handler(request)

        self.add(path, act, times, ("GET", "POST"))

    def drop(self, path: str, times: int | None = 1) -> None:
        """Close the connection without an answer."""
        self.add(path, lambda *_: Response(0), times, ("GET", "POST"))

    def status(self, path: str, status: int, times: int | None = 1, **headers: str) -> None:
        """Answer with an error and no body."""
        answer = Response(status, _named(headers) | {"Content-Length": "0"})
        self.add(path, lambda *_: answer, times, ("GET", "HEAD", "POST"))

    def redirect(self, path: str, location: str, times: int | None = 1, status: int = 302) -> None:
        """Send the client elsewhere."""
        self.status(path, status, times, Location=location)

    def header(self, path: str, times: int | None = None, **changed: str | None) -> None:
        """Change headers (``ETag='"other"'``) or take them away (``ETag=None``)."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            headers = response.headers | _named(changed)
            kept = {name: text for name, text in headers.items() if text is not None}
            return Response(response.status, kept, response.body)

        self.add(path, act, times, ("GET", "HEAD"))

    def refuse_ranges(self, path: str, times: int | None = None) -> None:
        """Answer 200 with the whole file whatever range was asked for."""

        def act(request: Request, handler: Handler) -> Response:
            request.headers.pop("range", None)
            return handler(request)

        self.add(path, act, times)

    # --- the proper answers -----------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        """What comes of a request."""
        with self._lock:
            self.begun.append(request)
            fault = next((fault for fault in self._faults if fault.takes(request)), None)
        return self._proper(request) if fault is None else fault.action(request, self._proper)

    def note(self, request: Request, status: int, sent: int, seconds: float) -> None:
        """A request was answered."""
        text = request.headers.get("range")
        self._log.append(Exchange(request.method, request.path, text, status, sent, seconds))

    def _proper(self, request: Request) -> Response:
        if self._token and request.headers.get("authorization") != f"Bearer {self._token}":
            return _refusal(401, "Unauthorized")
        base, _, rest = request.path.partition(f"/datasets/{self.repo_id}")
        what, _, rest = rest.removeprefix("/").partition("/")
        revision, _, path = rest.partition("/")
        if base not in ("", "/api") or self.repo_id not in request.path:
            return _refusal(404, "RepoNotFound")
        if revision not in ("", "main", self.revision):
            return _refusal(404, "RevisionNotFound")
        if (base, what) == ("", "resolve"):
            return self._file(request, path)
        if what == "paths-info":
            paths = parse_qs(request.body.decode())["paths"]
            return _json([self._entry(path) for path in paths if path in self.files])
        siblings = [{"rfilename": path} for path in self.files]
        about = {"id": self.repo_id, "sha": self.revision, "private": False, "siblings": siblings}
        return _json(about)

    def _entry(self, path: str) -> dict[str, Any]:
        size, tag = len(self.files[path]), _tag(self.files[path])
        lfs = {"lfs": {"oid": tag, "size": size, "pointerSize": 130}} if len(tag) == 64 else {}
        return {"type": "file", "path": path, "size": size, "oid": tag[:40], **lfs}

    def _file(self, request: Request, path: str) -> Response:
        if path not in self.files:
            return _refusal(404, "EntryNotFound")
        data, tag = self.files[path], f'"{_tag(self.files[path])}"'
        headers = {"ETag": tag, "X-Repo-Commit": self.revision, "Accept-Ranges": "bytes"}
        if len(tag) == 66:
            headers |= {"X-Linked-ETag": tag, "X-Linked-Size": str(len(data))}
        start, stop = _span(request.headers.get("range"), len(data))
        if start >= len(data) and "range" in request.headers:
            return Response(416, headers | {"Content-Range": f"bytes */{len(data)}"})
        if "range" in request.headers:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        headers["Content-Length"] = str(stop - start)
        return Response(206 if "range" in request.headers else 200, headers, [data[start:stop]])


@functools.cache
def _tag(data: bytes) -> str:
    """What a hub calls a content: by SHA-256 if it is large, else as git does."""
    if b"\0" in data[:8000]:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()


def _span(text: str | None, size: int) -> tuple[int, int]:
    if text is None:
        return 0, size
    first, _, last = text.removeprefix("bytes=").partition("-")
    return int(first), min(size, int(last) + 1) if last else size


def _named(headers: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): text for name, text in headers.items()}


def _json(content: Any) -> Response:
    return Response(200, {"Content-Type": "application/json"}, [json.dumps(content).encode()])


def _refusal(status: int, code: str) -> Response:
    return Response(status, {"X-Error-Code": code, "Content-Length": "0"})


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that does not trust us, or was killed, hangs up."""


def _handler(hub: LocalHub) -> type[http.server.BaseHTTPRequestHandler]:
    class Connection(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            hub.connections.append(self.connection)

        def exchange(self) -> None:
            begun = time.monotonic()
            headers = {name.lower(): text for name, text in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            request = Request(self.command, unquote(self.path.partition("?")[0]), headers, body)
            response, sent = hub.answer(request), 0
            try:
                sent = self._send(response)
            finally:
                hub.note(request, response.status, self._sent, time.monotonic() - begun)
            self.close_connection = not response.status or sent < self._announced

        do_GET = do_HEAD = do_POST = exchange  # noqa: N815

        def _send(self, response: Response) -> int:
            self._sent = self._announced = 0
            if not response.status:
                return 0
            body = response.body if self.command != "HEAD" else ()
            if "Content-Length" not in response.headers:
                body = [b"".join(response.body)]
                response.headers["Content-Length"] = str(len(body[0]))
            self._announced = int(response.headers["Content-Length"]) if body else 0
            self.send_response(response.status)
            for name, text in response.headers.items():
                self.send_header(name, text)
            self.end_headers()
            for piece in body:
                for start in range(0, len(piece), 65536):  # what a killed client got is counted
                    self._sent += self.wfile.write(piece[start : start + 65536])
            return self._sent

        def log_message(self, *_: Any) -> None:
            pass

    return Connection
