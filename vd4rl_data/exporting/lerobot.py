"""``lerobot``: a dataset of LeRobot, format v3, frames as PNG and not as video.

Row t of an episode holds the frame and the action that was taken at it, and in ``next.…`` what came
back. The T rows are the transitions: the frame after the last of them has no action, so it is no
row. It stands, as a PNG file too, in the list of episodes. Arrays of ``infos`` are columns that
LeRobot's policies do not look at: a dataset of pixels stays one. Our own writer, since LeRobot asks
for other versions of this package's requirements.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from vd4rl_data.episode import Episode
from vd4rl_data.exporting.about import About
from vd4rl_data.exporting.lerobot_statistics import Statistics
from vd4rl_data.exporting.pictures import png_encoder
from vd4rl_data.exporting.target import Target

FPS: Final = 10
"""Nominal: LeRobot counts seconds, our data time steps. One step is a tenth of a second there."""

FRAME: Final = "observation.image"
FINAL_FRAME: Final = "final.observation.image"
"""Column of the list of episodes: the last frame of each, a PNG file."""

_INFO: Final = {"observation": "infos", "transition": "next.infos"}
"""What belongs to a frame stands in ``infos.…``, what came back in ``next.infos.…``."""

_FINAL: Final = "final."

_FILE: Final = "chunk-{chunk:03d}/file-{file:03d}.parquet"
_FILES_PER_CHUNK: Final = 1000
_FILE_BYTES: Final = 100_000_000

_READ_IT: Final = """\
from lerobot.datasets.lerobot_dataset import LeRobotDataset
stack = [-2 / 10, -1 / 10, 0]  # three frames; a time step counts as a tenth of a second
dataset = LeRobotDataset(
    "{id}", root="{folder}", delta_timestamps={{"observation.image": stack}}
)"""


def write(episodes: Iterator[Episode], about: About, folder: Path) -> None:
    """Write ``data/``, ``meta/`` and a ``README.md`` for the Hub.

    Args:
        episodes: valid ones.
        about: what is said of them.
        folder: an empty one.
    """
    listed: list[dict[str, Any]] = []
    statistics = Statistics()
    with png_encoder() as encode, ExitStack() as stack:
        files = _Files(folder / "data", stack)
        for number, episode in enumerate(episodes):
            *frames, final = encode(episode.observations)
            start = listed[-1]["dataset_to_index"] if listed else 0
            rows = {**_rows(number, start, episode), **_infos(about, episode)}
            statistics.add(episode.observations[:-1], rows)
            place = files.write(_table(frames, rows))
            listed.append(
                {
                    **_listed(number, start, episode, place, about.spec.task.name),
                    FINAL_FRAME: final,
                    **_final_infos(about, episode),
                }
            )
    _write_meta(about, listed, statistics, folder)


class _Files:
    """Data files of about 100 MB, one row group for each episode."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Nothing is written yet; the last file is closed with the stack."""
        self._folder = folder
        self._number = -1
        self._path: Path | None = None
        self._writer: Any = None
        stack.callback(self._close)

    def write(self, table: Any) -> tuple[int, int]:
        """Append the rows of an episode; the numbers of the chunk and file that they are in."""
        from pyarrow import parquet  # pyright: ignore[reportMissingImports]

        if self._path is None or self._path.stat().st_size >= _FILE_BYTES:
            self._close()
            self._number += 1
            chunk, file = divmod(self._number, _FILES_PER_CHUNK)
            self._path = self._folder / _FILE.format(chunk=chunk, file=file)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # PNG files do not get smaller, and are never the same.
            self._writer = parquet.ParquetWriter(
                self._path, table.schema, compression="none", use_dictionary=False
            )
        self._writer.write_table(table)
        return divmod(self._number, _FILES_PER_CHUNK)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _rows(number: int, start: int, episode: Episode) -> dict[str, Any]:
    """Everything but the frames, T rows."""
    steps = len(episode)
    times = np.arange(steps, dtype=np.int64)
    last = times == steps - 1
    return {
        "action": np.ascontiguousarray(episode.actions),
        "next.reward": episode.rewards,
        "next.discount": episode.discounts,
        "next.done": last,
        "next.terminated": last & episode.terminated,
        "next.truncated": last & episode.truncated,
        "timestamp": (times / FPS).astype(np.float32),
        "frame_index": times,
        "episode_index": np.full(steps, number, np.int64),
        "index": start + times,
        "task_index": np.zeros(steps, np.int64),
    }


def _infos(about: About, episode: Episode) -> dict[str, Any]:
    """Arrays of ``infos``, T rows or T numbers; rows of more dimensions are flat."""
    found: dict[str, Any] = {}
    for name, column in about.common_infos.items():
        values = episode.infos[name][: len(episode)]
        flat = values.reshape(len(values), -1) if column.row_shape else values
        found[f"{_INFO[column.kind]}.{name}"] = np.ascontiguousarray(flat)
    return found


def _final_infos(about: About, episode: Episode) -> dict[str, Any]:
    """What belongs to the frame after the last transition, for the list of episodes."""
    return {
        f"{_FINAL}{_INFO[column.kind]}.{name}": episode.infos[name][-1].ravel().tolist()
        for name, column in about.common_infos.items()
        if column.kind == "observation"
    }


def _table(frames: list[bytes], rows: dict[str, Any]) -> Any:
    import pyarrow as pa  # pyright: ignore[reportMissingImports]

    arrow: Any = pa
    picture = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    pictures = [{"bytes": frame, "path": None} for frame in frames]
    columns = {FRAME: arrow.array(pictures, picture)}
    for name, values in rows.items():
        flat = arrow.array(values.ravel())
        columns[name] = (
            flat
            if values.ndim == 1
            else arrow.FixedSizeListArray.from_arrays(flat, values.shape[1])
        )
    return arrow.table(columns)


def _listed(
    number: int, start: int, episode: Episode, place: tuple[int, int], task: str
) -> dict[str, Any]:
    """A line of the list of episodes."""
    chunk, file = place
    return {
        "episode_index": number,
        "tasks": [task],
        "length": len(episode),
        "data/chunk_index": chunk,
        "data/file_index": file,
        "dataset_from_index": start,
        "dataset_to_index": start + len(episode),
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
    }


def _write_meta(
    about: About, listed: list[dict[str, Any]], statistics: Statistics, folder: Path
) -> None:
    import pyarrow as pa  # pyright: ignore[reportMissingImports]
    from pyarrow import parquet  # pyright: ignore[reportMissingImports]

    arrow: Any = pa
    meta = folder / "meta"
    task = about.spec.task.name
    place = meta / "episodes" / _FILE.format(chunk=0, file=0)
    place.parent.mkdir(parents=True)
    parquet.write_table(arrow.Table.from_pylist(listed), place)
    tasks = arrow.table({"task_index": arrow.array([0], arrow.int64()), "task": [task]})
    parquet.write_table(
        tasks.replace_schema_metadata({"pandas": json.dumps(_TASKS)}), meta / "tasks.parquet"
    )
    (meta / "info.json").write_text(json.dumps(_info(about), indent=4), encoding="utf-8")
    (meta / "stats.json").write_text(json.dumps(statistics.record(), indent=4), encoding="utf-8")
    (folder / "README.md").write_text(_card(about), encoding="utf-8")


_TASKS: Final = {
    "index_columns": ["task"],
    "column_indexes": [],
    "columns": [
        {
            "name": name,
            "field_name": name,
            "pandas_type": kind,
            "numpy_type": numpy,
            "metadata": None,
        }
        for name, kind, numpy in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    ],
    "pandas_version": "2.0.0",
}
"""What pandas reads the list of tasks by: the words are its index."""


def _info(about: About) -> dict[str, Any]:
    scalars = {
        "next.reward": "float32",
        "next.discount": "float32",
        "next.done": "bool",
        "next.terminated": "bool",
        "next.truncated": "bool",
        "timestamp": "float32",
        "frame_index": "int64",
        "episode_index": "int64",
        "index": "int64",
        "task_index": "int64",
    }
    names = ["height", "width", "channel"]
    features: dict[str, Any] = {
        FRAME: {"dtype": "image", "shape": list(about.frame_shape), "names": names},
        "action": {"dtype": "float32", "shape": [about.action_size], "names": None},
    }
    for name, dtype in scalars.items():
        features[name] = {"dtype": dtype, "shape": [1], "names": None}
    for name, column in about.common_infos.items():
        features[f"{_INFO[column.kind]}.{name}"] = {
            "dtype": np.dtype(column.dtype).name,
            "shape": [math.prod(column.row_shape)],
            "names": None,
        }
    return {
        "codebase_version": "v3.0",
        "fps": FPS,
        "features": features,
        "total_episodes": len(about.lengths),
        "total_frames": about.num_transitions,
        "total_tasks": 1,
        "chunks_size": _FILES_PER_CHUNK,
        "data_files_size_in_mb": _FILE_BYTES // 1_000_000,
        "video_files_size_in_mb": 200,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": None,
        "robot_type": about.spec.task.name,
        "splits": {"train": f"0:{len(about.lengths)}"},
    }


def _card(about: About) -> str:
    """A card for the Hub, with the license, and the citation."""
    return (
        f"---\nlicense: {about.spec.license.lower()}\ntask_categories:\n- robotics\ntags:\n"
        "- LeRobot\n- offline-reinforcement-learning\nconfigs:\n- config_name: default\n"
        f"  data_files: data/*/*.parquet\n---\n\n# {about.id}\n\n{about.description}\n\n"
        f"```bibtex\n{about.spec.citation}\n```\n"
    )


TARGET: Final = Target(
    name="lerobot",
    about="Hugging Face's LeRobot, frames as PNG",
    read_it=_READ_IT,
    write=write,
    modules=("pyarrow",),
    extra="lerobot",
    copies=0.2,
)
