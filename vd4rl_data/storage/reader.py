"""Dataset file → arrays: a flat file is mapped, a packed one is decoded episode by episode."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import Episode, check_values
from vd4rl_data.errors import CorruptFileError, DatasetFormatError, InvalidEpisodeError
from vd4rl_data.fingerprint import RenderFingerprint
from vd4rl_data.storage.format import INFO_GROUP, ROW_DTYPES, ROW_KEYS, Header, read_header
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.storage.naming import shard_paths
from vd4rl_data.storage.rows import info_key, rows_episode

DECODE_LIMIT: Final = 1 << 28
"""Bytes of pixels up to which a packed dataset is decoded into memory on request (256 MiB)."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One opened file.

    Attributes:
        path: the file.
        header: its user block.
        attributes: its root attributes.
        arrays: key → array of N rows: mapped (flat) or an HDF5 dataset (packed).
        kinds: infos key → what its rows belong to.
        starts: int64 (E+1,), first row of each episode.
        checksums: uint32 (E,), CRC-32 of each episode's rows.
    """

    path: Path
    header: Header
    attributes: Mapping[str, Any]
    arrays: Mapping[str, Any]
    kinds: Mapping[str, str]
    starts: NDArray[np.int64]
    checksums: NDArray[np.uint32]

    def rows(self, episode: int) -> dict[str, NDArray[Any]]:
        """All rows of one episode of this file, by number within the file."""
        start, stop = int(self.starts[episode]), int(self.starts[episode + 1])
        with _decode_errors(self.path):
            return {key: array[start:stop] for key, array in self.arrays.items()}

    def close(self) -> None:
        """Close the HDF5 file of a packed shard; a mapping lives as long as its arrays."""
        if self.header.layout == "packed":
            self.arrays["observations"].file.close()


class StoredDataset:
    """An opened dataset: one flat file, or the shards of a packed one."""

    def __init__(self, shards: Sequence[Shard], manifest: Manifest) -> None:
        """Use :func:`open_dataset`."""
        self.shards = tuple(shards)
        self.manifest = manifest

    @property
    def path(self) -> Path:
        """The file, or the first shard."""
        return self.shards[0].path

    @property
    def layout(self) -> str:
        """``flat`` or ``packed``."""
        return self.shards[0].header.layout

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """int64 (E+1,): first row of each episode over all shards."""
        lengths = np.concatenate([np.diff(shard.starts) for shard in self.shards])
        return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])

    @property
    def lengths(self) -> list[int]:
        """Transitions of each episode."""
        return (np.diff(self.starts) - 1).tolist()

    def row_shape(self, key: str) -> tuple[int, ...]:
        """The shape of one row of an array."""
        return tuple(int(size) for size in self.shards[0].arrays[key].shape[1:])

    @property
    def kinds(self) -> Mapping[str, str]:
        """Each infos key → ``observation`` or ``transition``."""
        return self.shards[0].kinds

    def __len__(self) -> int:
        """The number of episodes."""
        return len(self.starts) - 1

    def episode_rows(self, number: int) -> dict[str, NDArray[Any]]:
        """All rows of one episode, T + 1 of every array."""
        for shard in self.shards:
            episodes = len(shard.checksums)
            if number < episodes:
                return shard.rows(number)
            number -= episodes
        raise IndexError(f"{self.path}: no episode {number}, there are {len(self)}")

    def episode(self, number: int) -> Episode:
        """One episode; arrays of a flat file are read-only views of the mapping."""
        return rows_episode(self.episode_rows(number), self.kinds)

    def episodes(self) -> Iterator[Episode]:
        """All episodes, one at a time."""
        for number in range(len(self)):
            yield self.episode(number)

    def array(self, key: str) -> NDArray[Any]:
        """One whole array of N rows: a read-only mapping, or decoded into memory if packed.

        Raises:
            KeyError: there is no such array.
            DatasetFormatError: packed and larger than :data:`DECODE_LIMIT`; unpack it first.
        """
        first = self.shards[0].arrays[key]
        if self.layout == "flat":
            return first
        return self._decoded(key)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all arrays, in hashing order."""
        return tuple(self.shards[0].arrays)

    def fingerprint(self) -> RenderFingerprint | None:
        """The render fingerprint, ``None`` where the file has none."""
        rows = list(self.manifest.fingerprint_rows)
        if not rows:
            return None
        states = self._take(info_key("physics_state"), rows)
        return RenderFingerprint(
            renderer=self.manifest.provenance.renderer,
            physics_states=states,
            frames=self._take("observations", rows),
        )

    def close(self) -> None:
        """Close all files."""
        for shard in self.shards:
            shard.close()

    def checksum(self, number: int) -> int:
        """The recorded CRC-32 of one episode's rows."""
        return int(np.concatenate([shard.checksums for shard in self.shards])[number])

    def _decoded(self, key: str) -> NDArray[Any]:
        sources = [shard.arrays[key] for shard in self.shards]
        num_bytes = sum(source.nbytes for source in sources)
        if num_bytes > DECODE_LIMIT:
            raise DatasetFormatError(
                f"{self.path}: {key} takes {num_bytes / 1e9:.1f} GB decoded, and packed files "
                f"cannot be mapped; unpack it once: vd4rl unpack {self.path}"
            )
        with _decode_errors(self.path):
            decoded = np.concatenate([source[:] for source in sources])
        decoded.flags.writeable = False
        return decoded

    def _take(self, key: str, rows: Sequence[int]) -> NDArray[Any]:
        taken: list[NDArray[Any]] = []
        for row in rows:
            offset = 0
            for shard in self.shards:
                count = int(shard.starts[-1])
                if row < offset + count:
                    with _decode_errors(shard.path):
                        taken.append(shard.arrays[key][row - offset])
                    break
                offset += count
        return np.stack(taken)


def open_dataset(path: Path | str) -> StoredDataset:
    """Open a dataset file (for a packed dataset: any one of its shards) and check its structure.

    The bytes of all small arrays and of the structure are verified; pixels are only mapped (use
    :func:`vd4rl_data.storage.verify_dataset` to read every one).

    Raises:
        FileNotFoundError: a file or a shard is missing.
        CorruptFileError: truncated or altered.
        DatasetFormatError: not a dataset file of this version, or its arrays do not fit together.
        InvalidEpisodeError: a reward, action or discount is out of range.
    """
    paths = shard_paths(Path(path))
    shards = [open_arrays(shard_path) for shard_path in paths]
    manifest = _common_manifest(shards)
    stored = StoredDataset(shards, manifest)
    _check_counts(stored)
    return stored


def open_arrays(path: Path) -> Shard:
    """Open one file and check its structure and the values of its small arrays.

    Raises:
        CorruptFileError, DatasetFormatError: as in :func:`open_dataset`.
    """
    import h5py

    header = read_header(path)
    try:
        file: Any = h5py.File(path, "r")
        shard = _read_structure(path, header, file)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, DatasetFormatError):
            raise
        raise CorruptFileError(f"{path}: HDF5 cannot read the structure: {error}") from error
    if header.layout == "flat":
        file.close()
    _check_structure(shard)
    return shard


def _read_structure(path: Path, header: Header, file: Any) -> Shard:
    infos: Any = file.get(INFO_GROUP, {})
    missing = [key for key in (*ROW_KEYS, "episode_starts", "episode_crc32") if key not in file]
    if missing:
        raise DatasetFormatError(f"{path}: expected the array {missing[0]}, got {sorted(file)}")
    keys = (*ROW_KEYS, *(info_key(name) for name in sorted(infos)))
    datasets = {key: file[key] for key in keys}
    flat = header.layout == "flat"
    arrays = _map_arrays(path, datasets) if flat else datasets
    return Shard(
        path=path,
        header=header,
        attributes=dict(file.attrs),
        arrays=arrays,
        kinds={key: str(datasets[key].attrs["rows"]) for key in keys[len(ROW_KEYS) :]},
        starts=file["episode_starts"][:],
        checksums=file["episode_crc32"][:],
    )


def _map_arrays(path: Path, datasets: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrays: dict[str, NDArray[Any]] = {}
    for key, dataset in datasets.items():
        offset = dataset.id.get_offset()
        if offset is None:
            raise DatasetFormatError(
                f"{path}: {key}: expected a contiguous array, got a chunked one"
            )
        count = int(np.prod(dataset.shape, dtype=np.int64))
        flat = np.frombuffer(mapping, dtype=dataset.dtype, count=count, offset=offset)
        arrays[key] = flat.reshape(dataset.shape)
    return arrays


def _check_structure(shard: Shard) -> None:
    """Arrays, boundaries, flags and values of one file fit together."""
    path, starts = shard.path, shard.starts
    steps = np.diff(starts)
    if len(starts) < 2 or starts[0] != 0 or (steps < 2).any():
        raise DatasetFormatError(
            f"{path}: episode_starts: expected 0 and then rows at least 2 apart, got "
            f"{starts[:8]}..."
        )
    if len(shard.checksums) != len(steps):
        raise DatasetFormatError(
            f"{path}: episode_crc32: expected {len(steps)} rows, got {len(shard.checksums)}"
        )
    for key, array in shard.arrays.items():
        if len(array) != starts[-1]:
            raise DatasetFormatError(f"{path}: {key}: expected {starts[-1]} rows, got {len(array)}")
        if key in ROW_DTYPES and array.dtype != ROW_DTYPES[key]:
            raise DatasetFormatError(
                f"{path}: {key}: expected dtype {ROW_DTYPES[key]}, got {array.dtype}"
            )
    _check_flags(shard)
    actions, rewards, discounts = (
        shard.arrays[key][:] for key in ("actions", "rewards", "discounts")
    )
    try:
        check_values(str(path), actions, rewards, discounts)
    except InvalidEpisodeError as error:
        raise DatasetFormatError(str(error)) from error


def _check_flags(shard: Shard) -> None:
    last = shard.starts[1:] - 1
    timeouts = np.zeros(int(shard.starts[-1]), dtype=np.bool_)
    timeouts[last] = True
    if not np.array_equal(shard.arrays["timeouts"][:], timeouts):
        raise DatasetFormatError(
            f"{shard.path}: timeouts: expected true at the last row of each episode, and "
            "nowhere else"
        )
    stray = np.flatnonzero(shard.arrays["terminals"][:])
    if np.setdiff1d(stray, last - 1).size:
        raise DatasetFormatError(
            f"{shard.path}: terminals: expected true only at an episode's last transition"
        )


def _common_manifest(shards: Sequence[Shard]) -> Manifest:
    texts = {str(shard.attributes["manifest"]) for shard in shards}
    if len(texts) != 1:
        raise DatasetFormatError(
            f"{shards[0].path}: expected shards of one dataset, got {len(texts)} different "
            "manifests"
        )
    return Manifest.from_json(texts.pop(), str(shards[0].path))


def _check_counts(stored: StoredDataset) -> None:
    manifest = stored.manifest
    announced = (manifest.num_episodes, manifest.num_transitions)
    if (len(stored), sum(stored.lengths)) != announced:
        raise DatasetFormatError(
            f"{stored.path}: expected {manifest.num_episodes} episodes and "
            f"{manifest.num_transitions} transitions, got {len(stored)} and {sum(stored.lengths)}"
        )


class _decode_errors:  # noqa: N801 - used like a function
    """Turn an HDF5 read error (a checksum that does not fit) into :class:`CorruptFileError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, OSError):
            raise CorruptFileError(f"{self._path}: HDF5 cannot decode a chunk: {error}") from error
