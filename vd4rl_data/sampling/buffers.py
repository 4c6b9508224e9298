"""Memory for batches: lent, and taken back when the last array that looks into it is gone."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ALIGNMENT: Final = 64
"""Where buffers begin: at multiples of this many bytes, a cache line."""

_HUGE_PAGE: Final = 2**21
_SPARE_BUFFERS: Final = 2


class BatchMemory:
    """Lends buffers of one size.

    Fresh memory is slow: the kernel clears each page before our own bytes arrive, which costs as
    much as copying the batch. So a buffer returns to a small reserve once no array refers to it any
    more. A batch that is still referred to is never written to again, unless ``reuse``.
    """

    def __init__(self, size: int, *, reuse: bool) -> None:
        """Prepare to lend buffers of ``size`` bytes; with ``reuse`` the same one each time."""
        self.size = size
        self._reuse = reuse
        self._spare: list[NDArray[np.uint8]] = []
        self._only: NDArray[np.uint8] | None = None

    def lend(self) -> NDArray[np.uint8]:
        """uint8 (size,), uninitialized."""
        if self._reuse:
            if self._only is None:
                self._only = aligned_empty(self.size)
            return self._only
        try:
            memory = self._spare.pop()
        except IndexError:
            memory = aligned_empty(self.size)
        return np.asarray(_Lease(memory, self._spare))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.size, self._reuse)


class _Lease:
    """The common base of all arrays in one lent buffer; its end gives the buffer back."""

    def __init__(self, memory: NDArray[np.uint8], spare: list[NDArray[np.uint8]]) -> None:
        self.__array_interface__: dict[str, Any] = memory.__array_interface__
        self._memory = memory
        self._spare = spare

    def __del__(self) -> None:
        if len(self._spare) < _SPARE_BUFFERS:
            self._spare.append(self._memory)


def _restore(size: int, reuse: bool) -> BatchMemory:
    """A pickled copy starts with an empty reserve."""
    return BatchMemory(size, reuse=reuse)


def aligned_empty(size: int) -> NDArray[np.uint8]:
    """Uninitialized uint8 (size,), at a 64 byte boundary, large ones at a 2 MiB boundary.

    numpy advises the kernel to back large arrays by huge pages, but only whole aligned ones are;
    with all of a batch in them, gathering is about 5 % faster.
    """
    alignment = ALIGNMENT if size < _HUGE_PAGE else _HUGE_PAGE
    memory = np.empty(size + alignment, np.uint8)
    offset = -memory.ctypes.data % alignment
    return memory[offset : offset + size]
