"""Files that are whole or absent: locks, temporary names, syncing, and the full disk."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import filelock

from vd4rl_data.errors import DatasetLockedError, NoSpaceError

TEMPORARY_SUFFIX: Final = ".incomplete"
_FULL_DISK: Final = (errno.ENOSPC, errno.EDQUOT)
_HDF5_ERRNO: Final = re.compile(r"errno = (\d+)")


@contextmanager
def write_lock(path: Path) -> Generator[None]:
    """Hold the right to write ``path``; the operating system frees it when the process dies.

    Raises:
        DatasetLockedError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise DatasetLockedError(
            f"{path}: another process is writing this dataset; wait until it is done, or write "
            "elsewhere"
        ) from error
    try:
        yield
    finally:
        lock.release()


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
    """Turn an operating-system or HDF5 error about a full disk into :class:`NoSpaceError`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, NoSpaceError) or not _is_full_disk(error):
            raise
        raise NoSpaceError(
            errno.ENOSPC, f"no space left for {path}; free some, or choose another folder"
        ) from error


def check_free_space(path: Path, needed: int) -> None:
    """Refuse work that cannot fit.

    Raises:
        NoSpaceError: fewer than ``needed`` bytes are free where ``path`` shall be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise NoSpaceError(
            errno.ENOSPC,
            f"{path} needs {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free; free some, or "
            "choose another folder",
        )


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a small text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _is_full_disk(error: OSError) -> bool:
    if error.errno in _FULL_DISK:
        return True
    match = _HDF5_ERRNO.search(str(error))
    return match is not None and int(match[1]) in _FULL_DISK
