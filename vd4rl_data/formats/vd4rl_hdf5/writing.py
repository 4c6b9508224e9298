"""Writer of ``vd4rl-hdf5``.

``<counter>_<label>.hdf5`` with ``observation`` (N, 3, H, W), ``action``, ``reward``, ``discount``,
``step_type`` (int64), gzip. The papers' converters between their formats assume episodes of 501
rows; their trainers do not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.arguments import checked_count
from vd4rl_data.episode import Episode
from vd4rl_data.formats.rows import unshifted
from vd4rl_data.formats.vd4rl_hdf5.reading import FIRST, KEYS, LAST
from vd4rl_data.storage.atomic import OutputFile, atomic_path, uninterrupted

_CHUNK_ROWS: Final = 16


def write(
    episodes: Iterator[Episode],
    folder: Path,
    *,
    episodes_per_shard: int = 50,
    label: str = "exported",
) -> Iterator[Path]:
    """Write shards.

    Args:
        episodes: valid ones.
        folder: where to.
        episodes_per_shard: how many a file holds; the last one may hold fewer.
        label: the words in the names of files.

    Raises:
        TypeError, ValueError: ``episodes_per_shard`` is not an integer, or out of range.
        InvalidEpisodeError: (iterating) the format cannot say what an episode holds.
        NoSpaceError: (iterating) the disk is full.
    """
    checked_count("episodes_per_shard", episodes_per_shard)
    return _shards(episodes, folder, episodes_per_shard, label)


def _shards(
    episodes: Iterator[Episode], folder: Path, episodes_per_shard: int, label: str
) -> Iterator[Path]:
    numbered = enumerate(episodes)
    for counter in itertools.count():
        shard = itertools.islice(numbered, episodes_per_shard)
        first = next(shard, None)
        if first is None:
            return
        path = folder / f"{counter:04d}_{label}.hdf5"
        with atomic_path(path) as temporary:
            _write_shard(temporary, itertools.chain([first], shard))
        yield path


def _write_shard(path: Path, episodes: Iterator[tuple[int, Episode]]) -> None:
    import h5py

    output = OutputFile(path)
    try:
        with uninterrupted():
            file: Any = h5py.File(output, "w", libver=("earliest", "v110"))
        try:
            for number, episode in episodes:
                arrays = _shard_arrays(f"episode {number}", episode)
                with uninterrupted():
                    for key, values in arrays.items():
                        _append(file, key, values)
                output.check()
        finally:
            with uninterrupted():
                file.close()
        output.check()
    finally:
        output.close()


def _append(file: Any, key: str, values: NDArray[Any]) -> None:
    """Append rows to a dataset, which is made with the first."""
    if key not in file:
        chunk = _CHUNK_ROWS if values.ndim > 2 else 8192
        file.create_dataset(
            key,
            data=values,
            maxshape=(None, *values.shape[1:]),
            chunks=(chunk, *values.shape[1:]),
            compression="gzip",
        )
        return
    dataset = file[key]
    rows = len(dataset)
    dataset.resize(rows + len(values), axis=0)
    dataset[rows:] = values


def _shard_arrays(where: str, episode: Episode) -> dict[str, NDArray[Any]]:
    rows = unshifted(where, episode)
    step_type = np.ones(len(rows), dtype=np.int64)
    step_type[0], step_type[-1] = FIRST, LAST
    arrays = (
        np.ascontiguousarray(rows.observations.transpose(0, 3, 1, 2)),  # (R, 3, H, W)
        rows.actions,
        rows.rewards,
        rows.discounts,
        step_type,
    )
    return dict(zip(KEYS, arrays, strict=True))
