"""Episode ⇄ rows: T transitions become T + 1 rows of every array, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import NO_PIXELS, Episode, rows_kind
from vd4rl_data.errors import InvalidEpisodeError
from vd4rl_data.storage.format import INFO_GROUP, PIXELS, ROW_KEYS, info_key

ROW_KINDS: Final = ("observation", "transition")
MOST_INFOS: Final = 1000
_LARGEST_NUMBER: Final = 8


@dataclass(frozen=True, slots=True)
class Column:
    """One array of the file: key, shape and dtype of one row, and what a row belongs to."""

    key: str
    row_shape: tuple[int, ...]
    dtype: str
    kind: str

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.row_shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


def row_starts(lengths: Sequence[int]) -> NDArray[np.int64]:
    """int64 (E+1,): the first row of each episode, given its number of transitions."""
    rows = np.asarray(lengths, dtype=np.int64) + 1
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(rows)])


def columns_of(episode: Episode) -> tuple[Column, ...]:
    """The arrays that hold episodes like this one, in the order in which they are hashed.

    Raises:
        InvalidEpisodeError: there are too many infos, a row holds no number, or its numbers have
            more than 64 bits, whose bytes depend on the machine.
    """
    if len(episode.infos) > MOST_INFOS:
        raise InvalidEpisodeError(
            f"infos: expected at most {MOST_INFOS} arrays, got {len(episode.infos)}"
        )
    kinds = {
        info_key(name): rows_kind(values, len(episode)) for name, values in episode.infos.items()
    }
    kinds[PIXELS] = "observation"
    columns = tuple(
        Column(key, values.shape[1:], values.dtype.str, kinds.get(key, "transition"))
        for key, values in episode_rows(episode).items()
    )
    for column in columns:
        if not column.row_bytes or np.dtype(column.dtype).itemsize > _LARGEST_NUMBER:
            raise InvalidEpisodeError(
                f"{column.key}: expected rows of at least one number of at most 64 bits, got dtype "
                f"{column.dtype} and rows of shape {column.row_shape}"
            )
    return columns


def episode_rows(episode: Episode) -> dict[str, NDArray[Any]]:
    """All arrays of one episode with T + 1 rows each; transition arrays get a last row of zeros.

    An episode without pixels has no array of them.
    """
    transitions = len(episode)
    timeouts = np.zeros(transitions + 1, dtype=np.bool_)
    timeouts[-1] = True
    rows: dict[str, NDArray[Any]] = dict(
        zip(
            ROW_KEYS,
            (
                episode.observations,
                _padded(episode.actions),
                _padded(episode.rewards),
                _padded(episode.discounts),
                _padded(episode.terminals),
                timeouts,
            ),
            strict=True,
        )
    )
    if not episode.has_pixels:
        del rows[PIXELS]
    for name in sorted(episode.infos):
        values = episode.infos[name]
        rows[info_key(name)] = values if len(values) == transitions + 1 else _padded(values)
    return {key: _little_endian(values) for key, values in rows.items()}


def rows_episode(rows: Mapping[str, NDArray[Any]], kinds: Mapping[str, str]) -> Episode:
    """The inverse of :func:`episode_rows`; ``kinds`` maps each infos key to its row kind."""
    transitions = len(rows["actions"]) - 1
    pixels = rows.get(PIXELS)
    if pixels is None:
        pixels = np.empty((transitions + 1, NO_PIXELS, NO_PIXELS, 3), np.uint8)
    terminated = bool(rows["terminals"][transitions - 1])
    infos = {
        key.removeprefix(f"{INFO_GROUP}/"): rows[key] if kind == "observation" else rows[key][:-1]
        for key, kind in kinds.items()
    }
    return Episode(
        observations=pixels,
        actions=rows["actions"][:-1],
        rewards=rows["rewards"][:-1],
        discounts=rows["discounts"][:-1],
        terminated=terminated,
        truncated=not terminated,
        infos=infos,
    )


def check_same_columns(where: str, expected: tuple[Column, ...], got: tuple[Column, ...]) -> None:
    """Check that an episode has the same arrays as the others of its dataset.

    Raises:
        InvalidEpisodeError: it does not; the message names the first array that differs.
    """
    if expected == got:
        return
    by_key = {column.key: column for column in got}
    for column in expected:
        other = by_key.pop(column.key, None)
        if other != column:
            raise InvalidEpisodeError(
                f"{where}: {column.key}: expected {column} like the first episode, got {other}"
            )
    raise InvalidEpisodeError(
        f"{where}: expected the arrays of the first episode, got also {by_key}"
    )


def _padded(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([values, np.zeros((1, *values.shape[1:]), dtype=values.dtype)])


def _little_endian(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
