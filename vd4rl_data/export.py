"""Writing episodes in the official V-D4RL formats, so that the papers' own code can train on them.

``vd4rl-npz`` is what the world-model code reads (one compressed ``.npz`` per episode),
``vd4rl-hdf5`` what the model-free code reads (shards of many episodes, frames channel first). The
convention of both is in :mod:`vd4rl_data.upstream.rows`; :func:`vd4rl_data.upstream.read_folder`
reads them back.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.arguments import checked_count
from vd4rl_data.episode import Episode, validate
from vd4rl_data.errors import InvalidEpisodeError, OutputExistsError
from vd4rl_data.spec import TaskSpec
from vd4rl_data.storage.archive import write_npz
from vd4rl_data.storage.atomic import OutputFile, atomic_path, uninterrupted
from vd4rl_data.storage.exported import PROVENANCE_FILE, write_exported
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.upstream.hdf5 import FIRST, KEYS, LAST
from vd4rl_data.upstream.rows import Rows, unshifted

ExportFormat = Literal["vd4rl-npz", "vd4rl-hdf5"]
Progress = Callable[[int], None]

_EPOCH: Final = dt.datetime(2000, 1, 1)  # a counter in the shape of a time
_CHUNK_ROWS: Final = 16


def export_dataset(
    episodes: Iterable[Episode],
    folder: Path,
    format: ExportFormat,  # noqa: A002 -- the word of the command line
    *,
    episodes_per_shard: int = 50,
    label: str = "exported",
    proprioception_of: TaskSpec | None = None,
    manifests: Sequence[Manifest] = (),
    progress: Progress | None = None,
) -> list[Path]:
    """Write episodes as official V-D4RL files, one episode in memory at a time.

    What comes back from reading the files equals the episodes in observations, actions, rewards,
    discounts and the kind of end. All ``infos`` are lost, except ``state`` with
    ``proprioception_of``. The same episodes give the same names and bytes.

    - ``vd4rl-npz``: ``<time>-<id>-<T>.npz`` with ``image`` (T+1, H, W, 3), ``action``, ``reward``,
      ``discount``, ``is_first``, ``is_last``, ``is_terminal``. The time counts seconds from 2000,
      one per episode, so names sort in the order of the episodes; the id is a hash of the content.
    - ``vd4rl-hdf5``: ``<counter>_<label>.hdf5`` with ``observation`` (N, 3, H, W), ``action``,
      ``reward``, ``discount``, ``step_type`` (int64), gzip. The papers' converters between the two
      formats assume episodes of 501 rows; their trainers do not.

    Args:
        episodes: valid episodes of one frame size and action size.
        folder: created if absent; must not hold data files yet.
        format: ``vd4rl-npz`` or ``vd4rl-hdf5``.
        episodes_per_shard: of ``vd4rl-hdf5``.
        label: the words in the names of ``vd4rl-hdf5`` shards.
        proprioception_of: write the variant of ``vd4rl-npz`` that the collecting driver recorded:
            no ``discount``, rewards float32, and ``infos["state"]`` under this task's own keys.
        manifests: of the dataset (of a composite: of each part) that the episodes are of. They are
            written beside the files, as ``provenance.json``; an import of the files reads it.
        progress: called with the number of episodes after each.

    Returns:
        The data files written, in order. Each is whole or absent, also after a kill.

    Raises:
        OutputExistsError: the folder holds data files, or what an export wrote beside them.
        InvalidEpisodeError: there is no episode, one is not valid or unlike the first, or the
            format cannot say what it holds.
        NoSpaceError: the disk is full.
        TypeError, ValueError: an argument is not an integer, or out of range.
    """
    checked_count("episodes_per_shard", episodes_per_shard)
    if proprioception_of is not None and format != "vd4rl-npz":
        raise ValueError(f"proprioception_of: expected the format vd4rl-npz, got {format}")
    _check_empty(folder)
    checked = _checked(episodes)
    if format == "vd4rl-npz":
        written = _write_npz_files(checked, folder, proprioception_of, progress)
    else:
        written = _write_shards(checked, folder, episodes_per_shard, label, progress)
    paths = list(written)
    if not paths:
        raise InvalidEpisodeError("export: expected at least one episode, got none")
    if manifests:
        write_exported(folder, paths, manifests)
    return paths


def _check_empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    present = sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.suffix in (".npz", ".hdf5") or entry.name == PROVENANCE_FILE
    )
    if present:
        raise OutputExistsError(
            f"{folder}: expected a folder without data files, found {len(present)} "
            f"({present[0]}, …); choose another, or remove them"
        )


def _checked(episodes: Iterable[Episode]) -> Iterator[Episode]:
    """Validate each episode, also against what the formats cannot say."""
    frame_size: int | None = None
    action_size: int | None = None
    for number, episode in enumerate(episodes):
        where = f"episode {number}"
        validate(episode, where, size=frame_size, action_size=action_size)
        frame_size, action_size = episode.observations.shape[1], episode.actions.shape[1]
        ends = np.zeros(len(episode), dtype=np.bool_)
        ends[-1] = episode.terminated
        differs = np.flatnonzero((episode.discounts == 0) != ends)
        if differs.size:
            row = int(differs[0])
            raise InvalidEpisodeError(
                f"{where}: discounts: expected 0 exactly where the episode terminates, as "
                f"the official formats say it, got {episode.discounts[row]} at row {row} of "
                f"{len(episode)} (terminated: {episode.terminated})"
            )
        yield episode


def _write_npz_files(
    episodes: Iterator[Episode], folder: Path, task: TaskSpec | None, progress: Progress | None
) -> Iterator[Path]:
    for number, episode in enumerate(episodes):
        rows = unshifted(episode)
        arrays = (
            _converted_arrays(episode, rows)
            if task is None
            else _recorded_arrays(f"episode {number}", episode, rows, task)
        )
        path = folder / _npz_name(number, episode, arrays)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            write_npz(file, arrays, compressed=True)
        if progress is not None:
            progress(number + 1)
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


def _write_shards(
    episodes: Iterator[Episode],
    folder: Path,
    episodes_per_shard: int,
    label: str,
    progress: Progress | None,
) -> Iterator[Path]:
    numbered = enumerate(episodes, start=1)
    for counter in itertools.count():
        shard = itertools.islice(numbered, episodes_per_shard)
        first = next(shard, None)
        if first is None:
            return
        path = folder / f"{counter:04d}_{label}.hdf5"
        with atomic_path(path) as temporary:
            _write_shard(temporary, itertools.chain([first], shard), progress)
        yield path


def _write_shard(
    path: Path, episodes: Iterator[tuple[int, Episode]], progress: Progress | None
) -> None:
    import h5py

    output = OutputFile(path)
    try:
        with uninterrupted():
            file: Any = h5py.File(output, "w", libver=("earliest", "v110"))
        try:
            for number, episode in episodes:
                arrays = _shard_arrays(episode)
                with uninterrupted():
                    for key, values in arrays.items():
                        _append(file, key, values)
                output.check()
                if progress is not None:
                    progress(number)
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


def _shard_arrays(episode: Episode) -> dict[str, NDArray[Any]]:
    rows = unshifted(episode)
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
