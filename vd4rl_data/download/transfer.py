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
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from vd4rl_data.download.client import (
    AHEAD,
    BusyError,
    Endpoint,
    GaveUpError,
    Patience,
    body_of,
    connection_of,
    headers_with,
    opened,
    retried,
)
from vd4rl_data.errors import CorruptFileError, OfflineError, TransferError, Vd4rlError
from vd4rl_data.progress import skip
from vd4rl_data.storage.atomic import TEMPORARY_SUFFIX, full_disk_errors

HashFrom = Literal["catalog", "server", "sidecar", "first use"]

_LOGGER: Final = logging.getLogger("vd4rl_data")
_BATCH: Final = 256 << 10
"""Bytes that are written at a time at least: threads that take turns often lose time."""
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


@dataclass(frozen=True, eq=False)
class Shared:
    """What all files of a download have in common; all its threads use it.

    Attributes:
        endpoints: in the order of preference.
        address: of a file, from an endpoint's ``url`` and the file's ``path``.
        patience: with the servers.
        chunk: bytes of a range, which a kill may lose of each file.
        bar: shows the bytes.
        failing: endpoints that failed lately, to be asked last.
        quiet: when an endpoint that asked for a pause may be asked again; of the monotonic clock.
        plain: set once reading from a connection itself went wrong.
        stopped: set when the download ends; nothing is written any more.
        locks: of each file, held to write it.
    """

    endpoints: Sequence[Endpoint]
    address: Callable[[str, str], str]
    patience: Patience
    chunk: int
    bar: Any
    failing: set[Endpoint] = field(default_factory=set[Endpoint])
    quiet: dict[Endpoint, float] = field(default_factory=dict[Endpoint, float])
    plain: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    locks: dict[Path, threading.Lock] = field(
        default_factory=lambda: defaultdict[Path, threading.Lock](threading.Lock)
    )

    @contextmanager
    def writing(self, path: Path) -> Generator[None]:
        """Only in here, a file is changed; an error of the disk names it."""
        with self.locks[path], full_disk_errors(path):
            if self.stopped.is_set():
                raise ClosedError
            try:
                yield
            except OSError as error:
                error.filename = error.filename or str(path)
                raise

    def move(self, came: int = 0, *, there: int = 0, expected: int = 0) -> None:
        """Bytes that came (or were lost), were here before, or were not expected in the total."""
        with self.bar.get_lock():
            self.bar.total += expected
            skip(self.bar, there)
            self.bar.update(came)

    def settle(self, server: Endpoint, patience: Patience) -> None:
        """Wait as long as a server asked any of the threads to."""
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
        self._mistrusted = False
        self._identity: tuple[int, str | None] | None = None
        self._stated: str | None = None
        self._landing: str | None = None
        with shared.writing(self._path):
            target.parent.mkdir(parents=True, exist_ok=True)
            resumed = file.sha256 is not None and self._path.exists()
            self._part = self._path.open("r+b" if resumed else "w+b", 0)
        while block := self._part.read(_BATCH):
            self._digest.update(block)
            self._position += len(block)
        shared.move(there=self._position)

    def close(self) -> None:
        """Keep what came, for another call to go on from."""
        self._part.close()
        if not self._position:
            with suppress(ClosedError), self._shared.writing(self._path):
                self._path.unlink(missing_ok=True)

    def run(self) -> RemoteFile:
        """Fetch it, whatever it takes, and give it its name; returns what is known of it now.

        Each server is asked in turn, those that work first; then, with all patience, those that
        were only busy. Raises what :func:`~.fetch.fetch` does, or a :class:`ClosedError`.
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
        """Fetch what is missing from one server."""
        address = self._shared.address(server.url, self._file.path)
        self._identity = self._stated = self._landing = None
        self._mistrusted = False
        if self._file.sha256 is None:
            self._restart()  # another server's bytes may be of another file

        def whole() -> RemoteFile:
            while self._size is None or self._position < self._size:
                self._request(server, address, patience)
            return self._finished()

        position, pause = lambda: self._position, self._shared.stopped.wait
        return retried(whole, address, patience, position=position, sleep=pause)

    def _request(self, server: Endpoint, address: str, patience: Patience) -> None:
        """Ask for the next bytes, and write what comes."""
        shared, start = self._shared, self._position
        landing, self._landing = self._landing, None
        url, token = landing or address, None if landing else server.token
        left = shared.chunk if self._size is None else self._size - start
        large = left >= _LARGE and bool(self._file.sha256 or self._stated)
        large = large and shared.chunk >= 4 * AHEAD and not shared.plain.is_set()
        span = f"bytes={start}-{start + (left if large else min(left, shared.chunk)) - 1}"
        headers = {**headers_with(token), "Range": span, "Accept-Encoding": "identity"}
        shared.settle(server, patience)
        connection = None
        try:
            with opened("GET", url, headers, patience, redirected=landing is not None) as answer:
                self._adopt(answer)
                connection = connection_of(answer) if large else None
                if large and connection is None:
                    shared.plain.set()
                    return  # and ask for less
                self._take(body_of(answer, connection, patience))
        except BusyError as error:
            if connection is not None:
                shared.plain.set()
            if error.pause:
                shared.quiet[server] = time.monotonic() + error.pause
            raise
        if self._position == start != self._size:
            raise BusyError("the server sent no data")
        shared.failing.discard(server)
        if landing or urlsplit(str(answer.url))[:2] != urlsplit(address)[:2]:
            self._landing = str(answer.url)  # of another host, where the token is not sent

    def _adopt(self, response: Any) -> None:
        """Compare what the server says of the file with what is known."""
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise TransferError(f"{response.url}: the server sent it encoded as {encoding[:40]!r}")
        file, size, stated = self._file, _size(response, self._position), _stated_sha256(response)
        for what, known, said in (("size", file.size, size), ("SHA-256", file.sha256, stated)):
            if None not in (known, said) and known != said:
                expected = f"expected the {what} {known}, the server states {said}"
                raise CorruptFileError(f"{self._target}: {expected}")
        identity = (size, stated or response.headers.get("ETag"))
        if file.sha256 is None and self._identity not in (None, identity):
            self._mistrust("it changed on the server while it was downloaded")
        if self._size is None:
            self._shared.move(expected=size)
        self._identity, self._size, self._stated = identity, size, stated or self._stated
        if response.status_code == 200 and self._position:
            self._restart()  # it knows no ranges, and sends all of it

    def _take(self, pieces: Iterator[bytes]) -> None:
        """Write and hash what comes, a few pieces at a time, and what came before it broke off."""
        held: list[bytes] = []
        try:
            for piece in pieces:
                held.append(piece)
                if sum(map(len, held)) >= _BATCH:
                    self._append(b"".join(held))
                    held.clear()
        finally:
            self._append(b"".join(held))

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        with self._shared.writing(self._path):
            while left:
                end = self._position + len(data) - len(left)
                left = left[os.pwrite(self._part.fileno(), left, end) :]
        self._digest.update(data)
        self._position += len(data)
        self._shared.move(len(data))

    def _restart(self) -> None:
        """Throw away the bytes that are here."""
        with self._shared.writing(self._path):
            self._part.truncate(0)
        self._shared.move(-self._position)
        self._position, self._digest = 0, hashlib.sha256()

    def _mistrust(self, why: str) -> None:
        """Start anew, by a ``BusyError``: what is here may be of another time; but only once."""
        self._restart()
        if self._mistrusted:
            raise CorruptFileError(f"{self._target}: {why}. {_WRONG}")
        _LOGGER.warning("%s: %s", self._target, why)
        self._mistrusted, self._identity, self._stated = True, None, None
        self._shared.plain.set()
        raise BusyError(why)

    def _finished(self) -> RemoteFile:
        """Check the complete file and give it its name."""
        sha256, file = self._digest.hexdigest(), self._file
        expected = file.sha256 or self._stated
        if self._position != self._size or expected not in (None, sha256):
            got = f"{sha256} ({self._position} of {self._size} bytes)"
            self._mistrust(f"expected the SHA-256 {expected}, got {got}")
        with self._shared.writing(self._path):
            self._path.replace(self._target)
        new: HashFrom = "first use" if self._stated is None else "server"
        hash_from = new if file.sha256 is None else file.hash_from
        return replace(file, size=self._position, sha256=sha256, hash_from=hash_from)


def _size(response: Any, position: int) -> int:
    """How many bytes the whole file has; raises if the headers do not say or make no sense."""
    if response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,18}", length, re.ASCII):
            raise TransferError(f"{response.url}: the server does not state the size of the file")
        return int(length)
    text = response.headers.get("Content-Range", "")
    if match := _CONTENT_RANGE.fullmatch(text):
        first, last, size = (int(number or -1) for number in match.groups())
        past_the_end = response.status_code == 416 and size <= position
        if past_the_end or (first == position and last < size):
            return size
    asked = f"asked for bytes from {position} on"
    raise BusyError(f"status {response.status_code}: {asked}, got {text!r}")


def _stated_sha256(response: Any) -> str | None:
    """The SHA-256 of the whole file, where the server states it.

    A hub states that of a large file as ``X-Linked-ETag``, also where it redirects, or as the
    entity tag of an answer that names the commit.
    """
    for answer in (*response.history, response):
        own = answer.headers.get("ETag") if "X-Repo-Commit" in answer.headers else None
        if match := _SHA256.fullmatch(answer.headers.get("X-Linked-ETag") or own or ""):
            return match[1]
    return None
