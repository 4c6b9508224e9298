"""A dataset file → shards of a size that hubs like; a finished shard is never made again."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from vd4rl_data.errors import CorruptFileError
from vd4rl_data.publish.model import PreparedFile
from vd4rl_data.publish.state import FolderState
from vd4rl_data.storage import sidecar
from vd4rl_data.storage.atomic import atomic_path
from vd4rl_data.storage.format import file_sha256
from vd4rl_data.storage.hashing import ContentHasher
from vd4rl_data.storage.naming import shard_path
from vd4rl_data.storage.reader import StoredDataset
from vd4rl_data.storage.rows import columns_of
from vd4rl_data.storage.writer import COMPRESSION_LEVEL, FileWriter, shard_attributes

LARGEST_SHARD: Final = 400_000_000
"""Bytes that a shard is expected to take at most: hubs like 100-500 MB, and this is an estimate."""

_RAW_BYTES: Final = (1 << 31, 1 << 30, 1 << 29, 1 << 28)
_PROBES: Final = 4
_PROBE_ROWS: Final = 64


def choose_groups(stored: StoredDataset) -> list[range]:
    """Consecutive episodes for each shard, so that it takes 100-500 MB whatever the pixels are.

    How well pixels compress is measured on a few episodes; powers of two keep the choice the same
    where compressors differ a little. For ordinary scenes it is what ``vd4rl pack`` chooses.
    """
    ratio = _compression(stored)
    fits = (size for size in _RAW_BYTES if size * ratio <= LARGEST_SHARD)
    limit = next(fits, _RAW_BYTES[-1])
    row_bytes = sum(column.row_bytes for column in columns_of(stored.episode(0)))
    edges, filled = [0], 0
    for number, rows in enumerate(np.diff(stored.starts).tolist()):
        if filled and filled + rows * row_bytes > limit:
            edges.append(number)
            filled = 0
        filled += rows * row_bytes
    return [range(start, stop) for start, stop in pairwise([*edges, len(stored)])]


def expected_bytes(stored: StoredDataset) -> int:
    """About how many bytes all shards of a dataset will take; exact if it is packed already."""
    if stored.layout == "packed":
        return sum(shard.path.stat().st_size for shard in stored.shards)
    rows = int(stored.starts[-1])
    columns = {column.key: column.row_bytes for column in columns_of(stored.episode(0))}
    pixels = columns.pop("observations")
    return rows * (round(pixels * _compression(stored)) + sum(columns.values()))


def write_shards(
    stored: StoredDataset,
    groups: Sequence[range],
    state: FolderState,
    progress: Callable[[int], None],
) -> tuple[PreparedFile, ...]:
    """Put the packed shards of a dataset and their sidecar into an upload folder.

    Args:
        stored: the dataset, of any layout.
        groups: the episodes of each shard.
        state: knows which shards an earlier call finished; those are hashed, not made.
        progress: told how many episodes are done.

    Raises:
        CorruptFileError: the source does not match its own checksums.
        NoSpaceError: the disk is full.
    """
    flat = state.folder / stored.manifest.dataset_id
    paths = [shard_path(flat.parent, flat.name, n, len(groups)) for n in range(len(groups))]
    flat.parent.mkdir(parents=True, exist_ok=True)
    shards: list[PreparedFile] = []
    for path, group in zip(paths, groups, strict=True):
        shard = _finished(path, state)
        if shard is None:
            if _is_split_like(stored, groups):
                _copy(stored.shards[len(shards)].path, path)
            else:
                attributes = shard_attributes(stored.manifest, len(shards), len(groups), group[0])
                _write(stored, group, path, attributes, progress)
            shard = _described(path, state)
            state.finish_shard(shard)
        shards.append(shard)
        progress(group.stop)
    _write_sidecar(stored, paths, shards)
    return tuple(shards)


def _compression(stored: StoredDataset) -> float:
    """Compressed by raw bytes of some pixels: those of one chunk of a few episodes."""
    raw = packed = 0
    for number in np.linspace(0, len(stored) - 1, _PROBES).astype(np.int64).tolist():
        frames = stored.episode(number).observations[:_PROBE_ROWS]
        raw += frames.nbytes
        packed += len(zlib.compress(np.ascontiguousarray(frames).data, COMPRESSION_LEVEL))
    return packed / raw


def _finished(path: Path, state: FolderState) -> PreparedFile | None:
    """A shard that an earlier call finished, if it is still what it was."""
    shard = state.shards.get(path.relative_to(state.folder).as_posix())
    if shard is None or not path.is_file():
        return None
    whole = path.stat().st_size == shard.size and file_sha256(path) == shard.sha256
    return shard if whole else None


def _described(path: Path, state: FolderState) -> PreparedFile:
    name = path.relative_to(state.folder).as_posix()
    return PreparedFile(name, path.stat().st_size, file_sha256(path))


def _is_split_like(stored: StoredDataset, groups: Sequence[range]) -> bool:
    """Whether the source is packed, and its shards are just these groups."""
    counts = [len(shard.checksums) for shard in stored.shards]
    return stored.layout == "packed" and counts == [len(group) for group in groups]


def _copy(source: Path, path: Path) -> None:
    with atomic_path(path) as temporary:
        shutil.copyfile(source, temporary)


def _write(
    stored: StoredDataset,
    group: range,
    path: Path,
    attributes: dict[str, str | int],
    progress: Callable[[int], None],
) -> None:
    columns = columns_of(stored.episode(group[0]))
    lengths = [stored.lengths[number] for number in group]
    with atomic_path(path) as temporary:
        writer = FileWriter(temporary, columns, lengths, "packed")
        try:
            for number in group:
                rows = stored.episode_rows(number)
                checksum = ContentHasher().update(rows)
                if checksum != stored.checksum(number):
                    raise CorruptFileError(
                        f"{stored.path}: episode {number}: expected CRC-32 "
                        f"{stored.checksum(number)}, got {checksum}; fetch or make the file again"
                    )
                writer.append(rows, checksum)
                progress(number + 1)
            writer.close(attributes)
        except BaseException:
            writer.abort()
            raise


def _write_sidecar(
    stored: StoredDataset, paths: Sequence[Path], shards: Sequence[PreparedFile]
) -> None:
    beside = sidecar.read(paths[0])
    records = tuple(
        sidecar.FileRecord(path.name, shard.size, shard.sha256)
        for path, shard in zip(paths, shards, strict=True)
    )
    if beside == sidecar.Sidecar(stored.manifest.to_json(), records):
        return
    with sidecar.replaced(paths[0]) as record:
        record(stored.manifest, paths, [path.name for path in paths])
