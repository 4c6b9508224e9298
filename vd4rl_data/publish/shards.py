"""A dataset file → shards of a size that hubs like; a finished dataset is never packed again."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.publish.model import PreparedFile
from vd4rl_data.storage import pack, sidecar
from vd4rl_data.storage.atomic import atomic_path
from vd4rl_data.storage.format import file_sha256
from vd4rl_data.storage.naming import shard_path
from vd4rl_data.storage.reader import StoredDataset
from vd4rl_data.storage.rows import columns_of
from vd4rl_data.storage.writer import COMPRESSION_LEVEL

LARGEST_SHARD: Final = 400_000_000
"""Bytes that a shard is expected to take at most: hubs like 100-500 MB, and this is an estimate."""

_RAW_BYTES: Final = (1 << 31, 1 << 30, 1 << 29, 1 << 28)
_PROBES: Final = 4
_PROBE_ROWS: Final = 64


def raw_bytes_per_shard(stored: StoredDataset) -> int:
    """Uncompressed bytes for each shard, so that it takes 100-500 MB whatever the pixels are.

    How well pixels compress is measured on a few episodes; powers of two keep the choice the same
    where compressors differ a little. For ordinary scenes it is what ``vd4rl pack`` chooses.
    """
    ratio = _compression(stored)
    fits = (size for size in _RAW_BYTES if size * ratio <= LARGEST_SHARD)
    return next(fits, _RAW_BYTES[-1])


def expected_bytes(stored: StoredDataset) -> int:
    """About how many bytes all shards of a dataset will take; exact if it is compressed already."""
    if stored.layout != "flat":
        return sum(shard.path.stat().st_size for shard in stored.shards)
    rows = int(stored.starts[-1])
    columns = {column.key: column.row_bytes for column in columns_of(stored.episode(0))}
    pixels = columns.pop("observations")
    return rows * (round(pixels * _compression(stored)) + sum(columns.values()))


def finished_shards(stored: StoredDataset, folder: Path) -> tuple[PreparedFile, ...]:
    """The shards of this very dataset in an upload folder; none if one is missing or damaged."""
    name = PurePosixPath(stored.name)
    try:
        beside = sidecar.read(_first_file(stored, folder / name.parent))
    except DatasetFormatError:
        return ()
    if beside is None or beside.manifest != stored.manifest.to_json():
        return ()
    found: list[PreparedFile] = []
    for record in beside.files:
        path = folder / name.parent / record.name
        if not path.is_file() or path.stat().st_size != record.num_bytes:
            return ()
        if file_sha256(path) != record.sha256:
            return ()
        relative = (name.parent / record.name).as_posix()
        found.append(PreparedFile(relative, record.num_bytes, record.sha256))
    return tuple(found)


def write_shards(
    stored: StoredDataset, folder: Path, progress: Callable[[int], None]
) -> tuple[PreparedFile, ...]:
    """Put the packed shards of a dataset, or its file of states, and the sidecar into a folder.

    Args:
        stored: the dataset, of any layout.
        folder: the upload folder.
        progress: told how many episodes are done.

    Raises:
        CorruptFileError: the source does not match its own checksums.
        NoSpaceError: the disk is full.
    """
    if finished := finished_shards(stored, folder):
        progress(len(stored))
        return finished
    name = Path(stored.name)
    target = folder / name.parent
    target.mkdir(parents=True, exist_ok=True)
    if not stored.has_pixels:
        _copy(stored, _first_file(stored, target))
        return finished_shards(stored, folder)
    size = raw_bytes_per_shard(stored)
    pack(stored.path, target, name=name.name, shard_raw_bytes=size, replace=True, progress=progress)
    return finished_shards(stored, folder)


def _first_file(stored: StoredDataset, folder: Path) -> Path:
    """A file whose sidecar is the dataset's: of states the only one, else a shard."""
    stem = PurePosixPath(stored.name).name
    return shard_path(folder, stem, 0, 1) if stored.has_pixels else folder / f"{stem}.h5"


def _copy(stored: StoredDataset, target: Path) -> None:
    """States are compressed already."""
    with sidecar.replaced(target) as record, atomic_path(target) as temporary:
        shutil.copyfile(stored.path, temporary)
        record(stored.manifest, [temporary], [target.name])


def _compression(stored: StoredDataset) -> float:
    """Compressed by raw bytes of some pixels: those of one chunk of a few episodes."""
    raw = packed = 0
    for number in np.linspace(0, len(stored) - 1, _PROBES).astype(np.int64).tolist():
        frames = stored.episode(number).observations[:_PROBE_ROWS]
        raw += frames.nbytes
        packed += len(zlib.compress(np.ascontiguousarray(frames).data, COMPRESSION_LEVEL))
    return packed / raw
