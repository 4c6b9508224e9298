"""Paths of a dataset's files below a data folder, and the names of shards."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path
from typing import Final

from vd4rl_data.errors import CorruptFileError

_SHARD: Final = re.compile(r"(?P<stem>.+)\.packed-(?P<shard>\d{5})-of-(?P<count>\d{5})\.h5")


STATES_WORD: Final = ".states"
"""Behind the id in the names of files that hold states alone."""

PUBLIC_FOLDER: Final = "public"
"""Subfolder of a data folder for datasets downloaded from the authors' own files."""


def flat_path(root: Path, dataset_id: str) -> Path:
    """``<root>/<Suite>/<name>.h5``."""
    return root / f"{dataset_id}.h5"


def stored_name(dataset_id: str, has_pixels: bool) -> str:
    """With what the names of a dataset's files begin, below a data folder."""
    return dataset_id if has_pixels else f"{dataset_id}{STATES_WORD}"


def states_path(root: Path, dataset_id: str) -> Path:
    """``<root>/<Suite>/<name>.states.h5``: its episodes without pixels."""
    return root / f"{stored_name(dataset_id, False)}.h5"


def public_path(root: Path, dataset_id: str) -> Path:
    """``<root>/public/<Suite>/<name>.h5``: a dataset downloaded from the authors' own files.

    It is kept apart from what the user makes or imports under the same id.
    """
    return flat_path(root / PUBLIC_FOLDER, dataset_id)


def shard_path(folder: Path, name: str, shard: int, num_shards: int) -> Path:
    """``<folder>/<name>.packed-00000-of-00003.h5``."""
    return folder / f"{name}.packed-{shard:05d}-of-{num_shards:05d}.h5"


def all_shards(folder: Path, name: str) -> list[Path]:
    """Every shard of a packed dataset in a folder, whatever the number of shards."""
    return sorted(folder.glob(f"{glob.escape(name)}.packed-*-of-*.h5"))


def first_shard(flat: Path) -> Path | None:
    """The first shard of the packed dataset in the folder of ``flat``, if there is one."""
    begin = f"{dataset_stem(flat)}.packed-00000-of-"
    try:
        names = os.listdir(flat.parent)
    except (FileNotFoundError, NotADirectoryError):
        return None
    found = [name for name in names if name.startswith(begin) and name.endswith(".h5")]
    return flat.parent / min(found) if found else None


def shard_paths(path: Path) -> list[Path]:
    """All files of the dataset to which ``path`` belongs, in order.

    Raises:
        FileNotFoundError: the file is missing.
        CorruptFileError: another shard of the same dataset is missing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no dataset file at {path}")
    match = _SHARD.fullmatch(path.name)
    if match is None:
        return [path]
    count = int(match["count"])
    paths = [shard_path(path.parent, match["stem"], shard, count) for shard in range(count)]
    for sibling in paths:
        if not sibling.is_file():
            raise CorruptFileError(
                f"{path}: its dataset has {count} shards; {sibling.name} is missing"
            )
    return paths


def sidecar_path(path: Path) -> Path:
    """``<name>.manifest.json`` beside a flat file, ``<name>.packed.manifest.json`` by shards."""
    middle = ".packed" if _SHARD.fullmatch(path.name) else ""
    return path.with_name(f"{dataset_stem(path)}{middle}.manifest.json")


def source_note(path: Path) -> Path:
    """``<name>.source.json`` beside a fetched file: it records the source."""
    return path.with_name(f"{dataset_stem(path)}.source.json")


def dataset_stem(path: Path) -> str:
    """The dataset's file name without layout, shard number and suffix."""
    match = _SHARD.fullmatch(path.name)
    return match["stem"] if match else path.name.removesuffix(".h5")
