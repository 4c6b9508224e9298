"""Writer of ``vd4rl-npz``.

``<time>-<id>-<T>.npz`` with ``image`` (T+1, H, W, 3), ``action``, ``reward``, ``discount``,
``is_first``, ``is_last``, ``is_terminal``. The time counts seconds from 2000, one per episode, so
names sort in the order of the episodes; the id is a hash of the content.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.errors import InvalidEpisodeError
from vd4rl_data.formats.rows import Rows, unshifted
from vd4rl_data.spec import TaskSpec
from vd4rl_data.storage.archive import write_npz
from vd4rl_data.storage.atomic import atomic_path

_EPOCH: Final = dt.datetime(2000, 1, 1)  # a counter in the shape of a time


def write(
    episodes: Iterator[Episode], folder: Path, *, proprioception_of: TaskSpec | None = None
) -> Iterator[Path]:
    """Write a file for each episode.

    Args:
        episodes: valid ones.
        folder: where to.
        proprioception_of: write the variant that the collecting driver recorded: no ``discount``,
            rewards float32, and ``infos["state"]`` under this task's own keys.

    Raises:
        InvalidEpisodeError: the format cannot say what an episode holds.
        NoSpaceError: the disk is full.
    """
    for number, episode in enumerate(episodes):
        where = f"episode {number}"
        rows = unshifted(where, episode)
        arrays = (
            _converted_arrays(episode, rows)
            if proprioception_of is None
            else _recorded_arrays(where, episode, rows, proprioception_of)
        )
        path = folder / _npz_name(number, episode, arrays)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            write_npz(file, arrays, compressed=True)
        yield path


def _npz_name(number: int, episode: Episode, arrays: dict[str, NDArray[Any]]) -> str:
    """``<time>-<id>-<T>.npz``: sorts by number, and differs where the content does."""
    time = (_EPOCH + dt.timedelta(seconds=number)).strftime("%Y%m%dT%H%M%S")
    digest = hashlib.sha256()
    for key, values in arrays.items():
        digest.update(f"{key} {values.dtype.str} {values.shape} ".encode())
        digest.update(np.ascontiguousarray(values).data.cast("B"))
    return f"{time}-{digest.hexdigest()[:32]}-{len(episode)}.npz"


def _flags(episode: Episode) -> dict[str, NDArray[Any]]:
    rows = np.arange(len(episode) + 1)
    last = rows == len(episode)
    return {"is_first": rows == 0, "is_last": last, "is_terminal": last & episode.terminated}


def _converted_arrays(episode: Episode, rows: Rows) -> dict[str, NDArray[Any]]:
    """The variant that the papers' converter writes."""
    return {
        "image": rows.observations,
        "action": rows.actions,
        "reward": rows.rewards,
        "discount": rows.discounts,
        **_flags(episode),
    }


def _recorded_arrays(
    where: str, episode: Episode, rows: Rows, task: TaskSpec
) -> dict[str, NDArray[Any]]:
    """The variant of the collecting driver, with proprioception and without discounts."""
    layout = task.state_layout
    columns = sum(count for _, count in layout)
    got = None if rows.state is None else rows.state.shape[1]
    if not layout or rows.state is None or got != columns:
        raise InvalidEpisodeError(
            f"{where}: infos/state: expected the proprioception of {task.name}, float32 with "
            f"{columns} columns and a row per observation, got {got or 'none'}"
        )
    if not np.isin(episode.discounts, (0.0, 1.0)).all():
        raise InvalidEpisodeError(
            f"{where}: discounts: expected 0 or 1, which is all this variant can say"
        )
    arrays: dict[str, NDArray[Any]] = {}
    start = 0
    for key, count in layout:
        block = rows.state[:, start : start + count]
        arrays[key] = block[:, 0] if count == 1 else block
        start += count
    return {
        "image": rows.observations,
        "action": rows.actions,
        "reward": rows.rewards.astype(np.float32),
        **arrays,
        **_flags(episode),
    }
