"""Checks of single foreign arrays; the messages name file, field, expected and got.

Of each array a dataset needs certain numbers, not the very type that the published files have: what
can be converted without loss is converted, and everything else is refused (or, where a dataset does
without, left out by the reader).
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats.pieces import Expected

_NUMBERS: Final = "biuf"
_LARGEST_NUMBER: Final = 8
_EXACT: Final = {
    "uint8": "whole numbers from 0 to 255",
    "bool": "true or false, or 0 or 1",
    "float32": "float32, or numbers that float32 holds exactly",
    "float64": "float64, or numbers that float64 holds exactly",
}


def check_kind(
    where: str,
    key: str,
    *,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    row_shapes: tuple[tuple[int, ...], ...],
) -> tuple[int, ...]:
    """Check that an array holds numbers, in rows of one of the shapes that are understood.

    Sides of length one are overlooked: a reward may have the shape (rows, 1). Needs no array, so
    headers can be checked alone.

    Returns:
        The shape of a row that was found.

    Raises:
        DatasetFormatError: naming what was expected and found.
    """
    if dtype.kind not in _NUMBERS or dtype.itemsize > _LARGEST_NUMBER:
        fail(where, key, "numbers of at most 64 bits", f"{dtype}")
    found = _without_ones(shape[1:])
    fitting = [row_shape for row_shape in row_shapes if _without_ones(row_shape) == found]
    if not shape or not fitting:
        texts = [f"({', '.join(['rows', *map(str, row_shape)])})" for row_shape in row_shapes]
        fail(where, key, f"shape {' or '.join(texts)}", f"{shape}")
    return fitting[0]


def exact(where: str, key: str, values: NDArray[Any], dtype: str, first_row: int = 0) -> Any:
    """An array of numbers as ``dtype``, where that changes no value.

    Args:
        where: the file, named in messages.
        key: the array, named in messages.
        values: what the file holds, one row or more.
        dtype: what a dataset holds.
        first_row: the row of the file that ``values`` begin at.

    Raises:
        DatasetFormatError: a value would change.
    """
    if values.dtype == np.dtype(dtype):
        return values
    with np.errstate(all="ignore"):
        converted = values.astype(dtype)
        changed = converted.astype(values.dtype) != values
    if values.dtype.kind == "f" and np.dtype(dtype).kind == "f":
        changed &= ~np.isnan(values)
    row = first_true(changed.reshape(len(values), -1).any(axis=1))
    if row is not None:
        value = values[row][changed[row]].flat[0] if changed.ndim > 1 else values[row]
        got = f"{values.dtype} {value} at row {first_row + row}"
        hint = "; round the values first if that is meant" if dtype == "float32" else ""
        fail(where, key, _EXACT[dtype], got + hint)
    return converted


def real(where: str, key: str, values: NDArray[Any]) -> Any:
    """An array of numbers as float32 or float64, whichever it is; others become float64."""
    single = values.dtype == np.dtype("float32")
    return exact(where, key, values, "float32" if single else "float64")


def check_rows(where: str, rows: int, expected: Expected) -> None:
    """An episode has two rows at least and as many as the task's horizon allows at most.

    Raises:
        DatasetFormatError: it has fewer or more.
    """
    if not 2 <= rows <= expected.max_rows:
        fail(where, "action", f"2 to {expected.max_rows} rows in an episode", f"{rows}")


def first_true(flags: NDArray[np.bool_]) -> int | None:
    """The first row that is true, if any."""
    rows = np.flatnonzero(flags)
    return int(rows[0]) if rows.size else None


def fail(where: str, key: str, expected: str, got: str) -> NoReturn:
    """Raise the :class:`DatasetFormatError` of one field."""
    raise DatasetFormatError(f"{where}: {key}: expected {expected}, got {got}")


def _without_ones(row_shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for length in row_shape if length != 1)
