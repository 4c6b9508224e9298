"""The array layouts that users of D4RL know, without its traps (``docs/semantics.md``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.dataset.dataset import Dataset
from vd4rl_data.dataset.loading import dataset_id_of, load_dataset

LAYOUTS: Final = ("stored", "d4rl")
"""What :func:`get_dataset` can arrange its rows in."""


def get_dataset(
    env_or_id: Any,
    *,
    source: str = "auto",
    root: str | Path | None = None,
    max_episodes: int | None = None,
    fraction: float | None = None,
    materialize: bool = False,
    layout: str = "stored",
) -> dict[str, Any]:
    """D4RL's dictionary of whole-dataset arrays; the pixels are mapped from the file, not copied.

    Args:
        env_or_id: a dataset id, an environment from ``gymnasium.make``, or a vector environment.
        source: see :func:`vd4rl_data.load_dataset`, like all that follow.
        root: look in this folder alone.
        max_episodes: keep at most so many episodes.
        fraction: keep this share of the episodes.
        materialize: write a composite into one file first.

        layout: ``"stored"``: N counts T + 1 rows per episode, as in the file. The last row of an
            episode holds only its final observation, and is marked in ``timeouts``; a termination
            is marked in ``terminals`` at its own transition. D4RL's ``qlearning_dataset`` reads
            exactly the transitions from it. ``"d4rl"``: T rows per episode, one a transition, with
            ``next_observations``; ``timeouts`` marks the last one of an episode that was truncated,
            ``terminals`` that of one that terminated. Whatever cuts episodes where one of the two
            is true, as D4RL's ``sequence_dataset`` does, reads exactly the episodes from it.

    Returns:
        ``observations`` uint8 (N, H, W, 3), a lazy and read-only :class:`vd4rl_data.FrameArray`;
        and arrays of your own: ``actions`` float32 (N, A), ``rewards`` and ``discounts`` float32
        (N,), ``terminals`` and ``timeouts`` bool (N,), and each ``infos/...`` array that all parts
        have, row t belonging to observation t. Every value has N rows.
        :attr:`vd4rl_data.Dataset.episode_starts` says where episodes begin in the stored layout.

    Raises:
        ValueError: unknown layout.
        As :func:`vd4rl_data.load_dataset`.
    """
    _check_layout(layout)
    dataset = load_dataset(
        dataset_id_of(env_or_id),
        source=source,
        root=root,
        max_episodes=max_episodes,
        fraction=fraction,
        materialize=materialize,
    )
    return dataset_arrays(dataset, layout)


def dataset_arrays(dataset: Dataset, layout: str = "stored") -> dict[str, Any]:
    """The arrays of :func:`get_dataset` for an opened dataset."""
    _check_layout(layout)
    frames = dataset.frames
    rows = dataset.rows() if layout == "stored" else _transition_rows(dataset)
    arrays: dict[str, Any] = {"observations": frames if rows is None else frames.select(rows)}
    for key in dataset.stored[0].keys[1:]:
        if all(key in part.keys for part in dataset.stored):
            joined = np.concatenate([part.array(key) for part in dataset.stored])
            arrays[key] = joined if rows is None else joined[rows]
    if layout == "d4rl" and rows is not None:
        last = np.cumsum(dataset.lengths) - 1
        arrays["timeouts"] = np.zeros(len(rows), np.bool_)
        arrays["timeouts"][last] = ~arrays["terminals"][last]
        arrays["next_observations"] = frames.select(rows + 1)
    return arrays


def qlearning_dataset(env_or_id: Any, **options: Any) -> dict[str, Any]:
    """All transitions of a dataset, each with its own next observation.

    Unlike D4RL's function of this name, no transition is lost or crosses an episode's end, pixels
    stay uint8, and nothing is copied: both observation arrays are lazy views of the same frames.

    Args:
        env_or_id: as in :func:`get_dataset`; a :class:`Dataset` is taken too.
        **options: passed to :func:`vd4rl_data.load_dataset`; none for a :class:`Dataset`.

    Returns:
        ``observations``, ``next_observations``: :class:`vd4rl_data.FrameArray` (M, H, W, 3);
        ``actions`` float32 (M, A); ``rewards`` float32 (M,); ``terminals`` bool (M,), true where
        there is nothing to bootstrap from.
    """
    dataset = _opened(env_or_id, options)
    columns = dataset.columns
    rows = _transition_rows(dataset)
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
        **options: passed to :func:`vd4rl_data.load_dataset`; none for a :class:`Dataset`.

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


def _transition_rows(dataset: Dataset) -> NDArray[np.int64]:
    """The row of each transition of the selected episodes within the dataset's columns."""
    starts = dataset.columns.starts
    spans = [np.arange(int(starts[n]), int(starts[n + 1]) - 1) for n in dataset.episode_numbers()]
    return np.concatenate(spans)


def _check_layout(layout: str) -> None:
    if layout not in LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}")


def _opened(env_or_id: Any, options: dict[str, Any]) -> Dataset:
    if not isinstance(env_or_id, Dataset):
        return load_dataset(dataset_id_of(env_or_id), **options)
    if options:
        raise TypeError(f"{', '.join(options)}: an opened dataset takes no options of load_dataset")
    return env_or_id
