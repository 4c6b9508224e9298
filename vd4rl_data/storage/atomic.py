"""Files that are whole or absent: locks, temporary names, syncing, and full disks."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import filelock

from vd4rl_data.errors import (
    DatasetLockedError,
    LocksUnsupportedError,
    NoSpaceError,
)

TEMPORARY_SUFFIX: Final = ".incomplete"
_FULL_DISK: Final = (errno.ENOSPC, errno.EDQUOT)
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
_HELD_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM")
_HDF5_ERRNO: Final = re.compile(r"errno = (\d+)")


@contextmanager
def write_lock(path: Path) -> Generator[None]:
    """Hold the exclusive right to write ``path``; a process that dies loses it.

    Raises:
        DatasetLockedError: another process holds the right.
        LocksUnsupportedError, NoSpaceError: as :func:`held_lock`.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held_lock(path.with_name(f".{path.name}.lock")))
        except filelock.Timeout as error:
            raise DatasetLockedError(
                f"{path}: another process is writing this dataset; wait until it finishes, or write"
                " elsewhere"
            ) from error
        yield


@contextmanager
def held_lock(place: Path, *, seconds: float = 0) -> Generator[None]:
    """Hold a file lock; the operating system frees it when the process dies. All locks use this.

    Args:
        place: the file to lock. It and its folder are created if needed, and stay.
        seconds: how long to wait for another process that holds the lock.

    Raises:
        filelock.Timeout: another process holds the lock.
        LocksUnsupportedError: the file system has no locks. Nothing was created.
        NoSpaceError: the disk is full.
    """
    with full_disk_errors(place):
        new = [path for path in (place, *place.parents) if not path.exists()]
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(place, timeout=seconds, fallback_to_soft=False)
        try:
            lock.acquire()
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            for path in new:
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
            raise _locks_unsupported(place, error) from error
    try:
        yield
    finally:
        lock.release()


def _locks_unsupported(place: Path, error: OSError) -> LocksUnsupportedError:
    return LocksUnsupportedError(
        error.errno,
        f"{place.parent}: this file system has no file locks ({error.strerror}), and without them"
        " two processes could write one file. Write to a folder on a local disk: VD4RL_DATA_DIR"
        " names the one for datasets, and VD4RL_SHARED_DATA_DIRS may name this one, since reading"
        " needs no lock",
    )


@contextmanager
def atomic_path(path: Path) -> Generator[Path]:
    """Yield a temporary sibling of ``path``; on success sync it and rename it to ``path``.

    Raises:
        NoSpaceError: the disk is full. The temporary file is removed, ``path`` is untouched.
    """
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    try:
        with full_disk_errors(path):
            temporary.unlink(missing_ok=True)
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def full_disk_errors(path: Path) -> Generator[None]:
    """Turn errors of the operating system or HDF5 about a full disk into :class:`NoSpaceError`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, NoSpaceError) or not _is_full_disk(error):
            raise
        raise NoSpaceError(
            errno.ENOSPC, f"no space left for {path}; free some space, or choose another folder"
        ) from error


class OutputFile:
    """A new file for HDF5 to write into that hides failed writes from HDF5.

    Pass it in place of a name: ``h5py.File(output, "w")``. After a failed write, HDF5 can no longer
    close its file and later crashes the process. So the first error is kept, later writes are
    discarded, and :meth:`check` raises the error once HDF5 has returned. For the same reason, every
    h5py call that may write must be inside :func:`uninterrupted`.
    """

    def __init__(self, path: Path) -> None:
        """Create the file."""
        self._error: BaseException | None = None
        self._file = path.open("w+b", buffering=0)

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Close the file, after HDF5 has closed its own; raise nothing."""
        self._file.close()

    def write(self, data: Any) -> int:
        """Write all bytes of a buffer at the current position; used by HDF5."""
        left = memoryview(data)
        size = left.nbytes
        try:
            while self._error is None and left:
                left = left[self._file.write(left) :]
        except BaseException as error:  # noqa: BLE001 - raised by check(), outside of HDF5
            self._error = error
        return size

    def read(self, size: int = -1) -> bytes:
        """Read bytes; h5py recognizes a file by this method."""
        return self._file.read(size) or b""

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, with zeros where nothing was written; used by HDF5."""
        filled = memoryview(buffer)
        count = self._file.readinto(filled)
        filled[count:] = bytes(len(filled) - count)
        return len(filled)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a byte; used by HDF5."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The current position; used by HDF5."""
        return self._file.tell()

    def truncate(self, size: int) -> int:
        """Set the file's size; used by HDF5."""
        try:
            if self._error is None:
                self._file.truncate(size)
        except BaseException as error:  # noqa: BLE001 - raised by check(), outside of HDF5
            self._error = error
        return size

    def flush(self) -> None:
        """Do nothing: nothing is buffered; used by HDF5."""


@contextmanager
def uninterrupted() -> Generator[None]:
    """Delay signals (Ctrl-C) until the block ends.

    Python runs signal handlers in the main thread, even while HDF5 calls an :class:`OutputFile`
    there, and HDF5 treats an exception raised inside it as a failed write.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    try:
        with ExitStack() as handlers:
            for number in (getattr(signal, name, None) for name in _HELD_SIGNALS):
                handler = None if number is None else signal.getsignal(number)
                if number is not None and callable(handler):
                    handlers.callback(signal.signal, number, handler)
                    signal.signal(number, lambda number, _: held.append(number))
            yield
    finally:
        for number in held:
            signal.raise_signal(number)


def check_free_space(path: Path, needed: int) -> None:
    """Refuse to start writing what cannot fit on the disk.

    Raises:
        NoSpaceError: fewer than ``needed`` bytes are free where ``path`` is to be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise NoSpaceError(
            errno.ENOSPC,
            f"{path} needs {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free; free some space, "
            "or choose another folder",
        )


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(folder: Path) -> None:
    """Remove a folder, if it exists, in one step, so that no kill leaves half of it in use.

    It is first renamed to ``<name>.removed``; what a kill leaves of that is removed the next time.
    """
    clear_removed(folder)
    if folder.is_dir():
        doomed = removed_folder(folder)
        folder.rename(doomed)
        shutil.rmtree(doomed)


def removed_folder(folder: Path) -> Path:
    """The path that :func:`remove_folder` moves a folder to before deleting it."""
    return folder.with_name(f"{folder.name}.removed")


def clear_removed(folder: Path) -> None:
    """Finish a :func:`remove_folder` of this folder that was killed halfway."""
    shutil.rmtree(removed_folder(folder), ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a small text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _is_full_disk(error: OSError) -> bool:
    if error.errno in _FULL_DISK:
        return True
    match = _HDF5_ERRNO.search(str(error))
    return match is not None and int(match[1]) in _FULL_DISK
