"""One HTTP GET of a range of bytes: kept connections, redirects, a token that stays at home."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from vd4rl_data.download.transfer.connection import Origin, Route
from vd4rl_data.download.transfer.model import Endpoint, Policy
from vd4rl_data.download.transfer.outcome import (
    RefusedError,
    TransientError,
    raise_for_status,
    read_span,
    stated_identity,
)
from vd4rl_data.errors import RemoteAccessError, TransferError
from vd4rl_data.version import __version__

_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_DRAIN_BYTES: Final = 1 << 16
_URL_CHARACTERS: Final = "!#$%&'()*+,/:;=?@[]~"


class Answer:
    """A response whose body is about to be read.

    Attributes:
        start: the byte of the file that the body starts at.
        size: bytes of the whole file.
        ranged: the server gave the range that was asked for; else it sends the whole file.
        tag: strong entity tag, or ``None``.
        sha256: of the whole file as the server states it, or ``None``.
    """

    def __init__(self, response: http.client.HTTPResponse, first: int, sha256: str | None) -> None:
        """Read the headers."""
        span = read_span(response, first)
        self._response = response
        self.start, self.size, self.ranged = span.start, span.size, span.ranged
        self.tag, stated = stated_identity(response)
        self.sha256 = sha256 or stated

    def readinto(self, view: memoryview) -> int:
        """Fill ``view`` and return how much of it; the last part of the body may be less.

        Raises:
            TransientError: the connection was cut or fell silent.
        """
        try:
            count = self._response.readinto(view)
        except (OSError, http.client.HTTPException) as error:
            raise TransientError(_describe(error)) from error
        if count == 0:
            raise TransientError("the connection was cut")
        return count


@dataclass(frozen=True, slots=True)
class _Landing:
    """Where a URL led: the address that answers, and the SHA-256 that redirects stated."""

    url: str
    sha256: str | None = None
    at_home: bool = True


@dataclass(frozen=True, slots=True)
class _Line:
    """An open connection. The socket is kept too: a response may outlive its connection."""

    route: Route
    connection: http.client.HTTPConnection
    socket: socket.socket


class Client:
    """The connections of one thread; only :meth:`abort` may be called from another."""

    def __init__(self, policy: Policy) -> None:
        """Open nothing yet."""
        self._policy = policy
        self._lines: dict[Origin, _Line] = {}
        self._landings: dict[str, _Landing] = {}
        self._aborted = False

    @contextmanager
    def get(self, endpoint: Endpoint, url: str, first: int, last: int) -> Generator[Answer]:
        """Ask for bytes ``first`` to ``last`` (inclusive) and yield the answer.

        Where a URL leads is remembered for the next range of the same file.

        Raises:
            TransientError, RefusedError: see :mod:`~vd4rl_data.download.transfer.outcome`.
        """
        try:
            landing = self._landings.get(url, _Landing(url))
            response, landing = self._follow(endpoint, landing, (first, last))
            answer = self._read_headers(response, url, landing, first)
            self._landings = {url: landing}
            yield answer
        except BaseException:
            self._landings.clear()
            self.close()
            raise
        if not response.isclosed():
            self._forget(Origin.of(landing.url))

    def close(self) -> None:
        """Close every connection; the client may be used again."""
        for origin in list(self._lines):
            self._forget(origin)

    def abort(self) -> None:
        """Wake the thread that waits for this client: connections break off and none is opened."""
        self._aborted = True
        for line in list(self._lines.values()):
            with suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)

    def _read_headers(
        self, response: http.client.HTTPResponse, url: str, landing: _Landing, first: int
    ) -> Answer:
        raise_for_status(response, url, redirected=landing.url != url)
        try:
            return Answer(response, first, landing.sha256)
        except TransferError as error:
            raise RefusedError(error) from error

    def _follow(
        self, endpoint: Endpoint, landing: _Landing, span: tuple[int, int]
    ) -> tuple[http.client.HTTPResponse, _Landing]:
        """Send the request and follow redirects to the response that holds the bytes."""
        home = _origin(endpoint.url)
        for _ in range(_MOST_REDIRECTS + 1):
            origin = _origin(landing.url)
            if home.scheme == "https" and origin.scheme != "https":
                raise RefusedError(TransferError(f"{home} redirects to the insecure {origin}"))
            landing = replace(landing, at_home=landing.at_home and origin == home)
            token = endpoint.token if landing.at_home else None
            response = self._send(origin, landing.url, _headers(span, token))
            if response.status not in _MOVED:
                return response, landing
            location = quote(response.getheader("Location", ""), safe=_URL_CHARACTERS)
            landing = _Landing(
                urljoin(landing.url, location),
                stated_identity(response)[1] or landing.sha256,
                landing.at_home,
            )
            response.read(_DRAIN_BYTES)
            if not response.isclosed():
                self._forget(origin)
        raise RefusedError(
            TransferError(f"{landing.url}: more than {_MOST_REDIRECTS} redirects in a row")
        )

    def _send(self, origin: Origin, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """One exchange, its failures turned into outcomes."""
        kept = origin in self._lines
        try:
            try:
                return self._exchange(origin, url, headers)
            except ConnectionError:
                # A server may close a kept connection at any time; that is not a failure yet.
                if not kept:
                    raise
                self._forget(origin)
                return self._exchange(origin, url, headers)
        except ssl.SSLCertVerificationError as error:
            raise RefusedError(
                RemoteAccessError(f"{origin}: its certificate is not trusted: {error}")
            ) from error
        except TransferError as error:
            raise RefusedError(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise TransientError(_describe(error)) from error

    def _exchange(
        self, origin: Origin, url: str, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        if self._aborted:
            raise TransientError("aborted")
        line = self._lines.get(origin)
        if line is None or line.connection.sock is None:
            route = Route(origin, self._policy)
            connection = route.connect()
            line = self._lines[origin] = _Line(route, connection, connection.sock)
        target = line.route.request_target(urlsplit(url))
        line.connection.request("GET", target, headers=headers | line.route.headers())
        return line.connection.getresponse()

    def _forget(self, origin: Origin) -> None:
        line = self._lines.pop(origin, None)
        if line is not None:
            line.connection.close()


def _origin(url: str) -> Origin:
    try:
        return Origin.of(url)
    except TransferError as error:
        raise RefusedError(error) from error


def _headers(span: tuple[int, int], token: str | None) -> dict[str, str]:
    headers = {
        "Range": f"bytes={span[0]}-{span[1]}",
        "Accept-Encoding": "identity",
        "User-Agent": f"vd4rl-data/{__version__}",
    }
    return headers if token is None else headers | {"Authorization": f"Bearer {token}"}


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
