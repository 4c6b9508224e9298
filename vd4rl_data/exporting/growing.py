"""Files that grow: arrays written to them, and their SHA-256 meanwhile."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.formats import file_sha256

_BLOCK: Final = 1 << 20


def write_all(file: FileIO, values: NDArray[Any]) -> int:
    """Write all bytes of an array, in C order, where the file stands; how many they are."""
    left = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
    size = left.nbytes
    while left:
        left = left[file.write(left) :]
    return size


class GrowingHashes:
    """A thread reads back, from the system's cache, what is final of each file, and hashes it.

    Use it as a context manager; leaving it ends the thread.
    """

    def __init__(self) -> None:
        """Nothing is read before the first call."""
        self._pool = ThreadPoolExecutor(1)
        self._block = memoryview(bytearray(_BLOCK))
        self._files: dict[Path, tuple[FileIO, Any]] = {}
        self._last: dict[Path, Future[None]] = {}

    def __enter__(self) -> GrowingHashes:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Forget what waits, and close all files."""
        self._pool.shutdown(cancel_futures=True)
        for file, _ in self._files.values():
            file.close()

    def final(self, path: Path, size: int) -> None:
        """Say that the first ``size`` bytes of a file will not change any more; returns at once."""
        before = self._last.get(path)
        if before is not None and before.done():
            before.result()  # raises what went wrong, early
        self._last[path] = self._pool.submit(self._advance, path, size)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file, of which nothing more will be said, its name, once all of it is read.

        Raises:
            OSError: it cannot be read or renamed.
        """
        if old in self._last:
            self._last[old].result()  # it may not have been opened yet
            self._last[new], self._files[new] = self._last.pop(old), self._files.pop(old)
        old.replace(new)

    def sha256(self, path: Path) -> str:
        """The hash of what is final, 64 hexadecimal digits; of any other file, of all of it.

        Raises:
            OSError: the file cannot be read, or is shorter than was said.
        """
        if path not in self._last:
            return file_sha256(path)
        self._last[path].result()
        return self._files[path][1].hexdigest()

    def _advance(self, path: Path, size: int) -> None:
        if path not in self._files:
            self._files[path] = (path.open("rb", buffering=0), hashlib.sha256())
        file, digest = self._files[path]
        left = size - file.tell()
        while left > 0:
            count = file.readinto(self._block[:left]) or 0
            if not count:
                raise OSError(f"{path}: expected {size:,} bytes, {left:,} of them are missing")
            digest.update(self._block[:count])
            left -= count
