"""The core of every conversion: other people's files, in any order → parts → a dataset file.

    file ──sandboxed reader──▶ episodes ──▶ parts ──a line in the ledger──▶ the file may go

It can be killed at any moment. Files that are in the ledger are not needed again, whatever becomes
of the others: one that is broken can be mended, replaced or left out.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vd4rl_data.formats import Expected, Format, Piece, ReadEpisode, Sandbox
from vd4rl_data.importing.assembly import Assembly
from vd4rl_data.importing.ledger import Converted, Held, Ledger, key_of
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import Manifest, PartStore, Provenance, open_dataset, write_dataset
from vd4rl_data.version import __version__, versions_of


class Conversion:
    """A dataset on its way from files of one format to parts; a context manager.

    Attributes:
        store: the parts.
    """

    def __init__(
        self,
        folder: Path,
        spec: DatasetSpec,
        format: Format,  # noqa: A002
        recipe: Mapping[str, Any],
    ) -> None:
        """Go on in ``folder``, or begin there.

        Args:
            folder: of the parts; made if it is missing.
            spec: the dataset that the files are.
            format: of all files.
            recipe: what all parts have in common: the command, and the dataset.

        Raises:
            DatasetFormatError: the folder holds parts of another recipe.
        """
        self.store = PartStore(folder, recipe)
        self._spec = spec
        self._expected = Expected.of(spec)
        self._format = format
        self._ledger = Ledger(folder)
        self._ledger.believe(lambda sha256, number: self._parts(sha256).has(number))
        self._sandbox = Sandbox(format)

    @property
    def sources(self) -> Sequence[Mapping[str, Any]]:
        """What was said of each file that became parts, in the order in which they first did.

        They end before the first of which a part is gone.
        """
        return [file.source for file in self._ledger.files]

    @property
    def num_episodes(self) -> int:
        """How many episodes all files that became parts make together."""
        return self.count(self.sources)

    def count(self, sources: Sequence[Mapping[str, Any]]) -> int:
        """How many episodes some of the files that became parts make together."""
        return len(self._assembly(sources).lengths)

    def has(self, sha256: str) -> bool:
        """Whether the file of this SHA-256 became parts; it is not needed then."""
        return self._ledger.find(sha256) is not None

    def add(
        self,
        path: Path,
        source: Mapping[str, Any],
        *,
        on_episode: Callable[[int], None] | None = None,
    ) -> None:
        """Turn a file into parts; once this returned, the file is not needed any more.

        Args:
            path: where it lies.
            source: its ``name``, ``bytes``, ``sha256`` and how that is known.
            on_episode: called after each whole episode with how many there are.

        Raises:
            CorruptFileError, DatasetFormatError, InvalidEpisodeError: it cannot be read. Other
                files can be added all the same.
            NoSpaceError: the disk is full.
        """
        sha256 = str(source["sha256"])
        done = sum(file.num_episodes for file in self._ledger.files)
        pieces: list[Held] = []
        for item in self._sandbox.read(path, self._expected):
            held = self._hold(sha256, len(pieces), item)
            pieces.append(held)
            done += held.length is not None
            if on_episode is not None and held.length is not None:
                on_episode(done)
        self._ledger.append(Converted(dict(source), tuple(pieces)))

    def write(
        self,
        path: Path,
        origin: str,
        recipe: Mapping[str, Any],
        *,
        sources: Sequence[Mapping[str, Any]] | None = None,
        repairs: Sequence[str] = (),
        facts: Mapping[str, Any] | None = None,
        on_episode: Callable[[int], None] | None = None,
    ) -> Manifest:
        """Write the dataset file from the parts.

        A file that is in the way is replaced if it is this very one, cut short by a kill.

        Args:
            path: where it goes.
            origin: see :class:`~vd4rl_data.storage.Provenance`.
            recipe: for the manifest: what to run to get the file again.
            sources: the files whose parts it holds, in reading order, as they were added; by
                default all. The same file may stand there twice.
            repairs: what else is to be said, in words.
            facts: further fields of the provenance.
            on_episode: called after each episode with how many are written.

        Raises:
            DatasetFormatError: no file held an episode.
            As :func:`~vd4rl_data.storage.write_dataset`.
        """
        sources = self.sources if sources is None else sources
        assembly = self._assembly(sources)
        provenance = Provenance(
            origin=origin,
            versions=_versions(),
            recipe=recipe,
            sources=sources,
            repairs=(*repairs, *assembly.repairs),
            **(facts or {}),
        )
        return write_dataset(
            path,
            self._spec,
            assembly.episodes(),
            assembly.lengths,
            provenance,
            replace=path.is_file() and _is_made_of(path, sources),
            progress=on_episode,
        )

    def __enter__(self) -> Conversion:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the reading process."""
        self._sandbox.close()

    def _parts(self, sha256: str) -> PartStore:
        return self.store.named(key_of(sha256))

    def _assembly(self, sources: Sequence[Mapping[str, Any]]) -> Assembly:
        return Assembly(self._format, self._expected, self.store, self._ledger, sources)

    def _hold(self, sha256: str, number: int, item: ReadEpisode | Piece) -> Held:
        """Keep what was read: a whole episode as a part, other rows as they are."""
        if isinstance(item, Piece):
            self._ledger.save_rows(sha256, number, item)
            return Held(None)
        parts = self._parts(sha256)
        if not parts.has(number):
            parts.write(number, item.episode)
        return Held(len(item.episode), tuple(sorted(item.episode.infos)), item.repairs)


def _is_made_of(path: Path, sources: Sequence[Mapping[str, Any]]) -> bool:
    stored = open_dataset(path)
    stored.close()
    made_of = stored.manifest.provenance.sources
    return [file.get("sha256") for file in made_of] == [file.get("sha256") for file in sources]


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "vd4rl_data": __version__,
        **versions_of(("numpy", "h5py")),
    }
