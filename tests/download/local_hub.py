"""A hub on this machine: one repository in memory, and a network that can be made to fail.

``hub.cut("a.bin", 700)`` and its like make it misbehave; ``hub.requests()`` says what was asked.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.publish.fake_hub import git_id


@dataclass
class Request:
    """As it came: the path decoded, header names in lower case; and what came of it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int = 0
    bytes_sent: int = 0
    seconds: float | None = None


@dataclass
class Response:
    """After a body shorter than ``Content-Length``, or with status 0, the connection is closed."""

    status: int
    headers: dict[str, Any] = field(default_factory=dict)
    body: Iterable[bytes] = ()


Handler = Callable[[Request], Response]
Action = Callable[[Request, Handler], Response]


class LocalHub:
    """One repository, whose ``files`` may change; ``begun`` has every request that came.

    Text is told apart from large files by its first zero byte, as by git.
    """

    def __init__(self, files: dict[str, bytes], repo_id: str = "lab/pixels", **options: Any):
        """Serve at once; with TLS if there is a ``context``, only to who brings the ``token``."""
        self.files, self.repo_id = dict(files), repo_id
        self.begun: list[Request] = []
        self.connections: list[socket.socket] = []
        self._revision, self._token = options.get("revision"), options.get("token")
        self._faults: list[tuple[str, Iterator[Action]]] = []
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), functools.partial(_Connection, self))
        # Little waits here to be sent, so that what was sent has left.
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        context: ssl.SSLContext | None = options.get("context")
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        place = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{place}" if context is None else f"https://{place}"
        target = self._server.serve_forever
        self._thread = threading.Thread(target=target, args=(0.02,), daemon=True)
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
        return self._revision or git_id(repr(content).encode())

    def file_url(self, path: str) -> str:
        """Where a file is."""
        return f"{self.url}/datasets/{self.repo_id}/resolve/main/{path}"

    def requests(self, path: str = "", method: str | None = None) -> list[Request]:
        """Requests whose path ends with ``path``; waits for those that are under way."""
        deadline = time.monotonic() + 10
        while any(one.seconds is None for one in self.begun) and time.monotonic() < deadline:
            time.sleep(0.002)
        found = (one for one in self.begun if one.path.endswith(path))
        return [one for one in found if method in (None, one.method)]

    def bytes_sent(self, path: str = "") -> int:
        """Bytes of all bodies sent for ``path``."""
        return sum(request.bytes_sent for request in self.requests(path, "GET"))

    # --- faults; ``path`` is the end of a request's path, ``times=None`` means for ever ---

    def add(self, path: str, action: Action, times: int | None = 1) -> None:
        """Any misbehavior; faults are tried in order."""
        actions = itertools.repeat(action, *([] if times is None else [times]))
        self._faults.append((path, actions))

    def mend(self) -> None:
        """Behave again."""
        self._faults.clear()

    def _alter(self, path: str, change: Callable[..., Iterable[bytes]], times: int | None) -> None:
        """Send something else than the body that was announced."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            response.body = change(b"".join(response.body), request)
            return response

        self.add(path, act, times)

    def cut(self, path: str, after: int, times: int | None = 1) -> None:
        """Close the connection after so many bytes of a body."""
        self._alter(path, lambda body, _: [body[:after]], times)

    def slow(self, path: str, piece: int, seconds: float, times: int | None = 1) -> None:
        """Send ``piece`` bytes every ``seconds``."""

        def paced(body: bytes, _: Request) -> Iterator[bytes]:
            for start in range(0, len(body), piece):
                yield body[start : start + piece]
                self._released.wait(seconds)

        self._alter(path, paced, times)

    def hang(self, path: str, after: int, times: int | None = 1) -> None:
        """Send so many bytes of the body, then nothing more, with the connection left open."""
        self.slow(path, after, 1e6, times)

    def corrupt(self, path: str, at: int = 0, times: int | None = 1) -> None:
        """Flip every bit of the file's byte ``at``, if it is in the part that is sent."""

        def flipped(body: bytes, request: Request) -> list[bytes]:
            place = at - _span(request.headers.get("range"), 1 << 60)[0]
            return [bytes(byte ^ 0xFF * (i == place) for i, byte in enumerate(body))]

        self._alter(path, flipped, times)

    def delay(self, path: str, seconds: float, times: int | None = 1) -> None:
        """Answer late."""
        self.add(path, lambda one, handler: (self._released.wait(seconds), handler(one))[1], times)

    def drop(self, path: str, times: int | None = 1) -> None:
        """Close the connection without an answer."""
        self.status(path, 0, times)

    def status(self, path: str, status: int, times: int | None = 1, **headers: str) -> None:
        """Answer with an error and no body."""
        self.add(path, lambda *_: Response(status, _named(headers)), times)

    def redirect(self, path: str, location: str, times: int | None = 1, status: int = 302) -> None:
        """Send the client elsewhere."""
        self.status(path, status, times, Location=location)

    def header(self, path: str, times: int | None = None, **changed: str | None) -> None:
        """Change headers, or take them away (``ETag=None``)."""

        def act(request: Request, handler: Handler) -> Response:
            response = handler(request)
            headers = response.headers | _named(changed)
            response.headers = {name: text for name, text in headers.items() if text is not None}
            return response

        self.add(path, act, times)

    def refuse_ranges(self, path: str, times: int | None = None) -> None:
        """Answer 200 with the whole file whatever range was asked for."""
        self.add(path, lambda one, handler: (one.headers.pop("range", 0), handler(one))[1], times)

    # --- the proper answers ---

    def answer(self, request: Request) -> Response:
        """What comes of a request."""
        self.begun.append(request)
        found = (next(one, None) for path, one in self._faults if request.path.endswith(path))
        action = next(filter(None, found), None)
        return self._proper(request) if action is None else action(request, self._proper)

    def _proper(self, request: Request) -> Response:
        if self._token and request.headers.get("authorization") != f"Bearer {self._token}":
            return Response(401, {"X-Error-Code": "Unauthorized"})
        base, _, rest = request.path.partition(f"/datasets/{self.repo_id}")
        what, _, rest = rest.removeprefix("/").partition("/")
        revision, _, path = rest.partition("/")
        if base not in ("", "/api") or self.repo_id not in request.path:
            return Response(404, {"X-Error-Code": "RepoNotFound"})
        if revision not in ("", "main", self.revision):
            return Response(404, {"X-Error-Code": "RevisionNotFound"})
        if (base, what) == ("", "resolve"):
            return self._file(request, path)
        found: Any = {"sha": self.revision, "siblings": [{"rfilename": p} for p in self.files]}
        if what == "paths-info":
            wanted = set(parse_qs(request.body.decode())["paths"])
            found = list(map(self._entry, sorted(wanted & self.files.keys())))
        return Response(200, {"Content-Type": "application/json"}, [json.dumps(found).encode()])

    def _entry(self, path: str) -> dict[str, Any]:
        size, tag = len(self.files[path]), _tag(self.files[path])
        entry = {"type": "file", "path": path, "size": size, "oid": tag[:40]}
        return entry | ({"lfs": {"oid": tag, "size": size}} if len(tag) == 64 else {})

    def _file(self, request: Request, path: str) -> Response:
        if path not in self.files:
            return Response(404, {"X-Error-Code": "EntryNotFound"})
        data, tag = self.files[path], f'"{_tag(self.files[path])}"'
        headers = {"ETag": tag, "X-Repo-Commit": self.revision, "Accept-Ranges": "bytes"}
        if len(tag) == 66:
            headers |= {"X-Linked-ETag": tag, "X-Linked-Size": str(len(data))}
        start, stop = _span(request.headers.get("range"), len(data))
        if start >= len(data) and "range" in request.headers:
            return Response(416, headers | {"Content-Range": f"bytes */{len(data)}"}, [b"<html>"])
        if "range" in request.headers:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        headers["Content-Length"] = str(stop - start)
        return Response(206 if "range" in request.headers else 200, headers, [data[start:stop]])


@functools.cache
def _tag(data: bytes) -> str:
    """What a hub calls a content: by SHA-256 if it is large, else as git does."""
    large = b"\0" in data[:8000]
    return hashlib.sha256(data).hexdigest() if large else git_id(data)


def _span(text: str | None, size: int) -> tuple[int, int]:
    if text is None:
        return 0, size
    first, _, last = text.removeprefix("bytes=").partition("-")
    return int(first), min(size, int(last) + 1) if last else size


def _named(headers: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): text for name, text in headers.items()}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that does not trust us, or was killed, hangs up."""


class _Connection(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, hub: LocalHub, connection: socket.socket, *rest: Any) -> None:
        self._hub = hub
        hub.connections.append(connection)
        super().__init__(connection, *rest)

    def exchange(self) -> None:
        begun = time.monotonic()
        headers = {name.lower(): text for name, text in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        request = Request(self.command, unquote(self.path.partition("?")[0]), headers, body)
        try:
            response = self._hub.answer(request)
            announced = self._send(request, response) if response.status else 1
        finally:
            request.seconds = time.monotonic() - begun
        self.close_connection = request.bytes_sent < announced

    do_GET = do_HEAD = do_POST = exchange  # noqa: N815

    def _send(self, request: Request, response: Response) -> int:
        """Returns how many bytes were announced."""
        body = response.body
        if "Content-Length" not in response.headers:
            body = [b"".join(body)]
            response.headers["Content-Length"] = str(len(body[0]))
        request.status = response.status
        self.send_response(response.status)
        for header in response.headers.items():
            self.send_header(*header)
        self.end_headers()
        for piece in body if self.command != "HEAD" else ():
            for start in range(0, len(piece), 65536):  # what a killed client got is counted
                request.bytes_sent += self.wfile.write(piece[start : start + 65536])
        return 0 if self.command == "HEAD" else int(response.headers["Content-Length"])

    def log_message(self, *_: Any) -> None:
        pass
