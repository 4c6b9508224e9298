"""The progress bar: bytes of all files, time left, files done."""

from __future__ import annotations

import threading
from typing import NoReturn

from tqdm import tqdm

from vd4rl_data.progress import skip


class Meter:
    """Counts bytes from several threads and shows them, or not."""

    def __init__(self, *, files: int, show: bool, text: str = "download") -> None:
        """Start with nothing done."""
        self.received = 0
        self._files = files
        self._done = 0
        self._lock = threading.Lock()
        self._bar: tqdm[NoReturn] = tqdm(
            total=0, unit="B", unit_scale=True, disable=not show, desc=text, smoothing=0.1
        )
        self._bar.set_postfix_str(f"0/{files} files", refresh=False)

    def expect(self, size: int) -> None:
        """A file of so many bytes belongs to the whole."""
        with self._lock:
            self._bar.total = int(self._bar.total or 0) + size

    def skip(self, size: int) -> None:
        """So many bytes were here before; they count, but not for the speed."""
        with self._lock:
            skip(self._bar, size)

    def add(self, size: int) -> None:
        """So many bytes came over the network; negative if they have to come again."""
        with self._lock:
            self.received += max(size, 0)
            self._bar.update(size)

    def file_done(self) -> None:
        """One more file is whole."""
        with self._lock:
            self._done += 1
            self._bar.set_postfix_str(f"{self._done}/{self._files} files")

    def close(self) -> None:
        """Leave the last state of the bar on the screen."""
        with self._lock:
            self._bar.close()
