"""``rlds``: a dataset of TensorFlow Datasets in the layout of RLDS, written without TensorFlow.

An example is an episode, whose ``steps`` are T + 1: step t holds the frame, the action that was
taken at it, and the reward and discount that came back. The last step holds the last frame; its
action, reward and discount mean nothing in RLDS, and are zero. ``infos`` holds what else the data
have: of the frame, or what came back, which is zero in the last step. Frames are PNG, records are
ArrayRecord, which can be read with and without TensorFlow.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.exporting.about import About
from vd4rl_data.exporting.pictures import png_encoder
from vd4rl_data.exporting.target import Target

_SPLIT: Final = "train"
_FILE_FORMAT: Final = "array_record"
_SHARD_BYTES: Final = 200_000_000
_VERSION: Final = "1.0.0"
_WRITER_OPTIONS: Final = "group_size:1,uncompressed"
"""An episode can be read alone; PNG files do not get smaller a second time."""

_DOCS: Final = {
    "observation": "Of the frame of this step.",
    "transition": "What came back with the reward of this step; zero in the last step.",
}

_READ_IT: Final = """\
import tensorflow_datasets as tfds
builder = tfds.builder_from_directory("{folder}")
episodes = builder.as_data_source(split="train")  # without TensorFlow
steps = list(episodes[0]["steps"])"""


@dataclass(slots=True)
class _Shard:
    """A file of records: where it lies, and what is in it."""

    path: Path
    writer: Any
    episodes: int = 0
    num_bytes: int = 0


def write(episodes: Iterator[Episode], about: About, folder: Path) -> None:
    """Write shards of about 200 MB, and the description that TensorFlow Datasets reads.

    Args:
        episodes: valid ones.
        about: what is said of them.
        folder: an empty one.
    """
    features = _features(about)
    shards: list[_Shard] = []
    try:
        with png_encoder() as encode:
            for number, episode in enumerate(episodes):
                steps = _steps(about, episode, encode(episode.observations))
                # As features.encode_example() would give it, which goes step by step.
                record = features.serialize_example({"episode_id": number, "steps": steps})
                if not shards or shards[-1].num_bytes >= _SHARD_BYTES:
                    _close(shards)
                    shards.append(_opened(folder / f"{len(shards)}.part"))
                shards[-1].writer.write(record)
                shards[-1].episodes += 1
                shards[-1].num_bytes += len(record)
    finally:
        _close(shards)
    _write_info(about, features, shards, folder)


def _features(about: About) -> Any:
    import tensorflow_datasets as tfds  # pyright: ignore[reportMissingImports]

    kinds: Any = tfds.features
    frame = kinds.Image(shape=about.frame_shape, dtype=np.uint8, encoding_format="png")
    step: dict[str, Any] = {
        "observation": frame,
        "action": kinds.Tensor(shape=(about.action_size,), dtype=np.float32),
        "reward": np.float32,
        "discount": np.float32,
        "is_first": np.bool_,
        "is_last": np.bool_,
        "is_terminal": np.bool_,
    }
    infos = {
        name: kinds.Tensor(
            shape=column.row_shape,
            dtype=np.dtype(column.dtype).type,
            encoding=kinds.Encoding.BYTES,  # numbers would be kept as float32
            doc=_DOCS[column.kind],
        )
        for name, column in about.common_infos.items()
    }
    if infos:
        step["infos"] = kinds.FeaturesDict(infos)
    return kinds.FeaturesDict({"episode_id": np.int64, "steps": kinds.Dataset(step)})


def _steps(about: About, episode: Episode, frames: list[bytes]) -> dict[str, Any]:
    """T + 1 steps, column by column; what came back with no frame is zero in the last."""
    last = np.arange(len(frames)) == len(episode)
    infos = {name: _padded(episode.infos[name], len(frames)) for name in about.common_infos}
    steps = {
        "observation": np.array(frames, dtype=object),
        "action": np.pad(episode.actions, ((0, 1), (0, 0))),
        "reward": np.pad(episode.rewards, (0, 1)),
        "discount": np.pad(episode.discounts, (0, 1)),
        "is_first": np.arange(len(frames)) == 0,
        "is_last": last,
        "is_terminal": last & episode.terminated,
    }
    return {**steps, "infos": infos} if infos else steps


def _padded(values: NDArray[Any], rows: int) -> NDArray[Any]:
    """The values, and rows of zeros where there are fewer."""
    return np.pad(values, [(0, rows - len(values)), *[(0, 0)] * (values.ndim - 1)])


def _opened(path: Path) -> _Shard:
    module: Any = importlib.import_module("array_record.python.array_record_module")
    return _Shard(path, module.ArrayRecordWriter(str(path), _WRITER_OPTIONS))


def _close(shards: list[_Shard]) -> None:
    """Close the last shard, if that was not done yet."""
    if shards and shards[-1].writer is not None:
        shards[-1].writer.close()
        shards[-1].writer = None


def _write_info(about: About, features: Any, shards: list[_Shard], folder: Path) -> None:
    """Name the shards by their number, and write what they hold."""
    import tensorflow_datasets as tfds  # pyright: ignore[reportMissingImports]
    from tensorflow_datasets.core.splits import (  # pyright: ignore[reportMissingImports]
        SplitDict,
    )

    core: Any = tfds.core
    name = re.sub(r"[^a-z0-9]+", "_", about.id.lower()).strip("_")
    template = core.ShardedFileTemplate(
        data_dir=folder, dataset_name=name, split=_SPLIT, filetype_suffix=_FILE_FORMAT
    )
    for number, shard in enumerate(shards):
        shard.path.rename(template.sharded_filepath(shard_index=number, num_shards=len(shards)))
    identity = core.DatasetIdentity(
        name=name,
        version=core.Version(_VERSION),
        data_dir=str(folder),
        module_name="vd4rl_data",
    )
    info = core.DatasetInfo(
        builder=identity,
        description=about.description,
        features=features,
        citation=about.spec.citation,
        license=about.spec.license,
    )
    info.set_file_format(_FILE_FORMAT)
    split = core.SplitInfo(
        name=_SPLIT,
        shard_lengths=[shard.episodes for shard in shards],
        num_bytes=sum(shard.num_bytes for shard in shards),
        filename_template=template,
    )
    info.set_splits(SplitDict([split]))
    info.write_to_directory(folder)


TARGET: Final = Target(
    name="rlds",
    about="RLDS, of TensorFlow Datasets, frames as PNG",
    read_it=_READ_IT,
    write=write,
    modules=("tensorflow_datasets", "array_record"),
    extra="rlds",
    copies=0.2,
)
