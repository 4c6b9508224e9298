"""A file that is on its way: its first bytes on the disk, and their SHA-256."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vd4rl_data.storage.atomic import TEMPORARY_SUFFIX, full_disk_errors

_BLOCK: Final = 1 << 20


class ClosedError(Exception):
    """The file was closed by the thread that gave up on all of them."""


class Incomplete:
    """``<name>.incomplete``. One thread fills it; any thread may close it.

    Attributes:
        target: the name that it gets when it is whole.
        position: bytes that are here.
    """

    def __init__(self, target: Path, *, resume: bool) -> None:
        """Open it, and go on from what is there or start anew.

        Raises:
            NoSpaceError: the disk is full.
        """
        self.target = target
        self.position = 0
        self._path = target.with_name(target.name + TEMPORARY_SUFFIX)
        self._digest = hashlib.sha256()
        self._lock = threading.Lock()
        self._closed = False
        with full_disk_errors(self._path):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        if resume:
            while block := os.read(self._descriptor, _BLOCK):
                self._digest.update(block)
                self.position += len(block)
        else:
            os.ftruncate(self._descriptor, 0)

    @property
    def sha256(self) -> str:
        """Of the bytes that are here."""
        return self._digest.hexdigest()

    def append(self, pieces: Sequence[bytes]) -> int:
        """Write the next bytes; returns how many.

        Raises:
            ClosedError: another thread closed it; nothing is written.
            NoSpaceError: the disk is full; what was written of them stays.
        """
        count = sum(map(len, pieces))
        with self._lock, full_disk_errors(self._path):
            if self._closed:
                raise ClosedError
            # One call for many pieces: each call lets other threads of this process go first.
            written = os.writev(self._descriptor, pieces) if count else 0
            while written < count:
                written += os.write(self._descriptor, b"".join(pieces)[written:])
        for piece in pieces:
            self._digest.update(piece)
        self.position += count
        return count

    def restart(self) -> int:
        """Throw away what is here; returns how many bytes that was."""
        count, self.position = self.position, 0
        self._digest = hashlib.sha256()
        with self._lock:
            if self._closed:
                raise ClosedError
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        return count

    def finish(self) -> None:
        """Give it its name."""
        with self._lock, full_disk_errors(self._path):
            if self._closed:
                raise ClosedError
            self._path.replace(self.target)

    def delete(self) -> None:
        """Throw the file away."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Write nothing any more."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._descriptor)
