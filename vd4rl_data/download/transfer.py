"""One file: asked for from the server that works, until its SHA-256 is right.

It comes range by range, over connections that are kept. The rest of a large file comes in one
answer instead, read from the connection itself: the client's library hands bodies out in small
pieces, copied several times each. That takes the library's buffers to be empty once it has given
the first piece, so it is done only where a SHA-256 tells, and never again once it went wrong.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from vd4rl_data.download.client import (
    BusyError,
    Endpoint,
    GaveUpError,
    Patience,
    connection_of,
    headers_with,
    opened,
    retried,
)
from vd4rl_data.errors import CorruptFileError, OfflineError, TransferError, Vd4rlError
from vd4rl_data.storage.atomic import TEMPORARY_SUFFIX, full_disk_errors

HashFrom = Literal["catalog", "server", "sidecar", "first use"]

_LOGGER: Final = logging.getLogger("vd4rl_data")
_BATCH: Final = 512 << 10
"""Bytes of a body that are written at a time."""
_AHEAD: Final = 512 << 10
"""Receive buffer of a connection with a large file; systems may take twice as much."""
_LARGE: Final = 16 << 20
"""Bytes from which on a new connection costs fewer round trips than the ranges would."""
_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18})", re.ASCII)
_SHA256: Final = re.compile(r'"?([0-9a-f]{64})"?')
_KEPT: Final = "What arrived is kept: the same call goes on from there"
_WRONG: Final = (
    "The server has other or damaged bytes; what came was deleted. Try later, or another server"
)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository.

    Attributes:
        path: in the repository, and below the folder that it is fetched into.
        size: bytes; ``None`` if only the server knows.
        sha256: 64 lower-case hexadecimal digits; ``None`` if it is not known.
        hash_from: where the hash is from; ``first use``: from the first download itself.
    """

    path: str
    size: int | None = None
    sha256: str | None = None
    hash_from: HashFrom = "first use"


class ClosedError(Exception):
    """The download ended early: nothing may be asked for or written any more."""


class WrongContentError(Exception):
    """The bytes that came are not those of the file; which of them are wrong is not known."""


@dataclass(frozen=True, eq=False)
class Shared:
    """What all files of a download have in common; all its threads use it.

    Attributes:
        endpoints: in the order of preference.
        address: of a file, from an endpoint's ``url`` and the file's ``path``.
        patience: with the servers.
        chunk: bytes that a thread asks for at a time, and a kill loses at most.
        move: told how many bytes came, or are lost if negative, and which were not expected.
        failing: endpoints that failed lately, to be asked last.
        quiet: when an endpoint that asked for a pause may be asked again; of the monotonic clock.
        plain: set once reading from a connection itself went wrong.
        stopped: set, in ``lock``, when the download ends early.
        lock: held to write; nothing is written once it was stopped.
    """

    endpoints: Sequence[Endpoint]
    address: Callable[[str, str], str]
    patience: Patience
    chunk: int
    move: Callable[..., object]
    failing: set[Endpoint] = field(default_factory=set[Endpoint])
    quiet: dict[Endpoint, float] = field(default_factory=dict[Endpoint, float])
    plain: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def writing(self, path: Path) -> Generator[None]:
        """Only in here, a file is changed; an error of the disk names it.

        Raises:
            ClosedError: the download ended early.
            NoSpaceError, OSError: it cannot be written.
        """
        with self.lock, full_disk_errors(path):
            if self.stopped.is_set():
                raise ClosedError
            try:
                yield
            except OSError as error:
                error.filename = error.filename or str(path)
                raise

    def settle(self, server: Endpoint, patience: Patience) -> None:
        """Wait as long as a server asked any of the threads to.

        Raises:
            GaveUpError: that is too long.
            ClosedError: the download ended early.
        """
        while (left := self.quiet.get(server, 0.0) - time.monotonic()) > 0:
            if left > patience.longest_wait:
                raise GaveUpError(f"{server.url}: asks to wait for {left:,.0f} s")
            if self.stopped.wait(left):
                raise ClosedError


class Transfer:
    """One file on its way, in ``<name>.incomplete``; of one thread."""

    def __init__(self, shared: Shared, file: RemoteFile, target: Path) -> None:
        """Hash what an earlier call left, if its SHA-256 is known; make no request yet."""
        self._shared, self._file, self._target, self._size = shared, file, target, file.size
        self._path = target.with_name(target.name + TEMPORARY_SUFFIX)
        self._digest, self._position = hashlib.sha256(), 0
        self._identity: tuple[int, str | None] | None = None
        self._stated: str | None = None
        self._landing: str | None = None
        with shared.writing(self._path):
            target.parent.mkdir(parents=True, exist_ok=True)
            resumed = file.sha256 is not None and self._path.exists()
            self._part = self._path.open("r+b" if resumed else "w+b", 0)
        while block := self._part.read(1 << 18):
            self._digest.update(block)
            self._position += len(block)
        shared.move(there=self._position)

    def close(self) -> None:
        """Keep what came, for another call to go on from."""
        self._part.close()
        with self._shared.lock:
            if not self._position and not self._shared.stopped.is_set():
                self._path.unlink(missing_ok=True)

    def run(self) -> RemoteFile:
        """Fetch it, whatever it takes, and give it its name; returns what is known of it now.

        Each server is asked in turn, those that work first; then, with all patience, those that
        were only busy.

        Raises:
            CorruptFileError, TransferError, NoSpaceError, OSError: as :func:`~.fetch.fetch`.
            ClosedError: the download was stopped.
        """
        shared, failed = self._shared, dict[Endpoint, Vd4rlError]()
        left = list(shared.endpoints)
        hasty = replace(shared.patience, attempts=2, longest_wait=0.0)
        for patience in ([hasty] if len(left) > 1 else []) + [shared.patience]:
            for server in sorted(left, key=shared.failing.__contains__):
                try:
                    return self._from(server, patience)
                except OfflineError:
                    raise
                except GaveUpError as error:
                    failed[server] = TransferError(f"{error}. {_KEPT}")
                    if patience is hasty and server not in shared.failing:
                        _LOGGER.warning("%s; trying others", error)
                    shared.failing.add(server)
                except (TransferError, CorruptFileError) as error:
                    failed[server] = error
                    left.remove(server)
        raise next(iter(failed.values()))

    def _from(self, server: Endpoint, patience: Patience) -> RemoteFile:
        """Fetch what is missing from one server.

        Raises:
            GaveUpError: it failed too often in a row, or wants to be left alone for too long.
            CorruptFileError, TransferError: it does not have the file.
        """
        address = self._shared.address(server.url, self._file.path)
        position, pause = lambda: self._position, self._shared.stopped.wait
        if self._file.sha256 is None:
            self._restart()  # another server's bytes may be of another file

        def whole() -> RemoteFile:
            while not self._is_whole():
                self._request(server, address, patience)
            return self._finished()

        for last in (False, True):
            self._identity = self._stated = self._landing = None
            try:
                return retried(whole, address, patience, position=position, sleep=pause)
            except WrongContentError as error:  # the first may be of another time or server
                _LOGGER.warning("%s: %s", self._target, error)
                self._shared.plain.set()
                self._restart()
                if last:
                    raise CorruptFileError(f"{self._target}: {error}. {_WRONG}") from error
        raise AssertionError("the last attempt returns or raises")

    def _request(self, server: Endpoint, address: str, patience: Patience) -> None:
        """Ask for the next bytes, and write what comes.

        Raises:
            BusyError: it failed, or nothing came.
            GaveUpError: the server wants to be left alone for too long.
            CorruptFileError, TransferError: the server does not have the file.
            WrongContentError: it has another one than before.
        """
        shared, start = self._shared, self._position
        landing, self._landing = self._landing, None
        url, token = landing or address, None if landing else server.token
        left = shared.chunk if self._size is None else self._size - start
        large = left >= _LARGE and shared.chunk >= 2 * (_AHEAD + _BATCH)
        large = large and not shared.plain.is_set() and bool(self._file.sha256 or self._stated)
        span = f"bytes={start}-{start + (left if large else min(left, shared.chunk)) - 1}"
        headers = {**headers_with(token), "Range": span, "Accept-Encoding": "identity"}
        shared.settle(server, patience)
        try:
            with opened("GET", url, headers, patience, redirected=landing is not None) as answer:
                self._adopt(answer)
                connection = connection_of(answer, _AHEAD) if large else None
                if large and connection is None:
                    shared.plain.set()
                    return  # and ask for less
                self._take(answer, connection)
        except BusyError as error:
            if error.pause:
                shared.quiet[server] = time.monotonic() + error.pause
            raise
        if self._position == start and not self._is_whole():
            raise BusyError("the server sent no data")
        shared.failing.discard(server)
        if landing or urlsplit(str(answer.url))[:2] != urlsplit(address)[:2]:
            self._landing = str(answer.url)  # of another host, where the token is not sent

    def _take(self, answer: Any, connection: Any) -> None:
        """Write the body of an answer, from the connection itself if there is one."""
        pieces: list[bytes] = []
        try:
            for piece in _body(answer, connection, self._shared.patience.silence):
                pieces.append(piece)
                if sum(map(len, pieces)) >= _BATCH:
                    self._append(pieces)
        except BusyError:
            self._shared.plain.set()
            raise
        finally:
            self._append(pieces)

    def _adopt(self, response: Any) -> None:
        """Compare what the server says of the file with what is known."""
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise TransferError(f"{response.url}: the server sent it encoded as {encoding[:40]!r}")
        size, stated = _size(response, self._position), _stated_sha256(response)
        if self._file.size not in (None, size):
            said = f"expected {self._file.size} bytes, the server has {size}"
            raise CorruptFileError(f"{self._target}: {said}")
        if None not in (self._file.sha256, stated) and self._file.sha256 != stated:
            said = f"expected the SHA-256 {self._file.sha256}, the server states {stated}"
            raise CorruptFileError(f"{self._target}: {said}")
        identity = (size, stated or response.headers.get("ETag"))
        if self._file.sha256 is None and self._identity not in (None, identity):
            raise WrongContentError("it changed on the server while it was downloaded")
        if self._size is None:
            self._shared.move(expected=size)
        self._identity, self._size, self._stated = identity, size, stated or self._stated
        if response.status_code == 200 and self._position:
            self._restart()  # it knows no ranges, and sends all of it

    def _append(self, pieces: list[bytes]) -> None:
        data = b"".join(pieces)
        left = memoryview(data)
        with self._shared.writing(self._path):
            while left:
                end = self._position + len(data) - len(left)
                left = left[os.pwrite(self._part.fileno(), left, end) :]
        pieces.clear()
        self._digest.update(data)
        self._position += len(data)
        self._shared.move(len(data))

    def _restart(self) -> None:
        """Throw away the bytes that are here."""
        with self._shared.writing(self._path):
            self._part.truncate(0)
        self._shared.move(-self._position)
        self._position, self._digest = 0, hashlib.sha256()

    def _is_whole(self) -> bool:
        """Whether as many bytes are here as there should be; raises if more are."""
        if self._size is not None and self._position > self._size:
            raise WrongContentError(f"expected {self._size} bytes, got more")
        return self._position == self._size

    def _finished(self) -> RemoteFile:
        """Check the complete file and give it its name."""
        sha256, file = self._digest.hexdigest(), self._file
        expected = file.sha256 or self._stated
        if expected not in (None, sha256):
            raise WrongContentError(f"expected the SHA-256 {expected}, got {sha256}")
        with self._shared.writing(self._path):
            self._path.replace(self._target)
        new: HashFrom = "first use" if self._stated is None else "server"
        hash_from = new if file.sha256 is None else file.hash_from
        return replace(file, size=self._position, sha256=sha256, hash_from=hash_from)


def _body(answer: Any, connection: Any, silence: float) -> Iterator[bytes]:
    """The bytes of an answer; where there is a connection, its client's library gives the first."""
    pieces = answer.iter_raw() if answer.status_code != 416 else iter(())
    if connection is None:
        yield from pieces
        return
    left, piece = int(answer.headers["Content-Length"]), next(pieces, b"")
    while piece:
        yield piece
        left -= len(piece)
        try:
            piece = connection.read(min(left, _BATCH), silence) if left else b""
        except Exception as error:
            raise BusyError(f"{type(error).__name__}: {error}") from error
    if left:
        raise BusyError("the connection was cut")


def _size(response: Any, position: int) -> int:
    """How many bytes the whole file has.

    Raises:
        BusyError: the headers contradict the request or each other.
        TransferError: the server does not say how large the file is.
    """
    if response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or len(length) > 18:
            raise TransferError(f"{response.url}: the server does not state the size of the file")
        return int(length)
    text = response.headers.get("Content-Range", "")
    if match := _CONTENT_RANGE.fullmatch(text):
        first, last, size = (int(number or -1) for number in match.groups())
        if first == position and last < size:
            return size
        if response.status_code == 416 and size <= position:
            return size
    raise BusyError(
        f"status {response.status_code}: asked for bytes from {position} on, got {text!r}"
    )


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
