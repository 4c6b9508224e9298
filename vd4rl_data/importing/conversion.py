"""The core of every conversion: official files, one after the other → parts → a dataset file.

    file ──sandboxed reader──▶ episodes ──▶ parts ──a line in the ledger──▶ the file may go

It can be killed at any moment. Files that are in the ledger are not needed again.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.importing.ledger import Converted, Ledger
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import Manifest, PartStore, Provenance, write_dataset
from vd4rl_data.upstream import (
    Expected,
    Kind,
    Sandbox,
    ShardJoiner,
    UpstreamEpisode,
    npz_episode,
)
from vd4rl_data.version import __version__, versions_of


class Conversion:
    """A dataset on its way from official files to parts; a context manager.

    Attributes:
        store: the parts.
        num_episodes: parts that the files so far gave.
    """

    def __init__(
        self, folder: Path, spec: DatasetSpec, kind: Kind, recipe: Mapping[str, Any]
    ) -> None:
        """Go on in ``folder``, or begin there.

        Args:
            folder: of the parts; made if it is missing.
            spec: the dataset that the files are.
            kind: of all files.
            recipe: what decides the bytes of the parts: the dataset, and its files in order.

        Raises:
            DatasetFormatError: the folder holds parts of another recipe.
        """
        self.store = PartStore(folder, recipe)
        self._spec = spec
        self._kind: Kind = kind
        self._ledger = Ledger(folder)
        self._ledger.believe(self.store.has)
        last = self._ledger.files[-1] if self._ledger.files else Converted({})
        self.num_episodes = last.num_episodes
        self._notes, self._last = last.notes, last.last
        self._joiner = ShardJoiner(spec, self._ledger.begun())
        self._sandbox = Sandbox()

    @property
    def sources(self) -> Sequence[Mapping[str, Any]]:
        """What the manifest says of each file that became parts, in reading order."""
        return [file.source for file in self._ledger.files]

    def add(
        self,
        path: Path,
        source: Mapping[str, Any],
        *,
        on_episode: Callable[[int], None] | None = None,
    ) -> None:
        """Turn the next file into parts; once this returned, the file is not needed any more.

        Args:
            path: where it lies.
            source: its ``name``, ``bytes``, ``sha256`` and how that is known.
            on_episode: called after each episode with how many there are.

        Raises:
            CorruptFileError, DatasetFormatError, InvalidEpisodeError: it cannot be read.
            NoSpaceError: the disk is full.
        """
        repairs: list[str] = []
        for item in self._items(path):
            repairs += self._take(item)
            if on_episode is not None and not isinstance(item, str):
                on_episode(self.num_episodes)
        begun = self._joiner.begun
        self._ledger.append(
            Converted(
                source, self.num_episodes, tuple(repairs), self._notes, self._last, bool(begun)
            ),
            begun,
        )

    def write(
        self,
        path: Path,
        origin: str,
        recipe: Mapping[str, Any],
        *,
        on_episode: Callable[[int], None] | None = None,
    ) -> Manifest:
        """Write the dataset file from all parts.

        Args:
            path: where it goes.
            origin: see :class:`~vd4rl_data.storage.Provenance`.
            recipe: for the manifest: what to run to get the file again.
            on_episode: called after each episode with how many are written.

        Raises:
            DatasetFormatError: no file held an episode.
            As :func:`~vd4rl_data.storage.write_dataset`.
        """
        repairs = [repair for file in self._ledger.files for repair in file.repairs]
        for item in self._joiner.finish():
            repairs += self._take(item)
        if not self.num_episodes:
            raise DatasetFormatError(
                f"no episode in any file: {'; '.join(self._notes) or 'there are no rows'}; "
                "are all files of the dataset there?"
            )
        repairs += [f"{self._last}: {note}" for note in self._notes]
        numbers = range(self.num_episodes)
        return write_dataset(
            path,
            self._spec,
            self.store.episodes(numbers),
            [self.store.length(number) for number in numbers],
            Provenance(
                origin=origin,
                versions=_versions(),
                recipe=recipe,
                sources=self.sources,
                repairs=tuple(repairs),
            ),
            progress=on_episode,
        )

    def __enter__(self) -> Conversion:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the reading process."""
        self._sandbox.close()

    def _items(self, path: Path) -> Iterator[UpstreamEpisode | str]:
        """The episodes of one file, and notes of rows that are left out."""
        for piece in self._sandbox.read(path, self._kind, Expected.of(self._spec)):
            if self._kind == "hdf5":
                yield from self._joiner.feed(path.name, piece)
            else:
                yield npz_episode(path.name, piece, self._spec)

    def _take(self, item: UpstreamEpisode | str) -> list[str]:
        """Make an episode a part; returns what there is to say of it."""
        if isinstance(item, str):
            self._notes = (*self._notes, item)
            return []
        if not self.store.has(self.num_episodes):
            self.store.write(self.num_episodes, item.episode)
        repairs = [f"{item.source}: {repair}" for repair in (*self._notes, *item.repairs)]
        self._notes, self._last = (), item.source
        self.num_episodes += 1
        return repairs


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "vd4rl_data": __version__,
        **versions_of(("numpy", "h5py")),
    }
