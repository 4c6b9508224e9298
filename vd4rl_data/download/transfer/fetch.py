"""The one function that callers need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from vd4rl_data.download.transfer.download import Consumer, Download, Setup
from vd4rl_data.download.transfer.exclusive import exclusive
from vd4rl_data.download.transfer.hosts import Hosts
from vd4rl_data.download.transfer.journal import Journal
from vd4rl_data.download.transfer.model import (
    CHUNK_BYTES,
    Endpoint,
    FetchedFile,
    Policy,
    RemoteFile,
)
from vd4rl_data.download.transfer.names import check_files


def fetch(
    files: Sequence[RemoteFile],
    folder: Path,
    endpoints: Sequence[Endpoint],
    url_of: Callable[[str, RemoteFile], str],
    *,
    on_file: Callable[[Path, FetchedFile], object] | None = None,
    keep: bool = True,
    in_order: bool = False,
    workers: int = 4,
    chunk_bytes: int = CHUNK_BYTES,
    progress: bool = True,
    offline: bool = False,
    policy: Policy | None = None,
) -> tuple[FetchedFile, ...]:
    """Bring files into a folder, whole and checked, and go on where an earlier call was ended.

    A process may be killed at any moment: what it had is kept in ``<name>.incomplete``, noted in a
    journal below ``folder/.transfer``, and at most one chunk of each request in flight comes again.
    A file gets its name when its size and SHA-256 are right, and not before. One process at a time
    downloads into a folder; others wait for it and then find its files.

    Args:
        files: what to fetch. Names are refused that do not belong below the folder. A folder
            holds one revision: contents that were never recorded must not change from call to
            call.
        folder: where the files go; made if it is missing.
        endpoints: the servers in the order of preference. One that does not answer, or refuses a
            file, is passed over.
        url_of: the address of a file, from an endpoint's ``url`` and the file.
        on_file: called in this thread with the path and the facts of each file as it arrives, in
            the order of arrival, also for files that arrived in an earlier call. Where it deletes
            the file, or ``keep`` is false, the file counts as consumed once ``on_file`` returned:
            no later call with a consumer fetches it again. After a kill it may be called twice.
        keep: false deletes each file after ``on_file`` returned. Then no more than ``2 * workers``
            files are on the disk at a time.
        in_order: call ``on_file`` in the order of ``files``, whatever order they arrive in. Who
            wants that keeps account of what was taken: a file that an earlier call consumed is
            fetched again if it is asked for again.
        workers: connections at a time; more than one on a file when fewer files are left.
        chunk_bytes: bytes per request.
        progress: show a bar with bytes, time left and files.
        offline: never use the network; raise if something is missing.
        policy: patience with servers.

    Returns:
        The facts of each file, in the order of ``files``.

    Raises:
        UnsafeNameError: a name that must not be written to a disk.
        NoSpaceError: the disk has no room; what arrived is kept.
        RemoteFileNotFoundError: no endpoint has a file. RemoteAccessError: none gives it.
        CorruptFileError: a file has other bytes than it should, at every endpoint.
        OfflineError: something is missing, and ``offline`` is set.
        TransferError: the network or the servers failed for too long; what arrived is kept.
    """
    if workers < 1 or chunk_bytes < 1:
        raise ValueError(f"expected workers, chunk_bytes >= 1, got {workers}, {chunk_bytes}")
    if not keep and on_file is None:
        raise ValueError("keep=False needs an on_file that takes the files")
    check_files(files)
    setup = Setup(
        hosts=Hosts(endpoints),
        url_of=url_of,
        policy=policy or Policy(),
        workers=workers,
        chunk_bytes=chunk_bytes,
        progress=progress,
        offline=offline,
    )
    with exclusive(folder, files, show=progress), closing(Journal(folder)) as journal:
        consumer = Consumer(on_file, keep, in_order)
        return Download(files, folder, journal, consumer, setup).run()
