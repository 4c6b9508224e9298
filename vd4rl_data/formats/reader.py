"""The episodes of a folder of other people's files, read in a process of its own."""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Final

from vd4rl_data.errors import DatasetNotFoundError
from vd4rl_data.formats.folder import FolderListing, part_files, scan_folder
from vd4rl_data.formats.format import Format
from vd4rl_data.formats.identity import SourceFile, check_no_copy, content_sha256, identify
from vd4rl_data.formats.join import joined
from vd4rl_data.formats.pieces import Expected, Piece, ReadEpisode
from vd4rl_data.formats.sandbox import Sandbox, SandboxLimits
from vd4rl_data.spec import DatasetSpec

_LOGGER: Final = logging.getLogger("vd4rl_data")


def read_folder(
    folder: Path,
    spec: DatasetSpec,
    *,
    format: str | Format | None = None,  # noqa: A002
    names: tuple[str, ...] | None = None,
    check_hashes: bool = True,
    limits: SandboxLimits | None = None,
) -> FolderReader:
    """Read all episodes of a folder, in a process of its own and one at a time.

    Args:
        folder: see :func:`scan_folder`.
        spec: the dataset that the files shall be; for a composite, part after part.
        format: see :func:`scan_folder`.
        names: read only these files of the folder; default all.
        check_hashes: refuse a file that bears the name of an official one but has another content.
            Without it such a file is read, and is ``different`` in :attr:`FolderReader.files`.
        limits: memory and time of the reading process.

    Returns:
        An iterator of :class:`ReadEpisode`; close it (or use ``with``) if you stop early.

    Raises:
        DatasetNotFoundError: as :func:`scan_folder`, or one of ``names`` is not there.
        DatasetFormatError: as :func:`scan_folder`; or, while iterating, a file does not hold what
            a dataset needs, is a second copy of an official one, or that of another dataset.
        CorruptFileError: (iterating) a file is damaged, killed its reader, or is not the official
            one of its name.
        InvalidEpisodeError: (iterating) an episode breaks an invariant.
    """
    listing = scan_folder(folder, format)
    chosen = listing.names if names is None else tuple(n for n in listing.names if n in set(names))
    absent = set(names or ()) - set(chosen)
    if absent:
        raise DatasetNotFoundError(
            f"{folder}: expected the files {sorted(absent)}, which are not there"
        )
    if listing.ignored:
        _LOGGER.info(
            "%s: ignored %d other files: %s", folder, len(listing.ignored), listing.ignored
        )
    ordered = _by_part(replace(listing, names=chosen), spec)
    return FolderReader(ordered, spec, check_hashes=check_hashes, limits=limits)


class FolderReader:
    """The episodes of a folder: an iterator, and a context manager that ends the reading process.

    Attributes:
        files: the files read so far, with their hashes; complete once the iterator is exhausted.
    """

    def __init__(
        self,
        listing: FolderListing,
        spec: DatasetSpec,
        *,
        check_hashes: bool,
        limits: SandboxLimits | None,
    ) -> None:
        """Nothing is read yet; use :func:`read_folder`."""
        self.files: list[SourceFile] = []
        self._listing = listing
        self._spec = spec
        self._check_hashes = check_hashes
        self._episodes = self._read(limits)

    def __iter__(self) -> FolderReader:
        """Itself."""
        return self

    def __next__(self) -> ReadEpisode:
        """The next episode."""
        return next(self._episodes)

    def close(self) -> None:
        """End the reading process; the iterator is exhausted from now on."""
        self._episodes.close()

    def __enter__(self) -> FolderReader:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _read(self, limits: SandboxLimits | None) -> Generator[ReadEpisode, None, None]:
        listing, expected = self._listing, Expected.of(self._spec)
        with Sandbox(listing.format, limits) as sandbox:
            yield from joined(listing.format, self._items(sandbox, expected), expected)

    def _items(
        self, sandbox: Sandbox, expected: Expected
    ) -> Generator[tuple[str, ReadEpisode | Piece], None, None]:
        for name in self._listing.names:
            path = self._listing.folder / name
            sha256 = content_sha256(path, self._listing.format)
            source = identify(path, sha256, self._spec, check_hash=self._check_hashes)
            check_no_copy(path, source, self.files)
            self.files.append(source)
            for item in sandbox.read(path, expected):
                yield name, item


def _by_part(listing: FolderListing, spec: DatasetSpec) -> FolderListing:
    """Order the files of a composite part by part, and those of no known part behind them."""
    if not spec.parts:
        return listing
    known = [name for names in part_files(listing, spec).values() for name in names]
    others = [name for name in listing.names if name not in set(known)]
    return replace(listing, names=(*known, *others))
