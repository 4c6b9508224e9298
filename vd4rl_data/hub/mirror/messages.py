"""What goes in and out of the mirror: requests, responses, and the part of a file that is sent."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import parse_qs, unquote

_CHUNK: Final = 1 << 20
_RANGE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)
_AUTHORITY: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}", re.ASCII)


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    Attributes:
        method: ``GET``, ``HEAD`` or ``POST``.
        target: path and query as they came, still percent-encoded.
        headers: names in lower case.
        body: what came with a ``POST``.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, decoded, without the query."""
        return unquote(self._raw_path)

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path between slashes, each decoded after the split.

        So an encoded slash stays inside its part: ``refs%2Fpr%2F1`` is one revision.
        """
        return tuple(unquote(part) for part in self._raw_path.removeprefix("/").split("/"))

    @property
    def query(self) -> dict[str, str]:
        """The last value of each parameter of the query."""
        query = self.target.partition("#")[0].partition("?")[2]
        return {name: values[-1] for name, values in parse_qs(query).items()}

    @property
    def range(self) -> str | None:
        """The ``Range`` header."""
        return self.headers.get("range")

    @property
    def base_url(self) -> str | None:
        """How the client calls this server, if it says so in a sane way."""
        host = self.headers.get("host", "")
        if not _AUTHORITY.fullmatch(host):
            return None
        secure = self.headers.get("x-forwarded-proto") == "https"
        return f"{'https' if secure else 'http'}://{host}"

    @property
    def _raw_path(self) -> str:
        return self.target.partition("#")[0].partition("?")[0]


@dataclass(frozen=True)
class FileSlice:
    """Bytes ``start`` to ``stop`` (exclusive) of a file that must still be the one that was hashed.

    Attributes:
        location: the file, with every symbolic link resolved.
        size: bytes of the whole file.
        mtime_ns: when it was last written, in nanoseconds.
    """

    location: Path
    size: int
    mtime_ns: int
    start: int
    stop: int

    def __len__(self) -> int:
        """How many bytes are sent."""
        return self.stop - self.start

    def open(self) -> IO[bytes]:
        """Open the file, unbuffered, at ``start``.

        Raises:
            OSError: it is gone, was written, or is reached through a new symbolic link.
        """
        if os.path.realpath(self.location) != str(self.location):
            raise OSError(f"{self.location} leads elsewhere since it was listed")
        file = self.location.open("rb", buffering=0)
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size, self.mtime_ns):
            file.close()
            raise OSError(f"{self.location} was written since it was hashed")
        file.seek(self.start)
        return file

    def chunks(self, size: int = _CHUNK) -> Iterator[bytes]:
        """The bytes, in pieces of at most ``size``; for middleware that alters them."""
        remaining = len(self)
        with self.open() as file:
            while remaining and (chunk := file.read(min(size, remaining))):
                remaining -= len(chunk)
                yield chunk


@dataclass(frozen=True)
class Response:
    """One HTTP response.

    Attributes:
        body: bytes, a part of a file, or pieces. If they are not as many as ``Content-Length``
            says, the connection is closed after them.
    """

    status: int
    headers: dict[str, str]
    body: bytes | FileSlice | Iterable[bytes] = b""


Handler = Callable[[Request], Response]
"""Answers a request, or raises ``ConnectionError``: the connection is closed without an answer."""

Middleware = Callable[[Request, Handler], Response]
"""Stands before the handler: may answer itself, or alter what the handler answers."""


@dataclass(frozen=True)
class Exchange:
    """A request that was answered.

    Attributes:
        client: address of the client, without its port.
        path: the decoded path, without the query.
        range: the ``Range`` header.
        status: of the response; 0 when the connection was dropped without one.
        bytes_sent: of the body.
        seconds: from the request's last header to the response's last byte.
    """

    client: str
    method: str
    path: str
    range: str | None
    status: int
    bytes_sent: int
    seconds: float


def json_response(value: Any, status: int = 200, **headers: str) -> Response:
    """A response that holds ``value`` as JSON; underscores of header names become hyphens."""
    body = json.dumps(value).encode()
    return Response(
        status,
        {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(body)),
            **{name.replace("_", "-"): text for name, text in headers.items()},
        },
        body,
    )


def error_response(status: int, message: str, **headers: str) -> Response:
    """A response that says what went wrong, in the body and in ``X-Error-Message``."""
    return json_response({"error": message}, status, X_Error_Message=message, **headers)


class UnsatisfiableRangeError(ValueError):
    """A range holds no byte of the file; the answer is 416."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The part ``(start, stop)`` of ``size`` bytes that a ``Range`` header asks for.

    Returns:
        ``None`` for the whole file: no header, or anything but one well-formed range, which a
        server may ignore (RFC 9110, 14.2).

    Raises:
        UnsatisfiableRangeError: the range holds no byte of the file.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        raise UnsatisfiableRangeError(header)
    return start, stop
