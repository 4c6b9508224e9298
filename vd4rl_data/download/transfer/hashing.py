"""SHA-256 of a file whose chunks arrive in any order, computed while they arrive."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Final

from vd4rl_data.errors import CorruptFileError

_BLOCK: Final = 1 << 20


class RunningHash:
    """Hashes what arrives in order at once, and reads back what arrived early.

    Safe to use from several threads that write different parts of the file.
    """

    def __init__(self, descriptor: int) -> None:
        """Start before the first byte of an open file."""
        self._descriptor = descriptor
        self._digest = hashlib.sha256()
        self._hashed = 0
        self._lock = threading.Lock()

    @property
    def hashed(self) -> int:
        """Bytes from the start of the file that the hash covers."""
        return self._hashed

    def feed(self, offset: int, view: memoryview) -> None:
        """Take bytes that were just written at ``offset``; bytes ahead of the hash are left.

        No byte is written twice: each piece has one thread at a time, which only goes forward.
        """
        if offset == self._hashed:
            with self._lock:
                self._digest.update(view)
                self._hashed += len(view)

    def catch_up(self, end: int, *, wait: bool = False) -> None:
        """Hash up to ``end`` from the file; without ``wait``, leave it to a thread that does."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            while self._hashed < end:
                count = min(_BLOCK, end - self._hashed)
                block = os.pread(self._descriptor, count, self._hashed)
                if not block:
                    raise CorruptFileError(f"the file ends at {self._hashed}, before byte {end}")
                self._digest.update(block)
                self._hashed += len(block)
        finally:
            self._lock.release()

    def hexdigest(self) -> str:
        """The hash of the first :attr:`hashed` bytes."""
        return self._digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file on the disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
