"""Reductions (sum, mean, …) over many frames, block by block: exact, and with little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

Axis: TypeAlias = int | tuple[int, ...] | None
"""Axes to reduce, as in numpy; ``None`` for all."""

BLOCKWISE: Final = frozenset({"sum", "mean", "var", "std", "min", "max"})
"""The methods of :class:`BlockReductions`."""

_BLOCK_BYTES: Final = 2**26


class BlockReductions:
    """numpy's reductions, with numpy's arguments, of uint8 arrays that are read block by block."""

    def __init__(
        self, shape: tuple[int, ...], take: Callable[[int, int], NDArray[np.uint8]]
    ) -> None:
        """Args:
        shape: shape of the whole array.
        take: a function that returns rows ``begin`` to ``end``.
        """
        self._shape = shape
        self._take = take

    def min(self, axis: Axis = None, out: Any = None, keepdims: bool = False) -> Any:
        """As ``numpy.min``."""
        return _finished(self._reduced(np.minimum, axis, np.uint8, keepdims), None, out)

    def max(self, axis: Axis = None, out: Any = None, keepdims: bool = False) -> Any:
        """As ``numpy.max``."""
        return _finished(self._reduced(np.maximum, axis, np.uint8, keepdims), None, out)

    def sum(
        self,
        axis: Axis = None,
        dtype: DTypeLike | None = None,
        out: Any = None,
        keepdims: bool = False,
    ) -> Any:
        """As ``numpy.sum``."""
        return _finished(self._reduced(np.add, axis, np.uint64, keepdims), dtype, out)

    def mean(
        self,
        axis: Axis = None,
        dtype: DTypeLike | None = None,
        out: Any = None,
        keepdims: bool = False,
    ) -> Any:
        """As ``numpy.mean``; the sum is exact."""
        total = self._reduced(np.add, axis, np.uint64, keepdims)
        return _finished(total / self._count(axis), dtype, out)

    def var(
        self,
        axis: Axis = None,
        dtype: DTypeLike | None = None,
        out: Any = None,
        ddof: int = 0,
        keepdims: bool = False,
    ) -> Any:
        """As ``numpy.var``; both sums, of values and of squares, are exact."""
        return _finished(self._variance(axis, ddof, keepdims), dtype, out)

    def std(
        self,
        axis: Axis = None,
        dtype: DTypeLike | None = None,
        out: Any = None,
        ddof: int = 0,
        keepdims: bool = False,
    ) -> Any:
        """As ``numpy.std``; both sums, of values and of squares, are exact."""
        return _finished(np.sqrt(self._variance(axis, ddof, keepdims)), dtype, out)

    def _variance(self, axis: Axis, ddof: int, keepdims: bool) -> Any:
        axes = self._axes(axis)
        totals, squares = [], []
        for block in self._blocks():
            totals.append(np.add.reduce(block, axis=axes, dtype=np.uint64, keepdims=True))
            squares.append(
                np.add.reduce(_squared(block), axis=axes, dtype=np.uint64, keepdims=True)
            )
        total = _joined(np.add, totals, axes, keepdims).astype(np.float64)
        square = _joined(np.add, squares, axes, keepdims)
        count = self._count(axis)
        return np.maximum(square - total * (total / count), 0.0) / max(count - ddof, 0)

    def _count(self, axis: Axis) -> int:
        return int(np.prod([self._shape[one] for one in self._axes(axis)], dtype=np.int64))

    def _axes(self, axis: Axis) -> tuple[int, ...]:
        ndim = len(self._shape)
        given = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        for one in given:
            if not -ndim <= one < ndim:
                raise np.exceptions.AxisError(one, ndim)
        return tuple(sorted({one % ndim for one in given}))

    def _reduced(self, function: np.ufunc, axis: Axis, dtype: DTypeLike, keepdims: bool) -> Any:
        axes = self._axes(axis)
        parts = [
            function.reduce(block, axis=axes, dtype=dtype, keepdims=True)
            for block in self._blocks()
        ]
        return _joined(function, parts, axes, keepdims)

    def _blocks(self) -> Iterator[NDArray[np.uint8]]:
        rows = self._shape[0]
        step = max(1, _BLOCK_BYTES // max(1, int(np.prod(self._shape[1:]))))
        for begin in range(0, max(rows, 1), step):
            yield self._take(begin, min(begin + step, rows))


def _joined(
    function: np.ufunc, parts: list[NDArray[Any]], axes: tuple[int, ...], keepdims: bool
) -> Any:
    """The reduction of the whole array, from those of its blocks (which kept their axes)."""
    whole = function.reduce(parts, axis=0) if 0 in axes else np.concatenate(parts)
    return whole if keepdims else np.squeeze(whole, axes)[()]


def _squared(block: NDArray[np.uint8]) -> NDArray[np.uint16]:
    wide = block.astype(np.uint16)
    return wide * wide


def _finished(values: Any, dtype: DTypeLike | None, out: Any) -> Any:
    """Apply ``dtype`` and ``out`` to a result, as numpy's reductions do."""
    if out is not None:
        out[...] = values
        return out
    return values if dtype is None else np.asarray(values, dtype)[()]
