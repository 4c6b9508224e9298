"""Checksums over rows: a CRC-32 per episode and one SHA-256 over the content of a dataset."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.storage.format import canonical_json


class ContentHasher:
    """Hashes a dataset episode by episode, in either layout.

    The content hash is the SHA-256 of a canonical JSON object that gives for each array its dtype,
    its shape and the SHA-256 of its bytes (C order, little endian), so one pass computes it.
    """

    def __init__(self) -> None:
        """Start with no rows."""
        self._digests: dict[str, Any] = {}
        self._kinds: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._rows: dict[str, int] = {}

    def update(self, rows: Mapping[str, NDArray[Any]]) -> int:
        """Add one episode's rows of every array; returns their CRC-32 in the order given."""
        checksum = 0
        for key, values in rows.items():
            block = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
            checksum = zlib.crc32(block, checksum)
            if key not in self._digests:
                self._digests[key] = hashlib.sha256()
                self._kinds[key] = (values.dtype.str, values.shape[1:])
                self._rows[key] = 0
            self._digests[key].update(block)
            self._rows[key] += len(values)
        return checksum

    def content_sha256(self, episode_starts: NDArray[np.int64]) -> str:
        """The content hash of all rows so far, with the given episode boundaries, shape (E+1,)."""
        arrays = {
            key: {
                "dtype": self._kinds[key][0],
                "shape": [self._rows[key], *self._kinds[key][1]],
                "sha256": digest.hexdigest(),
            }
            for key, digest in self._digests.items()
        }
        arrays["episode_starts"] = {
            "dtype": "<i8",
            "shape": [len(episode_starts)],
            "sha256": hashlib.sha256(episode_starts.astype("<i8").tobytes()).hexdigest(),
        }
        return hashlib.sha256(canonical_json(arrays).encode()).hexdigest()
