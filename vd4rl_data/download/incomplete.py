"""A file that is on its way: its first bytes on the disk, and their SHA-256."""

from __future__ import annotations

import hashlib
import os
import threading
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
        with full_disk_errors(self._path):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("r+b" if resume and self._path.exists() else "w+b", 0)
        while block := self._file.read(_BLOCK):
            self._digest.update(block)
            self.position += len(block)

    @property
    def sha256(self) -> str:
        """Of the bytes that are here."""
        return self._digest.hexdigest()

    def append(self, pieces: list[bytes]) -> int:
        """Write the next bytes; returns how many.

        Raises:
            ClosedError: another thread closed it; nothing is written.
            NoSpaceError: the disk is full; the bytes before stay.
        """
        count, written = sum(map(len, pieces)), 0
        with self._lock, full_disk_errors(self._path):
            self._check_open()
            # One call for many pieces: each call lets other threads of this process go first.
            while written < count:
                left = [b"".join(pieces)[written:]] if written else pieces
                written += os.pwritev(self._file.fileno(), left, self.position + written)
        for piece in pieces:
            self._digest.update(piece)
        self.position += count
        return count

    def restart(self) -> int:
        """Throw away what is here; returns how many bytes that was."""
        with self._lock:
            self._check_open()
            self._file.truncate(0)
        count, self.position, self._digest = self.position, 0, hashlib.sha256()
        return count

    def finish(self) -> None:
        """Give it its name."""
        with self._lock, full_disk_errors(self._path):
            self._check_open()
            self._path.replace(self.target)

    def close(self, *, delete: bool = False) -> None:
        """Write nothing any more; throw it away if told so."""
        with self._lock:
            self._file.close()
        if delete:
            self._path.unlink(missing_ok=True)

    def _check_open(self) -> None:
        if self._file.closed:
            raise ClosedError
