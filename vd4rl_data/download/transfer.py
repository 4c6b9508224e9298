"""One file: asked for range by range, from the server that works, until its SHA-256 is right."""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
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
"""Failures in a row after which another server is asked, if there is one."""
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


@dataclass(eq=False)
class Server:
    """An endpoint, and how it behaved lately; all threads of a download share it."""

    endpoint: Endpoint
    failures: int = 0
    ready_at: float = 0.0


class Budget:
    """Bytes that may be asked for and not on the disk yet: what a kill loses at most."""

    def __init__(self, size: int) -> None:
        """All of it is free."""
        self._free = size
        self._changed = threading.Condition()

    def take(self, count: int) -> None:
        """Wait until so many bytes are free, and take them."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= count)
            self._free -= count

    def give(self, count: int) -> None:
        """So many bytes are free again."""
        with self._changed:
            self._free += count
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Setup:
    """What all files of a download have in common.

    Attributes:
        servers: in the order of preference.
        address: of a file, from an endpoint's ``url`` and the file's ``path``.
        patience: with the servers.
        chunk: bytes to ask for at a time.
        budget: of all requests together.
        move: told how many bytes came, or are lost if negative, and which were not expected.
        stopped: set when the download ends early.
    """

    servers: Sequence[Server]
    address: Callable[[str, str], str]
    patience: Patience
    chunk: int
    budget: Budget
    move: Callable[..., object]
    stopped: threading.Event = field(default_factory=threading.Event)


class Transfer:
    """One file on its way; of one thread."""

    def __init__(self, setup: Setup, file: RemoteFile, part: Incomplete) -> None:
        """Ask nobody yet."""
        self._setup = setup
        self._file = file
        self._part = part
        self._size = file.size
        self._identity: tuple[int, str | None] | None = None
        self._stated: str | None = None
        self._landing: tuple[str, str | None] | None = None

    def run(self) -> RemoteFile:
        """Fetch it, whatever it takes, and give it its name; returns what is known of it now.

        Each server is asked in turn, those that work first; then, with all patience, those that
        were only busy.

        Raises:
            CorruptFileError, TransferError, NoSpaceError: as :func:`~.fetch.fetch`.
            ClosedError: the download was stopped.
        """
        left, failed = list(self._setup.servers), dict[Server, Vd4rlError]()
        rounds = [False, True] if len(left) > 1 else [True]
        for last in rounds:
            for server in sorted(left, key=lambda one: one.failures >= _CHANGES_AFTER):
                try:
                    return self._from(server, last=last)
                except BusyError as error:
                    where = self._setup.address(server.endpoint.url, self._file.path)
                    failed[server] = TransferError(
                        f"{where}: {error}. What arrived is kept: the same call goes on from there"
                    )
                except OfflineError:
                    raise
                except (TransferError, CorruptFileError) as error:
                    failed[server] = error
                    left.remove(server)
        raise next(iter(failed.values()))

    def _from(self, server: Server, *, last: bool) -> RemoteFile:
        """Fetch what is missing from one server.

        Raises:
            BusyError: it failed too often in a row, or wants to be left alone for too long.
            CorruptFileError, TransferError: it does not have the file.
        """
        setup, part = self._setup, self._part
        self._landing = self._stated = self._identity = None
        if self._file.sha256 is None:
            setup.move(-part.restart())  # another server's bytes may be of another file
        failures, tries = 0, 0
        while True:
            self._wait_for(server, setup.patience.longest_wait if last else 0.0)
            before = part.position
            try:
                if self._is_whole():
                    return self._finished()
                self._request(server)
                if part.position == before and not self._is_whole():
                    raise BusyError("not one byte came")
                failures = server.failures = 0
            except BusyError as error:
                failures = 1 if part.position > before else failures + 1
                self._be_patient(server, error, failures, last=last)
            except WrongContentError as error:
                tries += 1
                self._start_anew(error, tries)

    def _wait_for(self, server: Server, longest: float) -> None:
        """Keep the pause that a server asked for."""
        pause = server.ready_at - time.monotonic()
        if pause > longest:
            raise BusyError(f"asks to wait for {pause:,.0f} s; come back then")
        if pause > 0:
            self._setup.stopped.wait(pause)
        if self._setup.stopped.is_set():
            raise ClosedError

    def _be_patient(self, server: Server, error: BusyError, failures: int, *, last: bool) -> None:
        """Wait before the next try; raises a :class:`BusyError` after too many."""
        self._landing = None
        patience = self._setup.patience
        server.failures += 1
        if error.pause is not None:
            server.ready_at = max(server.ready_at, time.monotonic() + error.pause)
            _LOGGER.info("%s asks to wait for %.0f s", server.endpoint.url, error.pause)
        if server.failures == _CHANGES_AFTER and not last:
            _LOGGER.warning("%s does not deliver (%s); trying others", server.endpoint.url, error)
        if failures >= (patience.attempts if last else _CHANGES_AFTER):
            said = f"gave up after {failures} failures in a row, the last one: {error}"
            raise BusyError(said) from error
        dice = random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, no secret
        self._setup.stopped.wait(patience.delay(failures) * dice)

    def _start_anew(self, reason: WrongContentError, tries: int) -> None:
        """Throw wrong bytes away; the first may be of another time or server, the second not."""
        _LOGGER.warning("%s: %s", self._part.target, reason)
        self._setup.move(-self._part.restart())
        self._landing = self._stated = None
        if tries > 1:
            raise CorruptFileError(
                f"{self._part.target}: {reason}. The server has other or damaged bytes; what came "
                "was deleted. Try later, or another server"
            )

    def _is_whole(self) -> bool:
        """Whether as many bytes are here as there should be; raises if more are."""
        if self._size is not None and self._part.position > self._size:
            raise WrongContentError(f"expected {self._size} bytes, got more")
        return self._part.position == self._size

    def _request(self, server: Server) -> None:
        """Ask for the next bytes, and write what comes."""
        part, (url, token) = self._part, (server.endpoint.url, server.endpoint.token)
        redirected = self._landing is not None
        url, token = self._landing or (self._setup.address(url, self._file.path), token)
        self._landing = None
        left = self._setup.chunk if self._size is None else self._size - part.position
        count = min(left, self._setup.chunk)
        span = f"bytes={part.position}-{part.position + count - 1}"
        headers = {**headers_with(token), "Range": span, "Accept-Encoding": "identity"}
        self._setup.budget.take(count)
        try:
            with opened("GET", url, headers, self._setup.patience, redirected=redirected) as answer:
                surplus = part.position - self._adopt(answer)
                for pieces in _batches(url, answer, surplus):
                    came = part.append(pieces)
                    self._setup.move(came)
                    self._setup.budget.give(min(came, count))
                    count -= min(came, count)
                self._landing = _landing(answer, url, token)
        finally:
            self._setup.budget.give(count)

    def _adopt(self, response: Any) -> int:
        """Compare what the server says of the file with what is known; returns the first byte."""
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise TransferError(f"{response.url}: came encoded as {encoding[:40]!r}")
        file, where = self._file, self._part.target
        start, size = _span(response, self._part.position)
        stated = _stated_sha256(response)
        if file.size not in (None, size):
            raise CorruptFileError(f"{where}: expected {file.size} bytes, the server has {size}")
        if None not in (file.sha256, stated) and file.sha256 != stated:
            raise CorruptFileError(
                f"{where}: expected the SHA-256 {file.sha256}, the server states {stated}"
            )
        identity = (size, stated or response.headers.get("ETag"))
        if file.sha256 is None and self._identity not in (None, identity):
            self._identity = identity
            raise WrongContentError("it changed on the server while it was downloaded")
        if self._size is None:
            self._setup.move(expected=size)
        self._identity, self._size, self._stated = identity, size, stated or self._stated
        return start

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


class WrongContentError(Exception):
    """The bytes that came are not those of the file, and nobody knows which of them are wrong."""


def _batches(url: str, response: Any, surplus: int) -> Iterator[list[bytes]]:
    """Lists of pieces of the body as it comes, without so many bytes at its start."""
    pieces: list[bytes] = []
    try:
        with network_errors(url):
            for piece in response.iter_raw():
                fresh = piece[surplus:] if surplus else piece
                surplus -= len(piece) - len(fresh)
                pieces.append(fresh)
                if len(pieces) == _BATCH:
                    yield pieces
                    pieces = []
    except BusyError:
        yield pieces
        raise
    yield pieces


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
        tag = answer.headers.get("X-Linked-ETag")
        if not tag and "X-Repo-Commit" in answer.headers:
            tag = answer.headers.get("ETag")
        match = _SHA256.fullmatch(tag or "")
        if match is not None:
            return match[1]
    return None


def _landing(response: Any, url: str, token: str | None) -> tuple[str, str | None]:
    """Where the next range is asked for: where the redirects led, with the token if at home."""
    hops = [urlsplit(str(answer.url))[:2] for answer in (*response.history, response)]
    at_home = all(hop == urlsplit(url)[:2] for hop in hops)
    return str(response.url), token if at_home else None
