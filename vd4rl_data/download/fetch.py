"""Files from one of several servers into a folder: whole, checked, and never twice.

    server ──bytes──▶ <name>.incomplete ──SHA-256 as it grows──▶ <name> ──▶ the caller, in order

A few threads fetch a file each; the caller's own thread takes what arrived. A process may be killed
at any moment: the bytes in ``<name>.incomplete`` are kept, hashed once more by the next call, and
gone on from. Nothing on the disk is believed without its SHA-256.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from tqdm import tqdm

from vd4rl_data.download.client import Endpoint, Patience
from vd4rl_data.download.transfer import RemoteFile, Shared, Transfer
from vd4rl_data.errors import OfflineError
from vd4rl_data.storage.format import file_sha256

IN_FLIGHT_BYTES: Final = 8 << 20
"""What a killed process loses at most: bytes that came, or are due, and are not written yet."""

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
        in_flight: bytes that may come, for all files together, before they are written: all that
            ranges ask for, and what the system receives ahead of a large file.
        patience: with the servers.
        progress: show a bar with bytes, time left and files.

    Returns:
        What is known of each file now: its size, its SHA-256, and who named that.

    Raises:
        CorruptFileError: a file has other bytes than it should, at every endpoint.
        RemoteFileNotFoundError, RemoteAccessError: no endpoint has a file, or none gives it.
        OfflineError: a file is missing, and there is no endpoint.
        TransferError: the network or the servers failed for too long; what arrived is kept.
        NoSpaceError, OSError: the disk is full, or refuses otherwise; what arrived is kept.
    """
    if not files:
        return ()
    workers = min(workers, len(files))
    total = sum(file.size or 0 for file in files)
    bar: Any = tqdm(
        total=total, desc="download", unit="B", unit_scale=True, disable=not progress, smoothing=0.1
    )
    chunk = max(1, in_flight // workers)
    shared = Shared(endpoints, address, patience or Patience(), chunk, bar)
    lying = len(files) if take is None else 2 * workers
    arriving = {file: Future[RemoteFile]() for file in files}
    wanted: SimpleQueue[RemoteFile | None] = SimpleQueue()

    def deliver() -> Iterator[RemoteFile]:
        """Each file when it has arrived, in the order asked for."""
        waiting = iter(arriving)
        for file in itertools.islice(waiting, lying):
            wanted.put(file)
        for number, (file, future) in enumerate(arriving.items(), start=1):
            arrived = future.result()
            if take is not None:
                take(folder / file.path, arrived)
                (folder / file.path).unlink(missing_ok=True)
                wanted.put(next(waiting, None))
            bar.set_postfix_str(f"{number}/{len(files)} files", refresh=False)
            yield arrived

    with closing(bar):
        try:
            for _ in range(workers):
                work = (shared, folder, wanted, arriving)
                threading.Thread(target=_bring, args=work, daemon=True).start()
            return tuple(deliver())
        finally:
            shared.stopped.set()
            for lock in list(shared.locks.values()):
                with lock:  # nothing is written after this; who waits for a server ends later
                    pass
            for _ in range(workers):
                wanted.put(None)


def _bring(
    shared: Shared,
    folder: Path,
    wanted: SimpleQueue[RemoteFile | None],
    arriving: Mapping[RemoteFile, Future[RemoteFile]],
) -> None:
    """Of a thread: one file after the other, until none is left."""
    while (file := wanted.get()) is not None and not shared.stopped.is_set():
        try:
            arriving[file].set_result(_brought(shared, file, folder / file.path))
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            arriving[file].set_exception(error)


def _brought(shared: Shared, file: RemoteFile, target: Path) -> RemoteFile:
    """The file in its place: it is whole already, or it is fetched now."""
    if target.is_file():
        size = target.stat().st_size
        if file.sha256 is not None and file_sha256(target) == file.sha256:
            shared.move(there=size)
            return replace(file, size=size)
        with shared.writing(target):
            target.unlink()
    if not shared.endpoints:
        raise OfflineError(f"{target} is not here, and the network must not be used")
    with closing(Transfer(shared, file, target)) as transfer:
        return transfer.run()
