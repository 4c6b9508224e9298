"""A read-only, lazy, numpy-like view of many uint8 frames that lie in one or several arrays."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias, cast, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vd4rl_data.errors import CorruptFileError, DatasetNotFoundError, LargeArrayWarning

LARGE_ARRAY_BYTES: Final = 2**30
"""Copying more than this into memory at once warns."""

_Frames: TypeAlias = NDArray[np.uint8]
_Rows: TypeAlias = NDArray[np.int64]


class FrameArray:
    """Frames of one or several uint8 (n_i, H, W, 3) arrays, seen as one (N, H, W, 3) array.

    Nothing is copied until frames are asked for: the arrays may be memory-mapped files, and
    ``rows`` may pick, repeat and reorder frames, so that a composite dataset, a subset of episodes
    or "the next observations" costs eight bytes per frame.

    Indexing follows numpy, on the first axis and on the ones behind it:

    * an integer, an integer array or a boolean mask gives an ``ndarray`` copy;
    * a slice gives a zero-copy read-only ``ndarray`` view if its frames lie in one array, evenly
      spaced; otherwise a lazy ``FrameArray``;
    * further indices (``frames[3, :, :, 0]``, ``frames[rows, 2:5]``) apply to what the first gave,
      which is then copied if it was lazy.

    ``np.asarray(frames)`` works; it copies unless all frames lie in one array, and warns with the
    size above 1 GiB. :meth:`take` is the fast way to fetch many frames.

    Pickling stores the bytes of arrays in memory, but only path and place of arrays that are views
    of a ``numpy.memmap``: they are mapped again from the same path on arrival.
    """

    __slots__ = ("_bounds", "_parts", "_rows")

    def __init__(
        self, parts: NDArray[Any] | Sequence[NDArray[Any]], rows: ArrayRows | None = None
    ) -> None:
        """Make the view.

        Args:
            parts: one or several C-contiguous uint8 arrays of shape (n_i, H, W, 3), same H and W.
            rows: integers in [0, sum of n_i), one for each frame of the view; ``None`` is every
                frame in order.

        Raises:
            TypeError: a part is not a uint8 array.
            ValueError: there is no part, or one has another shape or is not C-contiguous.
            IndexError: a row lies outside.
        """
        listed = [parts] if isinstance(parts, np.ndarray) else list(parts)
        self._parts = tuple(_readonly(part, number) for number, part in enumerate(listed))
        if not self._parts:
            raise ValueError("FrameArray: expected at least one array of frames, got none")
        for number, part in enumerate(self._parts):
            if part.shape[1:] != self._parts[0].shape[1:]:
                raise ValueError(
                    f"FrameArray: part {number}: expected frames of shape "
                    f"{self._parts[0].shape[1:]} like part 0, got {part.shape[1:]}"
                )
        self._bounds = np.cumsum([0, *(len(part) for part in self._parts)], dtype=np.int64)
        self._rows: _Rows | None = None
        if rows is not None:
            self._rows = _checked_rows(rows, int(self._bounds[-1])).reshape(-1)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, 3)."""
        _, height, width, channels = self._parts[0].shape
        return (len(self), height, width, channels)

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """``uint8``."""
        return np.dtype(np.uint8)

    @property
    def ndim(self) -> int:
        """4."""
        return 4

    @property
    def nbytes(self) -> int:
        """The bytes that a copy of all frames takes; the view itself takes almost none."""
        return math.prod(self.shape)

    @property
    def address(self) -> int:
        """Where the first frame lies in memory: copies run faster at equal alignment."""
        return self._parts[0].ctypes.data

    def __len__(self) -> int:
        return self._stored if self._rows is None else len(self._rows)

    def __repr__(self) -> str:
        mapped = sum(_file_region(part) is not None for part in self._parts)
        return (
            f"FrameArray(shape={self.shape}, dtype=uint8, {self.nbytes / 1e9:.2f} GB in "
            f"{len(self._parts)} arrays, {mapped} memory-mapped)"
        )

    def select(self, rows: ArrayRows) -> FrameArray:
        """A lazy view of frames ``rows``, integers of shape (M,) in [0, N).

        Raises:
            IndexError: a row lies outside.
        """
        wanted = _checked_rows(rows, len(self)).reshape(-1)
        return self._with_rows(wanted if self._rows is None else self._rows[wanted])

    def take(self, rows: ArrayRows, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Copy frames, in the order given.

        Args:
            rows: integers of any shape, in [0, N).
            out: where to write: C-contiguous uint8 of shape ``rows.shape + (H, W, 3)``.

        Returns:
            ``out``, or a new array of that shape.

        Raises:
            IndexError: a row lies outside.
            ValueError: ``out`` has another shape or dtype, or is not C-contiguous.
        """
        wanted = _checked_rows(rows, len(self))
        shape = wanted.shape + self.shape[1:]
        if out is None:
            out = np.empty(shape, np.uint8)
        elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise ValueError(
                f"FrameArray.take: out: expected C-contiguous uint8 of shape {shape}, got "
                f"{out.dtype} of shape {out.shape} (C-contiguous: {out.flags.c_contiguous})"
            )
        self.fetch(wanted, out)
        return out

    def fetch(self, rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        """:meth:`take` without its checks, for rows and ``out`` that are known to be right."""
        if self._rows is not None:
            rows = self._rows[rows]
        if len(self._parts) == 1:
            # "clip" never clips here; "raise" would make numpy fill a second buffer first.
            self._parts[0].take(rows, 0, out, "clip")
        elif rows.size:
            self._fetch_from_parts(rows.reshape(-1), out.reshape(-1, *out.shape[rows.ndim :]))

    @overload
    def __getitem__(self, key: slice) -> NDArray[np.uint8] | FrameArray: ...
    @overload
    def __getitem__(self, key: int | ArrayRows | NDArray[np.bool_]) -> NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            return self._getitem_tuple(cast("tuple[Any, ...]", key))
        if isinstance(key, slice):
            return self._slice(cast("slice[Any, Any, Any]", key))
        if key is Ellipsis:
            return self
        if key is None or isinstance(key, (bool, np.bool_)):
            return np.asarray(self)[cast("Any", key)]
        return self.take(_index_array(key, len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if len(self._parts) == 1 and self._rows is None:
            return np.array(self._parts[0], dtype=dtype, copy=copy)
        if copy is False:
            raise ValueError(
                "FrameArray: its frames do not lie in one array: unable to avoid a copy"
            )
        if self.nbytes > LARGE_ARRAY_BYTES:
            warnings.warn(
                f"copying {self.nbytes / 1e9:.1f} GB of frames into memory; index the FrameArray "
                "instead to fetch only what is needed",
                LargeArrayWarning,
                stacklevel=2,
            )
        frames = np.empty(self.shape, np.uint8)
        self.fetch(np.arange(len(self)), frames)
        return frames if dtype is None else frames.astype(dtype, copy=False)

    def __getstate__(self) -> dict[str, Any]:
        return {"parts": [_file_region(part) or part for part in self._parts], "rows": self._rows}

    def __setstate__(self, state: dict[str, Any]) -> None:
        parts = [part.open() if isinstance(part, _FileRegion) else part for part in state["parts"]]
        self.__init__(parts, state["rows"])

    @property
    def _stored(self) -> int:
        return int(self._bounds[-1])

    def _with_rows(self, rows: _Rows) -> FrameArray:
        view = FrameArray(self._parts)
        view._rows = rows
        return view

    def _fetch_from_parts(self, rows: _Rows, out: _Frames) -> None:
        owners = np.searchsorted(self._bounds, rows, side="right") - 1
        local = rows - self._bounds[owners]
        # One call per run of rows of the same array: frame stacks and windows are such runs. There
        # may be hundreds of runs, so the loop is kept lean (keyword arguments would double it).
        begins = np.concatenate(([0], np.flatnonzero(owners[1:] != owners[:-1]) + 1))
        spans = pairwise([*begins.tolist(), len(rows)])
        for part, (begin, end) in zip(owners[begins].tolist(), spans, strict=True):
            self._parts[part].take(local[begin:end], 0, out[begin:end], "clip")

    def _slice(self, key: slice) -> NDArray[np.uint8] | FrameArray:
        begin, end, step = key.indices(len(self))
        chosen = range(begin, end, step)
        if self._rows is not None:
            return self._with_rows(self._rows[key])
        if not chosen:
            return self._parts[0][:0]
        low, high = min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1])
        first, last = np.searchsorted(self._bounds, (low, high), side="right") - 1
        if first == last:
            offset = int(self._bounds[first])
            stop = end - offset if end >= offset else None
            return self._parts[first][begin - offset : stop : step]
        return self._with_rows(np.arange(begin, end, step, dtype=np.int64))

    def _getitem_tuple(self, key: tuple[Any, ...]) -> Any:
        if not key:
            return self
        first, rest = key[0], key[1:]
        if first is Ellipsis and len(rest) < self.ndim:
            first, rest = slice(None), (Ellipsis, *rest)
        if first is None or first is Ellipsis or isinstance(first, (bool, np.bool_)):
            return np.asarray(self)[cast("Any", key)]
        if not rest:
            return self[first]
        if isinstance(first, slice):
            return np.asarray(self._slice(cast("slice[Any, Any, Any]", first)))[:, *rest]
        rows = _index_array(first, len(self))
        # Positions for rows: numpy then pairs them with further index arrays as it always does.
        return self.take(rows.reshape(-1))[np.arange(rows.size).reshape(rows.shape), *rest]


ArrayRows: TypeAlias = NDArray[np.integer[Any]] | Sequence[int]
"""Row numbers: an integer array or a list."""


@dataclass(frozen=True, slots=True)
class _FileRegion:
    """Where the bytes of a memory-mapped array lie: enough to map it again in another process."""

    path: str
    file_bytes: int
    offset: int
    shape: tuple[int, ...]

    def open(self) -> NDArray[np.uint8]:
        if not os.path.exists(self.path):
            raise DatasetNotFoundError(
                f"{self.path}: the file that pickled frames are mapped from is not here; load the "
                "dataset on this machine instead"
            )
        found = os.path.getsize(self.path)
        if found != self.file_bytes:
            raise CorruptFileError(
                f"{self.path}: expected {self.file_bytes} bytes, as when the frames were pickled, "
                f"got {found}; the file was replaced: load the dataset again"
            )
        return np.memmap(self.path, np.uint8, "r", self.offset, self.shape)


def _file_region(part: NDArray[np.uint8]) -> _FileRegion | None:
    """The region of a file that ``part`` maps, or ``None`` if it views no ``numpy.memmap``."""
    root: Any = part
    while isinstance(root.base, np.ndarray):
        root = root.base
    if not isinstance(root, np.memmap) or root.filename is None or not part.size:
        return None
    mapping = cast("Any", root)
    path = os.path.abspath(os.fspath(mapping.filename))
    offset = int(mapping.offset) + part.ctypes.data - int(mapping.ctypes.data)
    return _FileRegion(path, os.path.getsize(path), offset, part.shape)


def _readonly(part: object, number: int) -> _Frames:
    """A read-only plain view: np.memmap's own indexing is slow."""
    if not isinstance(part, np.ndarray) or cast("NDArray[Any]", part).dtype != np.uint8:
        got = getattr(part, "dtype", type(part).__name__)
        raise TypeError(f"FrameArray: part {number}: expected a uint8 array, got {got}")
    view = np.asarray(cast("NDArray[np.uint8]", part)).view()
    if view.ndim != 4 or view.shape[3] != 3 or not view.flags.c_contiguous:
        raise ValueError(
            f"FrameArray: part {number}: expected a C-contiguous array of shape (n, H, W, 3), got "
            f"shape {view.shape} (C-contiguous: {view.flags.c_contiguous})"
        )
    view.flags.writeable = False
    return view


def _checked_rows(rows: ArrayRows, count: int) -> _Rows:
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


def _index_array(key: Any, count: int) -> _Rows:
    """Rows of an index: an integer or integers in [-N, N), or a boolean mask of shape (N,)."""
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
