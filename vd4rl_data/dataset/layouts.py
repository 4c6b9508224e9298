"""The array layouts that users of D4RL know, without its traps (``docs/semantics.md``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vd4rl_data.dataset.dataset import Dataset
from vd4rl_data.dataset.loading import dataset_id_of, load_dataset


def get_dataset(
    env_or_id: Any,
    *,
    source: str = "auto",
    root: str | Path | None = None,
    max_episodes: int | None = None,
    fraction: float | None = None,
    materialize: bool = False,
) -> dict[str, Any]:
    """D4RL's dictionary of whole-dataset arrays; the pixels are mapped from the file, not copied.

    Args:
        env_or_id: a dataset id, an environment from ``gymnasium.make``, or a vector environment.
        source: see :func:`vd4rl_data.load_dataset`, like all that follow.
        root: look in this folder alone.
        max_episodes: keep at most so many episodes.
        fraction: keep this share of the episodes.
        materialize: write a composite into one file first.

    Returns:
        ``observations`` uint8 (N, H, W, 3), ``actions`` float32 (N, A), ``rewards`` and
        ``discounts`` float32 (N,), ``terminals`` and ``timeouts`` bool (N,), each ``infos/...``
        array, and ``episode_starts`` int64 (E+1,). N counts T + 1 rows per episode: the last row
        of an episode holds only its final observation, and is marked in ``timeouts``.
        ``observations`` is a read-only array, or a :class:`vd4rl_data.FrameArray` for composites
        and subsets.

    Raises:
        As :func:`vd4rl_data.load_dataset`.
    """
    dataset = load_dataset(
        dataset_id_of(env_or_id),
        source=source,
        root=root,
        max_episodes=max_episodes,
        fraction=fraction,
        materialize=materialize,
    )
    return dataset_arrays(dataset)


def dataset_arrays(dataset: Dataset) -> dict[str, Any]:
    """The arrays of :func:`get_dataset` for an opened dataset."""
    rows = dataset.rows()
    keys = [
        key for key in dataset.stored[0].keys if all(key in part.keys for part in dataset.stored)
    ]
    if rows is not None:
        frames: Any = dataset.columns.frames.select(rows)
    elif len(dataset.stored) == 1:
        frames = dataset.stored[0].array("observations")
    else:
        frames = dataset.columns.frames
    arrays: dict[str, Any] = {"observations": frames}
    for key in keys[1:]:
        parts = [part.array(key) for part in dataset.stored]
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        arrays[key] = joined if rows is None else joined[rows]
    lengths = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(dataset.lengths + 1)])
    return {**arrays, "episode_starts": lengths}


def qlearning_dataset(env_or_id: Any, **options: Any) -> dict[str, Any]:
    """All transitions of a dataset, each with its own next observation.

    Unlike D4RL's function of this name, no transition is lost or crosses an episode's end, pixels
    stay uint8, and nothing is copied: both observation arrays are lazy views of the same frames.

    Args:
        env_or_id: as in :func:`get_dataset`; a :class:`Dataset` is taken too.
        **options: passed to :func:`vd4rl_data.load_dataset`.

    Returns:
        ``observations``, ``next_observations``: :class:`vd4rl_data.FrameArray` (M, H, W, 3);
        ``actions`` float32 (M, A); ``rewards`` float32 (M,); ``terminals`` bool (M,), true where
        there is nothing to bootstrap from.
    """
    dataset = _opened(env_or_id, options)
    columns = dataset.columns
    starts = columns.starts
    spans = [np.arange(int(starts[n]), int(starts[n + 1]) - 1) for n in dataset.episode_numbers()]
    rows = np.concatenate(spans)
    return {
        "observations": columns.frames.select(rows),
        "actions": columns.actions[rows],
        "rewards": columns.rewards[rows],
        "next_observations": columns.frames.select(rows + 1),
        "terminals": columns.terminals[rows],
    }


def sequence_dataset(env_or_id: Any, **options: Any) -> Iterator[dict[str, Any]]:
    """One dictionary per episode, complete: T transitions and T + 1 observations.

    Args:
        env_or_id: as in :func:`get_dataset`; a :class:`Dataset` is taken too.
        **options: passed to :func:`vd4rl_data.load_dataset`.

    Yields:
        ``observations`` uint8 (T+1, H, W, 3), ``actions`` float32 (T, A), ``rewards`` and
        ``discounts`` float32 (T,), ``terminals`` and ``timeouts`` bool (T,), one of the two true at
        T - 1, and each ``infos/...`` array.
    """
    for episode in _opened(env_or_id, options):
        timeouts = np.zeros(len(episode), dtype=np.bool_)
        timeouts[-1] = episode.truncated
        yield {
            "observations": episode.observations,
            "actions": episode.actions,
            "rewards": episode.rewards,
            "discounts": episode.discounts,
            "terminals": episode.terminals,
            "timeouts": timeouts,
            **{f"infos/{name}": values for name, values in episode.infos.items()},
        }


def _opened(env_or_id: Any, options: dict[str, Any]) -> Dataset:
    if isinstance(env_or_id, Dataset):
        return env_or_id
    return load_dataset(dataset_id_of(env_or_id), **options)
