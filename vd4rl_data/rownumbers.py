"""Checks of row numbers: the integers that pick frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

ArrayRows: TypeAlias = NDArray[np.integer[Any]] | Sequence[int]
"""Row numbers: an integer array or a list."""


def checked_rows(rows: ArrayRows, count: int) -> NDArray[np.int64]:
    """Rows in [0, ``count``), of any shape.

    Raises:
        IndexError: they are not integers, or one is out of range.
    """
    wanted = np.asarray(rows)
    if wanted.size == 0:
        return np.zeros(wanted.shape, np.int64)
    if wanted.dtype.kind not in "iu":
        raise IndexError(f"FrameArray: expected integer rows, got dtype {wanted.dtype}")
    wanted = wanted.astype(np.int64, copy=False)
    # Negative rows are huge ones when read without a sign: one pass checks both bounds.
    if wanted.view(np.uint64).max() >= count:
        low, high = wanted.min(), wanted.max()
        bad = low if low < 0 else high
        raise IndexError(f"FrameArray: expected rows in [0, {count}), got {bad}")
    return wanted


def rows_of_index(key: Any, count: int) -> NDArray[np.int64]:
    """Rows of an index: an integer or integers in [-N, N), or a boolean mask of shape (N,).

    Raises:
        IndexError: it is none of these, or out of range.
    """
    index = np.asarray(key)
    if index.dtype == np.bool_:
        if index.shape != (count,):
            raise IndexError(f"FrameArray: expected a mask of shape ({count},), got {index.shape}")
        return np.flatnonzero(index)
    if index.size == 0:
        return np.zeros(index.shape, np.int64)
    if index.dtype.kind not in "iu":
        raise IndexError(
            f"FrameArray: expected integers, slices, masks or integer arrays, got {key!r}"
        )
    rows = index.astype(np.int64, copy=False)
    if rows.min() < -count or rows.max() >= count:
        raise IndexError(f"FrameArray: index {key!r} is out of bounds for {count} frames")
    return np.where(rows < 0, rows + count, rows)
