"""Flat ⇄ packed, without loss: the content hash is the same, and unpacking restores the bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from vd4rl_data.arguments import check_absent
from vd4rl_data.errors import CorruptFileError, DatasetFormatError
from vd4rl_data.storage import sidecar
from vd4rl_data.storage.atomic import atomic_path, check_free_space, write_lock
from vd4rl_data.storage.hashing import ContentHasher
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.storage.naming import all_shards, dataset_stem, shard_path
from vd4rl_data.storage.reader import StoredDataset, open_dataset
from vd4rl_data.storage.rows import Column
from vd4rl_data.storage.writer import FileWriter, Progress, shard_attributes

SHARD_RAW_BYTES: Final = 1 << 30
"""Raw bytes per shard: 1 GiB deflates to 200-350 MB; hubs recommend 100-500 MB."""


def pack(
    source: Path,
    folder: Path | None = None,
    *,
    name: str | None = None,
    shard_raw_bytes: int = SHARD_RAW_BYTES,
    replace: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write a dataset as compressed shards of whole episodes, for transport.

    Args:
        source: a dataset file of either layout.
        folder: folder to write into; the source's own folder by default.
        name: name of the dataset, with which the files' names begin; the source's by default.
        shard_raw_bytes: maximum of uncompressed bytes per shard (but at least one episode).
        replace: replace all shards of the same dataset in the folder, once all new ones are
            written.
        progress: called after each episode.

    Returns:
        The shards, in order; their sidecar is written beside them.

    Raises:
        DatasetFormatError: the source holds states without pixels, which have one layout.
        CorruptFileError: the source does not match its own checksums; nothing is written.
        OutputExistsError: such shards exist, and ``replace`` is false.
        DatasetLockedError, NoSpaceError: as in :func:`write_dataset`.
    """
    folder = folder or source.parent
    stem = name or dataset_stem(source)
    with closing(open_dataset(source)) as stored:
        _check_pixels(stored)
        groups = _split_episodes(stored, shard_raw_bytes)
        paths = [shard_path(folder, stem, number, len(groups)) for number in range(len(groups))]
        with write_lock(folder / f"{stem}.packed"):
            check_absent(all_shards(folder, stem), replace=replace)
            _write_shards(stored, groups, paths, progress)
            for other in all_shards(folder, stem):
                if other not in paths:
                    other.unlink()
    return paths


def unpack(
    source: Path,
    target: Path | None = None,
    *,
    replace: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write a dataset as one flat file, for training: byte for byte the file that was packed.

    Args:
        source: a dataset file of either layout; for shards, any one of them.
        target: the file to write; ``<name>.h5`` beside the source by default.
        replace: replace an existing file, once the new one is whole.
        progress: called after each episode.

    Raises:
        DatasetFormatError: the source holds states without pixels, which have one layout.
        CorruptFileError: the source does not match its own checksums; nothing is written.
        OutputExistsError: the file exists, and ``replace`` is false.
        DatasetLockedError, NoSpaceError: as in :func:`write_dataset`.
    """
    target = target or source.with_name(f"{dataset_stem(source)}.h5")
    with closing(open_dataset(source)) as stored:
        _check_pixels(stored)
        if target.resolve() in {shard.path.resolve() for shard in stored.shards}:
            raise DatasetFormatError(f"{target}: expected a target other than the source")
        with write_lock(target):
            check_absent([target], replace=replace)
            _write_flat(stored, target, progress)
    return target


def _check_pixels(stored: StoredDataset) -> None:
    if not stored.has_pixels:
        raise DatasetFormatError(
            f"{stored.path}: expected a dataset with pixels, got states alone, which have one"
            " layout; render them (python -m collection render), or copy the file as it is"
        )


def _write_flat(stored: StoredDataset, target: Path, progress: Progress | None) -> None:
    with sidecar.replaced(target) as record, atomic_path(target) as temporary:
        check_free_space(target, sum(_raw_bytes(stored)))
        hasher = ContentHasher()
        attributes = shard_attributes(stored.manifest, 0, 1, 0)
        _copy(stored, range(len(stored)), temporary, "flat", attributes, hasher, progress, 0)
        _check_content(stored, hasher)
        record(stored.manifest, [temporary], [target.name])


def _write_shards(
    stored: StoredDataset, groups: Sequence[range], paths: Sequence[Path], progress: Progress | None
) -> None:
    with sidecar.replaced(paths[0]) as record, ExitStack() as stack:
        # The stack unwinds from its end: the first shard, by which a dataset is found, is renamed
        # last.
        temporaries = [stack.enter_context(atomic_path(path)) for path in paths]
        hasher, done = ContentHasher(), 0
        for number, (temporary, group) in enumerate(zip(temporaries, groups, strict=True)):
            attributes = shard_attributes(stored.manifest, number, len(groups), group[0])
            _copy(stored, group, temporary, "packed", attributes, hasher, progress, done)
            done += len(group)
        _check_content(stored, hasher)
        record(stored.manifest, temporaries, [path.name for path in paths])


def _copy(
    stored: StoredDataset,
    numbers: Sequence[int],
    path: Path,
    layout: str,
    attributes: dict[str, str | int],
    hasher: ContentHasher,
    progress: Progress | None,
    done: int,
) -> None:
    lengths = (np.diff(stored.starts) - 1).tolist()
    writer = FileWriter(path, _columns(stored), [lengths[number] for number in numbers], layout)
    try:
        for count, number in enumerate(numbers, start=done + 1):
            rows = stored.episode_rows(number)
            checksum = hasher.update(rows)
            if checksum != stored.checksum(number):
                raise CorruptFileError(
                    f"{stored.path}: episode {number}: expected CRC-32 "
                    f"{stored.checksum(number)}, got {checksum}; fetch or make the file again"
                )
            writer.append(rows, checksum)
            if progress is not None:
                progress(count)
        writer.close(attributes)
    except BaseException:
        writer.abort()
        raise


def _columns(stored: StoredDataset) -> tuple[Column, ...]:
    arrays = stored.shards[0].arrays
    return tuple(
        Column(
            key,
            arrays[key].shape[1:],
            arrays[key].dtype.str,
            "observation" if key == "observations" else stored.kinds.get(key, "transition"),
        )
        for key in stored.keys
    )


def _raw_bytes(stored: StoredDataset) -> Iterator[int]:
    """Uncompressed bytes of each episode."""
    row_bytes = sum(column.row_bytes for column in _columns(stored))
    for rows in np.diff(stored.starts).tolist():
        yield rows * row_bytes


def _split_episodes(stored: StoredDataset, shard_raw_bytes: int) -> list[range]:
    """Split consecutive episodes into as few shards as possible, filling each in turn."""
    edges, filled = [0], 0
    for number, size in enumerate(_raw_bytes(stored)):
        if filled and filled + size > shard_raw_bytes:
            edges.append(number)
            filled = 0
        filled += size
    return [range(start, stop) for start, stop in pairwise([*edges, len(stored)])]


def _check_content(stored: StoredDataset, hasher: ContentHasher) -> None:
    manifest: Manifest = stored.manifest
    digest = hasher.content_sha256(stored.starts)
    if digest != manifest.content_sha256:
        raise CorruptFileError(
            f"{stored.path}: content: expected SHA-256 {manifest.content_sha256}, got {digest}"
        )
