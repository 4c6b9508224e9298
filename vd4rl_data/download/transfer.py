"""One file: asked for range by range, from the server that works, until its SHA-256 is right."""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from vd4rl_data.download.client import (
    BusyError,
    Endpoint,
    Patience,
    headers_with,
    network_errors,
    opened,
)
from vd4rl_data.download.incomplete import ClosedError, Incomplete
from vd4rl_data.errors import CorruptFileError, OfflineError, TransferError, Vd4rlError

HashFrom = Literal["catalog", "server", "sidecar", "first use"]

_LOGGER: Final = logging.getLogger("vd4rl_data")
_BATCH: Final = 16
"""Pieces of a body that are written at a time: of a fast server's, a megabyte."""
_CHANGES_AFTER: Final = 2
"""Failures in a row after which another server is preferred."""
_KEPT: Final = "What arrived is kept: the same call goes on from there"
_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18})", re.ASCII)
_SHA256: Final = re.compile(r'"?([0-9a-f]{64})"?')


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository.

    Attributes:
        path: in the repository, and below the folder that it is fetched into.
        size: bytes; ``None`` if only the server knows.
        sha256: 64 lower-case hexadecimal digits; ``None`` if nobody said.
        hash_from: who named the hash; ``first use``: nobody before the file first came.
    """

    path: str
    size: int | None = None
    sha256: str | None = None
    hash_from: HashFrom = "first use"


class Server:
    """An endpoint, and how it behaved lately; all threads of a download share it."""

    def __init__(self, endpoint: Endpoint) -> None:
        """One that has not failed yet."""
        self.endpoint = endpoint
        self.failures = 0
        self.ready_at = 0.0

    def failed(self, error: BusyError, others: bool) -> None:
        """Nothing came from it."""
        self.failures += 1
        if error.pause is not None:
            self.ready_at = max(self.ready_at, time.monotonic() + error.pause)
            _LOGGER.info("%s asks to wait for %.0f s", self.endpoint.url, error.pause)
        if others and self.failures == _CHANGES_AFTER:
            _LOGGER.warning("%s does not deliver (%s); trying others", self.endpoint.url, error)


@dataclass(frozen=True, slots=True)
class Setup:
    """What all files of a download have in common.

    Attributes:
        servers: in the order of preference.
        address: of a file, from an endpoint's ``url`` and the file's ``path``.
        patience: with the servers.
        chunk: bytes to ask for at a time.
        stopped: set when the download ends early.
        count: told how many bytes came, or are lost if negative.
        expect: told a size that was not known before.
    """

    servers: Sequence[Server]
    address: Callable[[str, str], str]
    patience: Patience
    chunk: int
    stopped: threading.Event
    count: Callable[[int], None]
    expect: Callable[[int], None]


class Transfer:
    """One file on its way; of one thread."""

    def __init__(self, setup: Setup, file: RemoteFile, part: Incomplete) -> None:
        """Ask nobody yet."""
        self._setup = setup
        self._file = file
        self._part = part
        self._size = file.size
        self._stated: str | None = None
        self._identity: tuple[int, str] | None = None
        self._landing: tuple[str, str | None] | None = None
        self._givers: set[Server] = set()
        self._refused: dict[Server, Vd4rlError] = {}
        self._tries = 1

    def run(self) -> RemoteFile:
        """Fetch it, whatever it takes, and give it its name; returns what is known of it now.

        Raises:
            CorruptFileError, TransferError, NoSpaceError: as :func:`~.fetch.fetch`.
            ClosedError: the download was stopped.
        """
        failures = 0
        while True:
            server, before = self._server(), self._part.position
            try:
                if self._is_whole():
                    return self._finished()
                self._request(server)
                if self._part.position == before and not self._is_whole():
                    raise BusyError("not one byte came")
                failures = server.failures = 0
            except BusyError as error:
                failures = 1 if self._part.position > before else failures + 1
                self._be_patient(server, error, failures)
            except WrongContentError as error:
                self._start_anew(error)
            except OfflineError:
                raise
            except (TransferError, CorruptFileError) as error:
                self._landing = None
                self._refused[server] = error

    def _is_whole(self) -> bool:
        """Whether as many bytes are here as there should be.

        Raises:
            WrongContentError: more are.
        """
        if self._size is not None and self._part.position > self._size:
            raise WrongContentError(f"expected {self._size} bytes, got more")
        return self._part.position == self._size

    def _server(self) -> Server:
        """The server to ask now, after the pause that it wants: the first that works."""
        while True:
            self._check_stop()
            left = [server for server in self._setup.servers if server not in self._refused]
            if not left:
                raise next(iter(self._refused.values()))
            now = time.monotonic()
            server = min(left, key=lambda one: (one.failures // _CHANGES_AFTER, one.ready_at > now))
            pause = server.ready_at - now
            if pause <= 0:
                return server
            if pause > self._setup.patience.longest_wait:
                url = server.endpoint.url
                raise TransferError(
                    f"{url} asks to wait for {pause:,.0f} s; come back then. {_KEPT}"
                )
            self._setup.stopped.wait(pause)

    def _request(self, server: Server) -> None:
        """Ask for the next bytes, and write what comes."""
        part, endpoint = self._part, server.endpoint
        url, token = self._landing or (
            self._setup.address(endpoint.url, self._file.path),
            endpoint.token,
        )
        span = f"bytes={part.position}-{part.position + self._setup.chunk - 1}"
        headers = {**headers_with(token), "Range": span, "Accept-Encoding": "identity"}
        redirected, self._landing = self._landing is not None, None
        with opened("GET", url, headers, self._setup.patience, redirected=redirected) as response:
            start = self._adopt(response)
            self._givers.add(server)
            self._copy(url, response, part.position - start)
            self._landing = _landing(response, url, token)

    def _adopt(self, response: Any) -> int:
        """Compare what the server says of the file with what is known; returns the first byte."""
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise TransferError(f"{response.url}: came encoded as {encoding[:40]!r}")
        file, (start, size) = self._file, _span(response, self._part.position)
        stated = _stated_sha256(response)
        if file.size not in (None, size):
            raise CorruptFileError(
                f"{self._where}: expected {file.size} bytes, the server has {size}"
            )
        if None not in (file.sha256, stated) and file.sha256 != stated:
            raise CorruptFileError(
                f"{self._where}: expected the SHA-256 {file.sha256}, the server states {stated}"
            )
        if file.sha256 is None:
            identity = (size, stated or response.headers.get("ETag", ""))
            if self._identity not in (None, identity) and self._part.position:
                raise WrongContentError("it changed on the server while it was downloaded")
            self._identity = identity
        if self._size is None:
            self._setup.expect(size)
        self._size, self._stated = size, stated or self._stated
        return start

    def _copy(self, url: str, response: Any, surplus: int) -> None:
        """Write the body, without so many bytes at its start, which are here already."""
        pieces: list[bytes] = []
        try:
            for piece in _pieces(url, response):
                fresh = piece[surplus:] if surplus else piece
                surplus = max(0, surplus - len(piece))
                if fresh:
                    pieces.append(fresh)
                if len(pieces) == _BATCH:
                    self._write(pieces)
        finally:
            self._write(pieces)

    def _write(self, pieces: list[bytes]) -> None:
        self._setup.count(self._part.append(pieces))
        pieces.clear()

    def _finished(self) -> RemoteFile:
        """Check the complete file and give it its name."""
        sha256, file = self._part.sha256, self._file
        expected = file.sha256 or self._stated
        if expected not in (None, sha256):
            raise WrongContentError(f"expected the SHA-256 {expected}, got {sha256}")
        hash_from = file.hash_from
        if file.sha256 is None:
            hash_from = "first use" if self._stated is None else "server"
        self._part.finish()
        return replace(file, size=self._part.position, sha256=sha256, hash_from=hash_from)

    def _start_anew(self, reason: WrongContentError) -> None:
        """Throw wrong bytes away; the server that gave all of them is not asked again.

        Raises:
            CorruptFileError: every server had its turn, or the only one had two.
        """
        error = CorruptFileError(
            f"{self._where}: {reason}. The server has other or damaged bytes; what came was "
            "deleted. Try later, or another server"
        )
        if self._tries > len(self._setup.servers):
            raise error
        self._tries += 1
        if len(self._givers) == 1 and len(self._refused) + 1 < len(self._setup.servers):
            self._refused[next(iter(self._givers))] = error
        _LOGGER.warning("%s: %s; fetching it again", self._where, reason)
        self._setup.count(-self._part.restart())
        self._givers, self._stated, self._landing = set(), None, None

    def _be_patient(self, server: Server, error: BusyError, failures: int) -> None:
        """Wait before the next try, unless another server, one that works, is asked next.

        Raises:
            TransferError: there were too many failures in a row.
        """
        self._landing = None
        servers, patience = self._setup.servers, self._setup.patience
        server.failed(error, others=len(servers) > 1)
        if failures >= patience.attempts * len(servers):
            raise TransferError(
                f"{self._setup.address(server.endpoint.url, self._file.path)}: gave up after "
                f"{failures} failures in a row, the last one: {error}. {_KEPT}"
            ) from error
        others = (one for one in servers if one is not server and one not in self._refused)
        if server.failures < _CHANGES_AFTER or not any(not one.failures for one in others):
            dice = random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, no secret
            self._setup.stopped.wait(patience.delay(failures) * dice)

    def _check_stop(self) -> None:
        if self._setup.stopped.is_set():
            raise ClosedError

    @property
    def _where(self) -> str:
        return str(self._part.target)


class WrongContentError(Exception):
    """The bytes that came are not those of the file, and nobody knows which of them are wrong."""


def _pieces(url: str, response: Any) -> Iterator[bytes]:
    """The body as it comes."""
    with network_errors(url):
        yield from response.iter_raw()


def _span(response: Any, position: int) -> tuple[int, int]:
    """The first byte that the body holds, and how many the whole file has.

    Raises:
        BusyError: the headers contradict the request or each other.
        TransferError: the server does not say how large the file is.
    """
    if response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or len(length) > 18:
            raise TransferError(f"{response.url}: the server does not state the size of the file")
        return 0, int(length)
    text = response.headers.get("Content-Range", "")
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None:
        raise BusyError(f"status {response.status_code} without a valid Content-Range")
    size = int(match[3])
    if response.status_code == 416 and size <= position:
        return position, size
    if match[1] is None or int(match[1]) != position or int(match[2]) >= size:
        raise BusyError(f"asked for bytes from {position} on, got {text!r}")
    return position, size


def _stated_sha256(response: Any) -> str | None:
    """The SHA-256 of the whole file, where the server states it.

    A hub states that of a large file as ``X-Linked-ETag``, also where it redirects, or as the
    entity tag of an answer that names the commit.
    """
    for answer in (*response.history, response):
        headers = answer.headers
        tag = headers.get("X-Linked-ETag") or (
            headers.get("ETag", "") if "X-Repo-Commit" in headers else ""
        )
        match = _SHA256.fullmatch(tag)
        if match is not None:
            return match[1]
    return None


def _landing(response: Any, url: str, token: str | None) -> tuple[str, str | None]:
    """Where the next range is asked for: where the redirects led, with the token if at home."""
    hops = [urlsplit(str(answer.url))[:2] for answer in (*response.history, response)]
    at_home = all(hop == urlsplit(url)[:2] for hop in hops)
    return str(response.url), token if at_home else None
