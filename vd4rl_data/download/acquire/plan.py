"""What exactly will be fetched: each file's size and SHA-256, and who says so.

A hash comes from the first of these that knows it: our catalog; the hub's listing of the pinned
commit (it names the SHA-256 of large files); the client's cache, which notes what the hub said; the
record of an earlier download. Else the first download is trusted, and recorded.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, cast

from vd4rl_data.download.acquire.settings import Settings
from vd4rl_data.download.client import Hub, RemoteEntry
from vd4rl_data.download.public_files import PublicFile, PublicSource
from vd4rl_data.download.transfer import Endpoint, RemoteFile
from vd4rl_data.errors import (
    CorruptFileError,
    PublishError,
    RemoteFileNotFoundError,
    TransferError,
    Vd4rlError,
)
from vd4rl_data.storage.atomic import write_text

KnownFrom = Literal["catalog", "server", "first use"]

_LOGGER: Final = logging.getLogger("vd4rl_data")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to fetch.

    Attributes:
        path: in the repository.
        size: bytes; ``None`` if nobody said.
        sha256: of the content; ``None`` if nobody said.
        known_from: who named the hash; ``first use``: an earlier download, or nobody yet.
    """

    path: str
    size: int | None
    sha256: str | None
    known_from: KnownFrom

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    @property
    def remote(self) -> RemoteFile:
        """What to tell the transfer."""
        return RemoteFile(self.path, self.size, self.sha256)


@dataclass(frozen=True, slots=True)
class Plan:
    """All files of a dataset at one revision, in reading order."""

    repo_id: str
    revision: str
    files: tuple[PlannedFile, ...]

    @property
    def num_bytes(self) -> int | None:
        """Size of all files, if all are known."""
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None

    def belongs_to(self, source: PublicSource) -> bool:
        """Whether it plans the files of this source."""
        mine = (self.repo_id, self.revision, [file.path for file in self.files])
        return mine == (source.repo_id, source.revision, [file.path for file in source.files])

    def save(self, path: Path) -> None:
        """Write it, so that a download that goes on keeps to it."""
        write_text(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Plan | None:
        """Read it; ``None`` if there is none, or none that is ours."""
        try:
            values = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
            values["files"] = tuple(PlannedFile(**file) for file in values["files"])
            return cls(**values)
        except (OSError, ValueError, TypeError, KeyError):
            return None


def make_plan(
    source: PublicSource,
    settings: Settings,
    noted: Mapping[str, str],
    recorded: Mapping[str, str],
) -> Plan:
    """Find out sizes and hashes; asks the hub only for what the catalog does not know.

    Args:
        source: the files.
        settings: whom to ask.
        noted: hashes by path, from the client's cache: what the hub told the client.
        recorded: hashes by path, of an earlier download that trusted its first use.

    Raises:
        CorruptFileError: catalog and server disagree on a size or a hash.
        RemoteFileNotFoundError, RemoteAccessError, TransferError: every endpoint fails to list.
    """
    listing: Mapping[str, RemoteEntry] = {}
    unknown = any(file.sha256 is None or file.num_bytes is None for file in source.files)
    if unknown and not settings.offline:
        listing = _list(source, settings)
    files = tuple(
        _planned(file, listing.get(file.path), noted.get(file.path), recorded.get(file.path))
        for file in source.files
    )
    return Plan(source.repo_id, source.revision, files)


def _planned(
    file: PublicFile, entry: RemoteEntry | None, noted: str | None, recorded: str | None
) -> PlannedFile:
    planned = PlannedFile(file.path, file.num_bytes, file.sha256, "catalog")
    server = noted if entry is None else entry.sha256
    if server is not None and not _SHA256.fullmatch(server):
        server = None
    if entry is not None:
        _check_agree(file, entry)
        planned = replace(planned, size=entry.size)
    if file.sha256 is not None:
        return planned
    if server is not None:
        return replace(planned, sha256=server, known_from="server")
    return replace(planned, sha256=recorded, known_from="first use")


def _check_agree(file: PublicFile, entry: RemoteEntry) -> None:
    if entry.size < 0:
        raise CorruptFileError(f"{file.path}: the server lists it with {entry.size} bytes")
    ours, theirs = (file.num_bytes, file.sha256), (entry.size, entry.sha256)
    pairs = zip(("bytes", "SHA-256"), ours, theirs, strict=True)
    for what, known, listed in pairs:
        if None not in (known, listed) and known != listed:
            raise CorruptFileError(
                f"{file.path}: the catalog of this package says {what} {known}, the server lists "
                f"{listed} at the same commit; it is not the file that was published. Ask another "
                "server, or report it"
            )


def _list(source: PublicSource, settings: Settings) -> Mapping[str, RemoteEntry]:
    """The pinned commit's own list of our files, of the first endpoint that has all of them.

    Empty if endpoints answer, but none has a list: a plain file server.
    """
    failures: list[Vd4rlError] = []
    for endpoint in settings.endpoints:
        try:
            return _list_at(endpoint, source, settings)
        except (TransferError, PublishError) as error:
            failures.append(error)
            _LOGGER.info("%s", error)
    serious = [error for error in failures if not _has_no_list(error)]
    if len(serious) < len(failures):
        _LOGGER.info("%s: no server lists its files at %s", source.repo_id, source.revision)
        return {}
    raise serious[0]


class _PartialMirrorError(RemoteFileNotFoundError):
    """A server lists some of the files, and not all."""


def _has_no_list(error: Vd4rlError) -> bool:
    """The server is there and does not list; fetching will tell whether it has the files."""
    absent = isinstance(error, RemoteFileNotFoundError | PublishError)
    return absent and not isinstance(error, _PartialMirrorError)


def _list_at(
    endpoint: Endpoint, source: PublicSource, settings: Settings
) -> Mapping[str, RemoteEntry]:
    hub = Hub(endpoint.url, endpoint.token, settings.patience)
    wanted = [file.path for file in source.files]
    entries = hub.entries(source.repo_id, source.revision, wanted)
    missing = [path for path in wanted if path not in entries]
    if missing:
        raise _PartialMirrorError(
            f"{endpoint.url}: {source.repo_id} at {source.revision} has "
            f"{len(wanted) - len(missing)} of {len(wanted)} files; {missing[0]} is not there"
        )
    return entries
