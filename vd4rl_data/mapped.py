"""Memory-mapped arrays as regions of files, together with a digest of the file's content."""

from __future__ import annotations

import hashlib
import mmap
import os
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.errors import DatasetChangedError, DatasetNotFoundError

_HEAD_BYTES: Final = 4096
_PAGES: Final = 64


@dataclass(frozen=True, slots=True)
class MappedRegion:
    """The region of a file that a mapped array views: enough to map it again in another process.

    Attributes:
        path: absolute path of the file.
        start: first byte of the file that is mapped.
        length: number of mapped bytes.
        digest: digest of the mapping, see :func:`_digest`.
        offset: offset of the array within the mapping, in bytes.
        shape: shape of the array, which is uint8.
    """

    path: str
    start: int
    length: int
    digest: str
    offset: int
    shape: tuple[int, ...]

    def open(self) -> NDArray[np.uint8]:
        """Map the array again.

        Raises:
            DatasetNotFoundError: the file does not exist on this machine.
            DatasetChangedError: the file's content has changed.
        """
        if not os.path.exists(self.path):
            raise DatasetNotFoundError(
                f"{self.path}: the file that the pickled frames are mapped from does not exist on "
                "this machine; load the dataset here instead"
            )
        size = os.path.getsize(self.path)
        if size < self.start + self.length:
            raise DatasetChangedError(
                f"{self.path}: expected at least {self.start + self.length} bytes, as when its "
                f"frames were pickled, got {size}; the file was replaced: load the dataset again"
            )
        mapping = np.memmap(self.path, np.uint8, "r", self.start, (self.length,))
        found = _digest(mapping)
        if found != self.digest:
            raise DatasetChangedError(
                f"{self.path}: expected the file whose frames were pickled (digest "
                f"{self.digest[:12]}), got another one ({found[:12]}); it was replaced: load the "
                "dataset again"
            )
        count = int(np.prod(self.shape, dtype=np.int64))
        return mapping[self.offset : self.offset + count].reshape(self.shape)


def mapped_region(array: NDArray[np.uint8]) -> MappedRegion | None:
    """The region of a file that a uint8 array views, or ``None`` if it views no ``numpy.memmap``.

    The digest is computed from the mapping, so it is right even if the file was replaced by another
    one in the meantime.
    """
    root = _memmap_of(array)
    if root is None:
        return None
    whole = np.frombuffer(cast("mmap.mmap", root.base), np.uint8)
    return MappedRegion(
        path=os.path.abspath(os.fspath(root.filename)),
        start=root.offset - root.offset % mmap.ALLOCATIONGRANULARITY,
        length=len(whole),
        digest=_digest(whole),
        offset=array.ctypes.data - whole.ctypes.data,
        shape=array.shape,
    )


def is_mapped(array: NDArray[np.uint8]) -> bool:
    """Whether an array views a ``numpy.memmap`` of a named file."""
    return _memmap_of(array) is not None


def _memmap_of(array: NDArray[np.uint8]) -> Any:
    """The ``numpy.memmap`` that an array views, or ``None``."""
    root: Any = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    found = isinstance(root, np.memmap) and root.filename is not None and array.size
    return cast("Any", root) if found else None


def _digest(mapping: NDArray[np.uint8]) -> str:
    """SHA-256 of the length and of evenly spread blocks of 4096 bytes, the first one included.

    The first block of a dataset file holds the hash of its structure, and so that of its whole
    content; the other blocks distinguish files of other kinds.
    """
    digest = hashlib.sha256(len(mapping).to_bytes(8, "little"))
    for begin in np.linspace(0, len(mapping), _PAGES + 1, endpoint=False).astype(np.int64):
        digest.update(mapping[begin : begin + _HEAD_BYTES].tobytes())
    return digest.hexdigest()
