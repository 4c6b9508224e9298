"""Files from one of several servers into a folder: whole, checked, and never twice.

    server ──ranges──▶ <name>.incomplete ──SHA-256 as it grows──▶ <name> ──▶ the caller, in order

A few threads fetch a file each; the caller's own thread takes what arrived. A process may be killed
at any moment: the bytes in ``<name>.incomplete`` are kept, hashed once more by the next call, and
gone on from. Nothing on the disk is believed without its SHA-256.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final, NoReturn

from tqdm import tqdm

from vd4rl_data.download.client import Endpoint, Patience
from vd4rl_data.download.incomplete import Incomplete
from vd4rl_data.download.transfer import Budget, RemoteFile, Server, Setup, Transfer
from vd4rl_data.errors import CorruptFileError, OfflineError
from vd4rl_data.progress import skip
from vd4rl_data.storage.format import file_sha256

IN_FLIGHT_BYTES: Final = 8 << 20
"""What a killed process loses at most: bytes that all requests together may have asked for."""

_FAREWELL: Final = 0.5
"""Seconds for threads to end that are not waiting for a server."""

Take = Callable[[Path, RemoteFile], object]


def fetch(
    files: Sequence[RemoteFile],
    folder: Path,
    endpoints: Sequence[Endpoint],
    address: Callable[[str, str], str],
    *,
    take: Take | None = None,
    workers: int = 4,
    in_flight: int = IN_FLIGHT_BYTES,
    patience: Patience | None = None,
    progress: bool = True,
) -> tuple[RemoteFile, ...]:
    """Bring files into a folder; the caller sees to it that no other process does so too.

    A file gets its name when its size and SHA-256 are right, and not before.

    Args:
        files: what to fetch; the caller vouches for the paths.
        folder: where the files go; made if it is missing.
        endpoints: the servers in the order of preference. One that does not answer, or does not
            give a file, is passed over. None at all means that the network must not be used.
        address: of a file, from an endpoint's ``url`` and the file's ``path``.
        take: called in this thread with the place and the facts of each file, in the order of
            ``files``; afterwards the file is deleted. No more than ``2 * workers`` files lie in the
            folder at a time. Without it, the files stay.
        workers: files at a time.
        in_flight: bytes that all requests together may have asked for and not written yet.
        patience: with the servers.
        progress: show a bar with bytes, time left and files.

    Returns:
        What is known of each file now: its size, its SHA-256, and who named that.

    Raises:
        CorruptFileError: a file has other bytes than it should, at every endpoint.
        RemoteFileNotFoundError, RemoteAccessError: no endpoint has a file, or none gives it.
        OfflineError: a file is missing, and there is no endpoint.
        TransferError: the network or the servers failed for too long; what arrived is kept.
        NoSpaceError: the disk is full; what arrived is kept.
    """
    if not files:
        return ()
    workers = min(workers, len(files))
    with closing(_Bar(files, show=progress)) as bar:
        setup = Setup(
            [Server(endpoint) for endpoint in endpoints],
            address,
            patience or Patience(),
            max(1, in_flight // min(2, workers)),
            Budget(in_flight),
            bar.move,
        )
        crew = _Crew(setup, files, folder, bar, len(files) if take is None else 2 * workers)
        try:
            crew.start(workers)
            return tuple(crew.deliver(files, take))
        finally:
            crew.stop()


class _Crew:
    """The threads of one call, and what they bring."""

    def __init__(
        self, setup: Setup, files: Sequence[RemoteFile], folder: Path, bar: _Bar, room: int
    ) -> None:
        self._setup = setup
        self._folder = folder
        self._bar = bar
        self._room = threading.Semaphore(room)
        self._files = {file: Future[RemoteFile]() for file in files}
        self._waiting = deque(files)
        self._parts: set[Incomplete] = set()
        self._threads: list[threading.Thread] = []

    def start(self, count: int) -> None:
        """Begin."""
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def deliver(self, files: Sequence[RemoteFile], take: Take | None) -> Iterator[RemoteFile]:
        """Each file when it has arrived, in the order asked for."""
        for number, file in enumerate(files, start=1):
            arrived = self._files[file].result()
            if take is not None:
                path = self._folder / file.path
                take(path, arrived)
                path.unlink(missing_ok=True)
                self._room.release()
            self._bar.say(f"{number}/{len(files)} files")
            yield arrived

    def stop(self) -> None:
        """See to it that no thread writes any more.

        One that waits for a server is not waited for: it will find its file closed, and end.
        """
        self._setup.stopped.set()
        self._waiting.clear()
        self._room.release(len(self._threads))
        self._setup.budget.give(1 << 62)
        for part in list(self._parts):
            part.close()
        deadline = time.monotonic() + _FAREWELL
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        """A thread: fetch one file after the other, until none is left or one fails."""
        while self._room.acquire():
            try:
                file = self._waiting.popleft()
            except IndexError:
                return
            try:
                self._files[file].set_result(self._brought(file))
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                self._files[file].set_exception(error)
                return

    def _brought(self, file: RemoteFile) -> RemoteFile:
        """The file in its place: it is whole already, or it is fetched now."""
        target = self._folder / file.path
        if target.is_file():
            size = target.stat().st_size
            if file.sha256 is not None and file_sha256(target) == file.sha256:
                self._bar.move(there=size)
                return replace(file, size=size)
            target.unlink()
        if not self._setup.servers:
            raise OfflineError(f"{target} is not here, and the network must not be used")
        part = Incomplete(target, resume=file.sha256 is not None)
        self._parts.add(part)
        try:
            self._bar.move(there=part.position)
            return Transfer(self._setup, file, part).run()
        except CorruptFileError:
            part.close(delete=True)
            raise
        finally:
            part.close()
            self._parts.discard(part)


class _Bar:
    """Bytes of all files, told by several threads; time left, and files done."""

    def __init__(self, files: Sequence[RemoteFile], *, show: bool) -> None:
        self._lock = threading.Lock()
        self._bar: tqdm[NoReturn] = tqdm(
            total=sum(file.size or 0 for file in files),
            desc="download",
            unit="B",
            unit_scale=True,
            disable=not show,
            smoothing=0.1,
        )

    def move(self, came: int = 0, *, there: int = 0, expected: int = 0) -> None:
        """So many bytes came (or are lost), were there before, or belong to the whole as well."""
        with self._lock:
            self._bar.total = int(self._bar.total or 0) + expected
            skip(self._bar, there)
            self._bar.update(came)

    def say(self, text: str) -> None:
        """Show this beside it."""
        with self._lock:
            self._bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        """Draw it a last time."""
        with self._lock:
            self._bar.close()
