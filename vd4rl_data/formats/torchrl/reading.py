"""Reader of memory-mapped TensorDicts of pixels, in TorchRL's layout of transitions.

Row t: ``pixels`` and ``action``, and in ``next`` the ``pixels``, ``reward``, ``terminated`` and
``truncated`` (or ``done``) that followed. Files hold nothing but rows; ``meta.json`` says which.
Within an episode the next frame of a row must be the frame of the row after it, and the last frame
of an episode must not be black: TorchRL's own loader of V-D4RL makes such a frame up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.errors import CorruptFileError, DatasetFormatError
from vd4rl_data.formats.checks import check_kind, check_rows, exact, fail
from vd4rl_data.formats.pieces import Expected, ReadEpisode

_META: Final = "meta.json"
_MAX_META_BYTES: Final = 1 << 24
_MAX_SMALL_BYTES: Final = 1 << 31
_INFOS: Final = "infos"
_NUMBERS: Final = "biuf"


@dataclass(frozen=True, slots=True)
class _Column:
    """An array in a file: nothing but rows."""

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Some rows; the file is read, not mapped, since the address space may be bounded."""
        size = math.prod(self.shape[1:])
        values = np.fromfile(
            self.path, self.dtype, (stop - start) * size, offset=start * size * self.dtype.itemsize
        )
        return values.reshape(stop - start, *self.shape[1:])


def read(path: Path, expected: Expected) -> Iterator[ReadEpisode]:
    """Yield the episodes of a folder, of which ``path`` is ``pixels.memmap``.

    Raises:
        CorruptFileError: a file is missing, or not as long as ``meta.json`` says.
        DatasetFormatError: a column is missing or unfit, or the ends contradict each other.
    """
    where = path.name
    columns = {key: _column(where, path.parent, key) for key in ("pixels", "action")}
    after = {
        key: _column(where, path.parent / "next", key) for key in _keys(where, path.parent / "next")
    }
    for key in ("pixels", "reward"):
        if key not in after:
            fail(where, f"next/{key}", "a column of this name", f"{sorted(after)}")
    rows = columns["pixels"].shape[0]
    small = _small(where, columns["action"], after, rows, expected)
    frame = _frame_shape(where, columns["pixels"], after["pixels"], expected)
    infos = _info_columns(path.parent)
    stops = np.flatnonzero(small["done"]) + 1
    if not stops.size or stops[-1] != rows:
        fail(where, "next/done", "true at the last row", f"{rows} rows, the last end before")
    start = 0
    for stop in map(int, stops):
        place = f"rows {start} to {stop - 1}"
        check_rows(f"{where}: {place}", stop - start + 1, expected)
        frames = _frames(f"{where}: {place}", columns["pixels"], after["pixels"], start, stop)
        part = slice(start, stop)
        terminated = bool(small["terminated"][stop - 1])
        episode = Episode(
            observations=_last_axis(frames, frame),
            actions=small["action"][part],
            rewards=small["reward"][part],
            discounts=small["discount"][part],
            terminated=terminated,
            truncated=not terminated,
            infos={name: _info(pair, start, stop) for name, pair in infos.items()},
        )
        yield ReadEpisode(episode, where, (), place)
        start = stop


def beside(path: Path) -> list[Path]:
    """The other files that ``pixels.memmap`` is read with, those of all levels, sorted."""
    found = (each for name in (_META, "*.memmap") for each in path.parent.rglob(name))
    return sorted(each for each in found if each != path)


def _meta(where: str, folder: Path) -> dict[str, Any]:
    path = folder / _META
    try:
        if path.stat().st_size > _MAX_META_BYTES:
            raise ValueError(f"{path.stat().st_size:,} bytes")
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise TypeError("no object")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise CorruptFileError(
            f"{where}: expected {_META} beside it, in {folder.name}, got {type(error).__name__}: "
            f"{error}"
        ) from error
    return cast("dict[str, Any]", found)


def _keys(where: str, folder: Path) -> list[str]:
    meta = _meta(where, folder)
    return [key for key, item in meta.items() if isinstance(item, dict) and "dtype" in item]


def _column(where: str, folder: Path, key: str) -> _Column:
    """A column of a level, whose file is as long as it must be."""
    item: Any = _meta(where, folder).get(key)
    try:
        name = str(item["dtype"]).removeprefix("torch.")
        shape = tuple(int(size) for size in item["shape"])
        dtype = np.dtype(name).newbyteorder("<")
        if dtype.kind not in _NUMBERS or min(shape, default=0) < 0 or not shape:
            raise ValueError(f"{name} of shape {shape}")
    except (TypeError, ValueError, KeyError) as error:
        raise DatasetFormatError(
            f"{where}: {key}: expected a column of numbers in {folder.name}/{_META}, got {error}"
        ) from error
    path = folder / f"{key}.memmap"
    declared = math.prod(shape) * dtype.itemsize
    stored = path.stat().st_size if path.is_file() else None
    if stored != declared:
        raise CorruptFileError(
            f"{where}: {folder.name}/{path.name}: the header declares {declared:,} bytes, the file "
            f"holds {'none' if stored is None else f'{stored:,}'}"
        )
    return _Column(path, dtype, shape)


def _small(
    where: str, action: _Column, after: dict[str, _Column], rows: int, expected: Expected
) -> dict[str, NDArray[Any]]:
    """Actions (N, A), and rewards, discounts and ends (N,)."""

    def load(key: str, column: _Column, row: tuple[int, ...] = ()) -> NDArray[Any]:
        check_kind(where, key, dtype=column.dtype, shape=column.shape, row_shapes=(row,))
        if column.shape[0] != rows or math.prod(column.shape) * 8 > _MAX_SMALL_BYTES:
            fail(where, key, f"{rows} rows (as many as pixels)", f"{column.shape[0]}")
        return column.rows(0, rows).reshape(rows, *row)

    flags = {
        key: exact(where, f"next/{key}", load(f"next/{key}", after[key]), "bool")
        for key in ("terminated", "truncated", "done")
        if key in after
    }
    if "done" not in flags and len(flags) < 2:
        fail(where, "next/done", "done, or terminated and truncated", f"{sorted(flags)}")
    terminated = flags.get("terminated", np.zeros(rows, np.bool_))
    done = flags.get("done", terminated | flags.get("truncated", terminated))
    early = np.flatnonzero((terminated | flags.get("truncated", terminated)) & ~done)
    if early.size:
        fail(where, "next/done", "true where an episode terminates or truncates", f"row {early[0]}")
    discounts = np.where(terminated, 0, 1).astype(np.float32)
    if "discount" in after:
        loaded = load("next/discount", after["discount"])
        discounts = exact(where, "next/discount", loaded, "float32")
    reward = load("next/reward", after["reward"])
    return {
        "action": exact(
            where, "action", load("action", action, (expected.action_size,)), "float32"
        ),
        "reward": reward.astype(np.float32),
        "discount": discounts,
        "terminated": terminated,
        "done": done,
    }


def _frame_shape(
    where: str, pixels: _Column, following: _Column, expected: Expected
) -> tuple[int, ...]:
    """The shape of a frame in the files: the channels stand first or last."""
    sides = (expected.size, expected.size)
    found = check_kind(
        where,
        "pixels",
        dtype=pixels.dtype,
        shape=pixels.shape,
        row_shapes=((*sides, 3), (3, *sides)),
    )
    if following.shape != pixels.shape or following.dtype != pixels.dtype:
        fail(where, "next/pixels", f"{pixels.dtype} of shape {pixels.shape}", f"{following.shape}")
    return found


def _frames(where: str, pixels: _Column, following: _Column, start: int, stop: int) -> Any:
    """T + 1 frames of an episode of the rows [start, stop), as they lie in the files."""
    frames = exact(where, "pixels", pixels.rows(start, stop), "uint8")
    last = exact(where, "next/pixels", following.rows(start, stop), "uint8")
    if not np.array_equal(frames[1:], last[:-1]):
        fail(where, "next/pixels", "the frame of the next row within an episode", "another one")
    if not last[-1].any():
        raise DatasetFormatError(
            f"{where}: next/pixels: expected the last frame of an episode, got a black one, which "
            "TorchRL's loader of V-D4RL makes up; import the authors' own files instead"
        )
    return np.concatenate([frames, last[-1:]])


def _last_axis(frames: NDArray[np.uint8], frame: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(frames.transpose(0, 2, 3, 1)) if frame[0] == 3 else frames


def _info_columns(folder: Path) -> dict[str, tuple[_Column | None, _Column]]:
    """Name → the column at a frame (``None``: a row belongs to a transition), and after it."""
    here, after = folder / _INFOS, folder / "next" / _INFOS
    if not (after / _META).is_file():
        return {}
    known = _keys(_INFOS, here) if (here / _META).is_file() else []
    return {
        name: (
            _column(_INFOS, here, name) if name in known else None,
            _column(_INFOS, after, name),
        )
        for name in sorted(_keys(_INFOS, after))
    }


def _info(pair: tuple[_Column | None, _Column], start: int, stop: int) -> NDArray[Any]:
    at, after = pair
    rows = after.rows(start, stop)
    return rows if at is None else np.concatenate([at.rows(start, start + 1), rows])
