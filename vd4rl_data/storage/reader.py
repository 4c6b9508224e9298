"""Dataset file → arrays: a flat file is mapped, a packed one is decoded episode by episode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.fingerprint import RenderFingerprint
from vd4rl_data.storage.format import STATES_LAYOUT, info_key
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.storage.naming import shard_paths, stored_name
from vd4rl_data.storage.rows import rows_episode
from vd4rl_data.storage.shard import Shard, decode_errors, open_arrays

DECODE_LIMIT: Final = 1 << 28
"""Bytes of pixels up to which a packed dataset is decoded into memory on request (256 MiB)."""


class StoredDataset:
    """An opened dataset: one file, or the shards of a packed one.

    Attributes:
        shards: the files.
        manifest: the manifest that they share.
        path: the file, or the first shard.
        layout: ``flat``, ``packed`` or ``states``.
        keys: keys of all arrays, in hashing order.
    """

    def __init__(self, shards: Sequence[Shard], manifest: Manifest) -> None:
        """Use :func:`open_dataset`."""
        self.shards = tuple(shards)
        self.manifest = manifest
        self.path = shards[0].path
        self.layout = shards[0].header.layout
        self.keys = tuple(shards[0].arrays)

    @property
    def has_pixels(self) -> bool:
        """Whether its episodes have frames; the layout ``states`` holds none."""
        return self.layout != STATES_LAYOUT

    @property
    def name(self) -> str:
        """What its file is called: its id, and ``.states`` behind it where there are no pixels."""
        return stored_name(self.manifest.dataset_id, self.has_pixels)

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
        if not 0 <= number < len(self):
            raise IndexError(f"{self.path}: no episode {number}, there are {len(self)}")
        for shard in self.shards:
            episodes = len(shard.checksums)
            if number < episodes:
                return shard.rows(number)
            number -= episodes
        raise AssertionError("the shards hold len(self) episodes")

    def episode(self, number: int) -> Episode:
        """One episode; arrays of a flat file are read-only views of the mapping."""
        return rows_episode(self.episode_rows(number), self.kinds)

    def episodes(self) -> Iterator[Episode]:
        """All episodes, one at a time."""
        for number in range(len(self)):
            yield self.episode(number)

    def array(self, key: str) -> NDArray[Any]:
        """One whole array of N rows: a read-only mapping, or decoded into memory unless flat.

        Raises:
            KeyError: there is no such array.
            DatasetFormatError: packed and larger than :data:`DECODE_LIMIT`; unpack it first.
        """
        sources = [shard.arrays[key] for shard in self.shards]
        if self.layout == "flat":
            return sources[0]
        num_bytes = sum(source.nbytes for source in sources)
        if self.has_pixels and num_bytes > DECODE_LIMIT:
            raise DatasetFormatError(
                f"{self.path}: {key} takes {num_bytes / 1e9:.1f} GB decoded, and packed files "
                f"cannot be mapped; unpack it once: vd4rl unpack {self.path}"
            )
        with decode_errors(self.path):
            decoded = np.concatenate([source[:] for source in sources])
        decoded.flags.writeable = False
        return decoded

    def fingerprint(self) -> RenderFingerprint | None:
        """The render fingerprint; ``None`` if the file has none."""
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

    def _take(self, key: str, rows: Sequence[int]) -> NDArray[Any]:
        taken: list[NDArray[Any]] = []
        for row in rows:
            offset = 0
            for shard in self.shards:
                count = int(shard.starts[-1])
                if row < offset + count:
                    with decode_errors(shard.path):
                        taken.append(shard.arrays[key][row - offset])
                    break
                offset += count
        return np.stack(taken)


def open_dataset(path: Path | str) -> StoredDataset:
    """Open a dataset file (for a packed dataset: any one of its shards) and check its structure.

    The structure and the values of all small arrays are checked; pixels are only mapped (use
    :func:`vd4rl_data.storage.verify_dataset` to read every one).

    Raises:
        FileNotFoundError: there is no such file.
        CorruptFileError: the file is truncated or altered, or another shard is missing.
        DatasetFormatError: not a dataset file of this version, its arrays do not fit together, or
            a reward, action or discount is out of range.
    """
    with ExitStack() as on_error:
        shards: list[Shard] = []
        for shard_path in shard_paths(Path(path)):
            shards.append(open_arrays(shard_path))
            on_error.callback(shards[-1].close)
        stored = StoredDataset(shards, _common_manifest(shards))
        _check_places(shards)
        if len(shards) > 1:
            _check_alike(shards)
        _check_counts(stored)
        on_error.pop_all()
    return stored


def _common_manifest(shards: Sequence[Shard]) -> Manifest:
    texts: set[str] = set()
    for shard in shards:
        if "manifest" not in shard.attributes:
            raise DatasetFormatError(
                f"{shard.path}: expected a dataset, got a part of unfinished work (one episode)"
            )
        texts.add(str(shard.attributes["manifest"]))
    if len(texts) != 1:
        raise DatasetFormatError(
            f"{shards[0].path}: expected shards of one dataset, got {len(texts)} different "
            "manifests"
        )
    manifest = Manifest.from_json(texts.pop(), str(shards[0].path))
    for shard in shards:
        if shard.attributes.get("dataset_id") != manifest.dataset_id:
            raise DatasetFormatError(
                f"{shard.path}: dataset_id: expected {manifest.dataset_id!r} as in the manifest, "
                f"got {shard.attributes.get('dataset_id')!r}"
            )
    return manifest


def _check_places(shards: Sequence[Shard]) -> None:
    """Check that each file is the shard that its name says: swapped files would swap episodes."""
    first_episode = 0
    for number, shard in enumerate(shards):
        expected = (number, len(shards), first_episode)
        names = ("shard", "num_shards", "first_episode")
        found = tuple(shard.attributes.get(name) for name in names)
        if found != expected:
            raise DatasetFormatError(
                f"{shard.path}: {', '.join(names)}: expected {expected}, got {found}; a file was "
                "renamed, or belongs to another packing"
            )
        first_episode += len(shard.checksums)


def _check_alike(shards: Sequence[Shard]) -> None:
    """Check that all shards have the same arrays, except for the number of rows."""
    first, *others = [
        {key: (str(array.dtype), array.shape[1:]) for key, array in shard.arrays.items()}
        for shard in shards
    ]
    for shard, arrays in zip(shards[1:], others, strict=True):
        if (arrays, shard.kinds) != (first, shards[0].kinds):
            raise DatasetFormatError(
                f"{shard.path}: arrays: expected {first} as in the first shard, got {arrays}"
            )


def _check_counts(stored: StoredDataset) -> None:
    manifest = stored.manifest
    episodes, rows = len(stored.starts) - 1, int(stored.starts[-1])
    announced = (manifest.num_episodes, manifest.num_transitions)
    if (episodes, rows - episodes) != announced:
        raise DatasetFormatError(
            f"{stored.path}: expected {manifest.num_episodes} episodes and "
            f"{manifest.num_transitions} transitions, got {episodes} and {rows - episodes}"
        )
    outside = [row for row in manifest.fingerprint_rows if not 0 <= row < rows]
    if outside:
        raise DatasetFormatError(
            f"{stored.path}: fingerprint_rows: expected rows in [0, {rows}), got {outside[0]}"
        )
