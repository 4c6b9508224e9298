"""A read-only, lazy, numpy-like view of many uint8 frames in one or several arrays."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NoReturn, TypeAlias, cast, overload

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

from vd4rl_data.errors import LargeArrayWarning
from vd4rl_data.mapped import MappedRegion, is_mapped, mapped_region
from vd4rl_data.reductions import BLOCKWISE, BlockReductions
from vd4rl_data.rownumbers import ArrayRows, checked_rows, rows_of_index

LARGE_ARRAY_BYTES: Final = 2**30
"""Copying more bytes than this into memory at once gives a warning (1 GiB)."""

SLICE_BYTES: Final = 2**28
"""A slice of at most this many bytes is an array, a longer one stays lazy (256 MiB)."""

_COPYING: Final = {"astype", "copy", "flatten", "repeat", "tobytes", "tolist"}
_WRITING: Final = {"fill", "itemset", "partition", "put", "resize", "setfield", "setflags", "sort"}
_OF_ONE_MEMORY: Final = {"base", "ctypes", "data", "flags", "strides"}

_CPU: Final = (1, 0)  # DLPack's name of it

_Frames: TypeAlias = NDArray[np.uint8]
_Rows: TypeAlias = NDArray[np.int64]


class FrameArray(NDArrayOperatorsMixin):
    """Frames of one or several uint8 (n_i, H, W, 3) arrays, seen as one (N, H, W, 3) array.

    Nothing is copied until frames are read: the arrays may be memory-mapped files, and ``rows`` may
    pick, repeat and reorder frames, so that a composite dataset, a subset of episodes or "the next
    observations" takes eight bytes per frame.

    The results do not depend on where the frames are stored:

    * Indexing follows numpy, on the first axis and on the ones behind it. It gives an ``ndarray``
      of your own; only a slice of more than 256 MiB stays a lazy ``FrameArray``.
    * ``np.asarray(frames)`` is a read-only ``ndarray``, without a copy if all frames are in one
      array. ``np.array(frames)`` is your own copy. Copies above 1 GiB warn with their size.
    * ``sum``, ``mean``, ``var``, ``std``, ``min`` and ``max`` read block by block. Arithmetic and
      everything else that numpy's functions and an array's methods read (``astype``, ``reshape``,
      ``transpose``, …) works on ``np.asarray(frames)``, and what would write says so.
    * ``torch.as_tensor``, ``torch.from_dlpack`` and the like get a copy in one go.

    :meth:`take` is the fast way to fetch many frames.

    Pickling stores the bytes of arrays in memory, but only path and position of arrays that are
    views of a ``numpy.memmap``: these are mapped again when unpickled, if the file is the same.
    """

    __slots__ = ("_bounds", "_parts", "_rows")

    dtype: Final = np.dtype(np.uint8)
    ndim: Final = 4

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
            IndexError: a row is out of range.
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
            self._rows = checked_rows(rows, int(self._bounds[-1])).reshape(-1)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, 3)."""
        _, height, width, channels = self._parts[0].shape
        return (len(self), height, width, channels)

    @property
    def size(self) -> int:
        """The number of values, N * H * W * 3: the bytes of a copy, not of the view itself."""
        return math.prod(self.shape)

    nbytes = size

    @property
    def address(self) -> int:
        """Memory address of the first frame: copies run faster at equal alignment."""
        return self._parts[0].ctypes.data

    def __len__(self) -> int:
        return int(self._bounds[-1]) if self._rows is None else len(self._rows)

    def __repr__(self) -> str:
        mapped = sum(is_mapped(part) for part in self._parts)
        return (
            f"FrameArray(shape={self.shape}, dtype=uint8, {self.nbytes / 1e9:.2f} GB in "
            f"{len(self._parts)} arrays, {mapped} memory-mapped)"
        )

    def select(self, rows: ArrayRows) -> FrameArray:
        """A lazy view of frames ``rows``, integers of shape (M,) in [0, N).

        Raises:
            IndexError: a row lies outside.
        """
        wanted = checked_rows(rows, len(self)).reshape(-1)
        view = FrameArray(self._parts)
        view._rows = wanted if self._rows is None else self._rows[wanted]
        return view

    def followed_by(self, others: Sequence[FrameArray]) -> FrameArray:
        """These frames and then those of the others; only picked ones (``rows``) are copied."""
        all_of = [self, *others]
        parts = [(one._plain(),) if one._rows is not None else one._parts for one in all_of]
        return FrameArray([part for several in parts for part in several])

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
        wanted = checked_rows(rows, len(self))
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
        if type(key) is int and -len(self) <= key < len(self):
            return self._frame(key % len(self))
        if isinstance(key, tuple):
            return self._getitem_tuple(cast("tuple[Any, ...]", key))
        if isinstance(key, slice):
            return self._slice(cast("slice[Any, Any, Any]", key))
        if key is Ellipsis:
            return self
        if key is None or isinstance(key, (bool, np.bool_)):
            return np.array(np.asarray(self)[cast("Any", key)])
        return self.take(rows_of_index(key, len(self)))

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        _refuse_writing()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        in_one = len(self._parts) == 1 and self._rows is None
        other = dtype is not None and np.dtype(dtype) != np.uint8
        if copy is False and (other or not in_one):
            raise ValueError(
                "FrameArray: its frames do not lie in one uint8 array: unable to avoid a copy"
            )
        if copy or other or not in_one:
            self._warn_of_copies()
        if other:
            return self._plain().astype(dtype)
        return self.take(np.arange(len(self))) if copy else self._plain()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(out, FrameArray) for out in options.get("out", ())):
            _refuse_writing()
        self._warn_of_copies()
        arrays = [one._plain() if isinstance(one, FrameArray) else one for one in inputs]
        return getattr(ufunc, method)(*arrays, **options)

    def __dlpack__(self, **options: Any) -> Any:
        """A copy of all frames for another library: nobody may write to mapped files.

        Args:
            **options: of the protocol; what this numpy does not know is left out.

        Raises:
            BufferError: a copy, or a device other than the CPU, is not wanted.
        """
        if options.get("copy") is False or options.get("dl_device") not in (None, _CPU):
            raise BufferError("FrameArray: frames are handed over as a copy on the CPU only")
        return np.array(self).__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        """The CPU."""
        return _CPU

    def __getattr__(self, name: str) -> Any:
        """What else an array has.

        Raises:
            AttributeError: an array has no such attribute, or it would write, or look into a memory
                that is not there; the message says what to do.
        """
        if name in BLOCKWISE:
            blocks = BlockReductions(self.shape, lambda i, j: self.take(np.arange(i, j)))
            return getattr(blocks, name)
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"'FrameArray' object has no attribute {name!r}")
        if name in _WRITING | _OF_ONE_MEMORY:
            raise AttributeError(
                f"FrameArray: no {name!r}: frames are lazy and read-only; np.array(frames) makes "
                f"an array of your own that has it ({self.nbytes / 1e9:.2f} GB)"
            )
        if name in _COPYING:
            self._warn_of_copies()
            return getattr(self._plain(), name)
        return getattr(np.asarray(self), name)

    def __getstate__(self) -> dict[str, Any]:
        return {"parts": [mapped_region(part) or part for part in self._parts], "rows": self._rows}

    def __setstate__(self, state: dict[str, Any]) -> None:
        parts = [part.open() if isinstance(part, MappedRegion) else part for part in state["parts"]]
        self.__init__(parts, state["rows"])

    def _warn_of_copies(self) -> None:
        if self.nbytes > LARGE_ARRAY_BYTES:
            warnings.warn(
                f"copying {self.nbytes / 1e9:.1f} GB of frames into memory; index the FrameArray "
                "instead to fetch only what is needed",
                LargeArrayWarning,
                stacklevel=3,
            )

    def _plain(self) -> NDArray[np.uint8]:
        """All frames, read-only; a copy unless they lie in one array."""
        if len(self._parts) == 1 and self._rows is None:
            return self._parts[0].view()
        frames = self.take(np.arange(len(self)))
        frames.flags.writeable = False
        return frames

    def _fetch_from_parts(self, rows: _Rows, out: _Frames) -> None:
        owners = np.searchsorted(self._bounds, rows, side="right") - 1
        local = rows - self._bounds[owners]
        # One call per run of rows of the same array; keyword arguments would double its time.
        begins = np.concatenate(([0], np.flatnonzero(owners[1:] != owners[:-1]) + 1))
        spans = pairwise([*begins.tolist(), len(rows)])
        for part, (begin, end) in zip(owners[begins].tolist(), spans, strict=True):
            self._parts[part].take(local[begin:end], 0, out[begin:end], "clip")

    def _frame(self, row: int) -> _Frames:
        """:meth:`take` of one row, for loops over single frames: ten times as fast."""
        stored = row if self._rows is None else int(self._rows[row])
        part = int(self._bounds.searchsorted(stored, side="right")) - 1
        return self._parts[part][stored - int(self._bounds[part])].copy()

    def _slice(self, key: slice) -> NDArray[np.uint8] | FrameArray:
        lazy = self._lazy_slice(key)
        return lazy if lazy.nbytes > SLICE_BYTES else lazy.take(np.arange(len(lazy)))

    def _lazy_slice(self, key: slice) -> FrameArray:
        """The frames of a slice, in one array if they lie one after the other in one."""
        begin, end, step = key.indices(len(self))
        if self._rows is None and step == 1 and begin < end:
            first, last = np.searchsorted(self._bounds, (begin, end - 1), side="right") - 1
            if first == last:
                offset = int(self._bounds[first])
                return FrameArray(self._parts[first][begin - offset : end - offset])
        return self.select(np.arange(begin, end, step, dtype=np.int64))

    def _getitem_tuple(self, key: tuple[Any, ...]) -> Any:
        if not key:
            return self
        first, rest = key[0], key[1:]
        if first is Ellipsis and len(rest) < self.ndim:
            first, rest = slice(None), (Ellipsis, *rest)
        if first is None or first is Ellipsis or isinstance(first, (bool, np.bool_)):
            return np.array(np.asarray(self)[cast("Any", key)])
        if not rest:
            return self[first]
        if isinstance(first, slice):
            lazy = self._lazy_slice(cast("slice[Any, Any, Any]", first))
            return np.array(np.asarray(lazy)[:, *rest])
        rows = rows_of_index(first, len(self))
        # Positions for rows: numpy then pairs them with further index arrays as it always does.
        return self.take(rows.reshape(-1))[np.arange(rows.size).reshape(rows.shape), *rest]


def _refuse_writing() -> NoReturn:
    raise ValueError(
        "FrameArray: frames are read-only: write to a copy of your own, np.array(frames)"
    )


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
