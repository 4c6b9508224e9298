"""A folder of the official V-D4RL tree: npz episodes or hdf5 shards, checked and read in order."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vd4rl_data.errors import CorruptFileError, DatasetFormatError, DatasetNotFoundError
from vd4rl_data.ids import parse_id
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.suites.vd4rl_files import (
    OfficialFile,
    belongs_to,
    find_by_sha256,
    find_official_file,
)
from vd4rl_data.upstream.join import join_shards
from vd4rl_data.upstream.naming import shard_order
from vd4rl_data.upstream.npz import npz_episode
from vd4rl_data.upstream.rows import Expected, Piece, UpstreamEpisode
from vd4rl_data.upstream.sandbox import Sandbox, SandboxLimits

Kind = Literal["npz", "hdf5"]
HashStatus = Literal["verified", "unknown", "different"]

OFFICIAL_TREE: Final = """\
main/<task>/<behavior>/64px/<time>-<id>-<length>.npz    one episode per file
main/<task>/<behavior>/84px/<counter>[_<words>].hdf5    many episodes per file"""

_LOGGER: Final = logging.getLogger("vd4rl_data")
_KINDS: Final[dict[str, Kind]] = {".npz": "npz", ".hdf5": "hdf5"}


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The data files of one folder.

    Attributes:
        folder: where they lie.
        kind: ``npz`` (one episode per file) or ``hdf5`` (shards).
        names: their names in reading order: npz by name, which begins with the time of recording;
            hdf5 series by series and numerically by counter (``9_mixed`` before ``10_mixed``).
        ignored: names of all other files there, hidden ones excepted.
    """

    folder: Path
    kind: Kind
    names: tuple[str, ...]
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read: its size and SHA-256, and how that compares with the official one.

    ``hash_status`` is ``verified`` (it is the official file), ``unknown`` (no official hash is
    known for its name) or ``different`` (it has the name of an official file and another content).
    """

    name: str
    bytes: int
    sha256: str
    hash_status: HashStatus


def scan_folder(folder: Path) -> FolderListing:
    """List the data files of a folder; reads no file and looks into no sub-folder.

    Raises:
        DatasetNotFoundError: there is no such folder, or no data file in it.
        DatasetFormatError: it mixes npz and hdf5 files.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(f"{folder} is not a folder; expected one of\n{OFFICIAL_TREE}")
    files = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    visible = [name for name in files if not name.startswith(".")]
    by_kind: dict[Kind, list[str]] = {
        kind: [name for name in visible if Path(name).suffix == suffix]
        for suffix, kind in _KINDS.items()
    }
    if all(by_kind.values()):
        found = " and ".join(f"{len(names)} .{kind}" for kind, names in by_kind.items())
        raise DatasetFormatError(
            f"{folder}: expected either .npz or .hdf5 files, got {found}; a dataset is one or the "
            f"other, in a folder of its own:\n{OFFICIAL_TREE}"
        )
    for kind, names in by_kind.items():
        if names:
            ordered = sorted(names, key=shard_order) if kind == "hdf5" else names
            ignored = tuple(name for name in visible if name not in set(names))
            return FolderListing(folder, kind, tuple(ordered), ignored)
    raise DatasetNotFoundError(_nothing_in(folder))


def part_files(listing: FolderListing, spec: DatasetSpec) -> dict[str, tuple[str, ...]]:
    """Split the files of a composite's official folder by the stored dataset they belong to.

    Args:
        listing: of an official ``medium_expert`` folder.
        spec: the composite dataset.

    Returns:
        Part id → names, in the order of ``spec.parts``. Files whose official name is not known (all
        64 px files) are in none of them.
    """
    by_behavior = {parse_id(part).behavior: part for part in spec.parts}
    found: dict[str, tuple[str, ...]] = dict.fromkeys(spec.parts, ())
    for name in listing.names:
        official = find_official_file(spec, name)
        if official is not None and official.behavior in by_behavior:
            found[by_behavior[official.behavior]] += (name,)
    return found


def read_folder(
    folder: Path,
    spec: DatasetSpec,
    *,
    names: tuple[str, ...] | None = None,
    check_hashes: bool = True,
    limits: SandboxLimits | None = None,
) -> FolderReader:
    """Read all episodes of an official folder, in a process of its own and one at a time.

    Args:
        folder: see :func:`scan_folder`.
        spec: the dataset that the files shall be; for a composite, part after part.
        names: read only these files of the folder; default all.
        check_hashes: refuse a file that bears the name of an official one but has another content.
            Without it such a file is read, and is ``different`` in :attr:`FolderReader.files`.
        limits: memory and time of the reading process.

    Returns:
        An iterator of :class:`UpstreamEpisode`; close it (or use ``with``) if you stop early.

    Raises:
        DatasetNotFoundError: as :func:`scan_folder`, or one of ``names`` is not there.
        DatasetFormatError: as :func:`scan_folder`; or, while iterating, a file does not hold what
            a dataset needs, is a second copy of an official one, or that of another dataset.
        CorruptFileError: (iterating) a file is damaged, killed its reader, or is not the official
            one of its name.
        InvalidEpisodeError: (iterating) an episode breaks an invariant.
    """
    listing = scan_folder(folder)
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
    ordered = _by_part(FolderListing(folder, listing.kind, chosen, listing.ignored), spec)
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

    def __next__(self) -> UpstreamEpisode:
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

    def _read(self, limits: SandboxLimits | None) -> Generator[UpstreamEpisode, None, None]:
        with Sandbox(limits) as sandbox:
            pieces = self._pieces(sandbox)
            if self._listing.kind == "hdf5":
                yield from join_shards(pieces, self._spec)
            else:
                for name, piece in pieces:
                    yield npz_episode(name, piece, self._spec)

    def _pieces(self, sandbox: Sandbox) -> Generator[tuple[str, Piece], None, None]:
        expected = Expected.of(self._spec)
        for name in self._listing.names:
            path = self._listing.folder / name
            source = identify(path, file_sha256(path), self._spec, check_hash=self._check_hashes)
            check_no_copy(path, source, self.files)
            self.files.append(source)
            for piece in sandbox.read(path, self._listing.kind, expected):
                yield name, piece


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identify(path: Path, sha256: str, spec: DatasetSpec, *, check_hash: bool) -> SourceFile:
    """Compare a file, whose hash was computed, with the official one of its name.

    Raises:
        DatasetFormatError: it is the official file of another dataset.
        CorruptFileError: with ``check_hash``: it has the name of an official file and is another.
    """
    size = path.stat().st_size
    twin = find_by_sha256(sha256)
    if twin is not None and not belongs_to(twin, spec):
        raise DatasetFormatError(
            f"{path}: expected a file of {spec.name}, got the official file {twin.name} of "
            f"{twin.task} {twin.behavior}"
        )
    official = find_official_file(spec, path.name)
    if twin is not None:
        return SourceFile(path.name, size, sha256, "verified")
    if official is None:
        return SourceFile(path.name, size, sha256, "unknown")
    message = _difference(path, size, sha256, official)
    if check_hash:
        raise CorruptFileError(message)
    _LOGGER.warning("%s", message)
    return SourceFile(path.name, size, sha256, "different")


def check_no_copy(path: Path, file: SourceFile, others: Iterable[SourceFile]) -> None:
    """Refuse a second copy of one of the authors' own files, of which each stands there once.

    Other files may be the same byte for byte, as two short episodes can be.

    Raises:
        DatasetFormatError: it is one.
    """
    for other in others:
        if file.hash_status == "verified" and other.sha256 == file.sha256:
            raise DatasetFormatError(
                f"{path}: expected each of the authors' files once, got a copy of {other.name}; "
                "remove one"
            )


def _difference(path: Path, size: int, sha256: str, official: OfficialFile) -> str:
    return (
        f"{path}: expected the official file of this name ({official.bytes:,} bytes, SHA-256 "
        f"{official.sha256}), got {size:,} bytes, SHA-256 {sha256}; download it again, or say "
        "check_hashes=False if it is meant to be another"
    )


def _by_part(listing: FolderListing, spec: DatasetSpec) -> FolderListing:
    """Order the files of a composite part by part, and those of no known part behind them."""
    if not spec.parts:
        return listing
    known = [name for names in part_files(listing, spec).values() for name in names]
    others = [name for name in listing.names if name not in set(known)]
    return FolderListing(listing.folder, listing.kind, (*known, *others), listing.ignored)


def _nothing_in(folder: Path) -> str:
    below = sorted(
        {
            path.parent.relative_to(folder).as_posix()
            for suffix in _KINDS
            for path in folder.glob(f"*/*{suffix}")
        }
    )
    hint = f"; the folders {', '.join(below)} in it hold some, name one of them" if below else ""
    return f"{folder} holds no .npz or .hdf5 files{hint}; expected one of\n{OFFICIAL_TREE}"
