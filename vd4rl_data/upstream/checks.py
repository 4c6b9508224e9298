"""Checks of single foreign arrays; the messages name file, field, expected and got."""

from __future__ import annotations

from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.upstream.rows import Expected

FLOATS: Final = ("float32", "float64")


def check_kind(
    where: str,
    key: str,
    *,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    dtypes: tuple[str, ...],
    row_shape: tuple[int, ...],
) -> None:
    """Check dtype and the shape of one row; needs no array, so headers can be checked alone.

    Raises:
        DatasetFormatError: naming what was expected and found.
    """
    if not any(dtype == np.dtype(allowed) for allowed in dtypes):
        fail(where, key, f"dtype {' or '.join(dtypes)}", f"{dtype}")
    if len(shape) != 1 + len(row_shape) or shape[1:] != row_shape:
        rows = ", ".join(["rows", *map(str, row_shape)])
        fail(where, key, f"shape ({rows})", f"{shape}")


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
