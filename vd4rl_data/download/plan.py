"""What exactly will be fetched of the authors' files: sizes and SHA-256, and who names them.

A hash comes from the first of these that knows it: our catalog; an endpoint's list of the pinned
commit (a hub names the SHA-256 of large files); the client's cache, which notes what the hub said;
the record of an earlier download. Else the first download is trusted, and recorded.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.download.client import Endpoint, Patience, UnexpectedStatusError, ask
from vd4rl_data.download.public_files import PublicFile, PublicSource
from vd4rl_data.download.settings import DownloadSettings
from vd4rl_data.download.transfer import RemoteFile
from vd4rl_data.errors import (
    CorruptFileError,
    OfflineError,
    RemoteFileNotFoundError,
    TransferError,
)
from vd4rl_data.storage.atomic import write_text

_LOGGER: Final = logging.getLogger("vd4rl_data")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PATHS_AT_ONCE: Final = 100
_LIST_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """All files of a dataset at one revision, in reading order."""

    repo_id: str
    revision: str
    files: tuple[RemoteFile, ...]

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
        """Write it."""
        write_text(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Plan | None:
        """Read one; ``None`` if there is none, or something else."""
        try:
            values = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
            values["files"] = tuple(RemoteFile(**file) for file in values["files"])
            return cls(**values)
        except (OSError, ValueError, TypeError, KeyError):
            return None


def make_plan(
    source: PublicSource,
    settings: DownloadSettings,
    noted: Mapping[str, str],
    recorded: Mapping[str, str],
) -> Plan:
    """Find out what is known of each file; asks the endpoints only for what the catalog lacks.

    Args:
        source: the files.
        settings: whom to ask.
        noted: SHA-256 by path, from the client's cache: what the hub told the client.
        recorded: SHA-256 by path, of an earlier download that trusted its first use.

    Raises:
        CorruptFileError: catalog and server disagree on a size or a hash.
        RemoteAccessError, TransferError: no endpoint answers.
    """
    unknown = any(None in (file.sha256, file.num_bytes) for file in source.files)
    listed = _listed(source, settings) if unknown else {}
    files = (
        _planned(file, listed.get(file.path), noted.get(file.path), recorded.get(file.path))
        for file in source.files
    )
    return Plan(source.repo_id, source.revision, tuple(files))


def _planned(
    file: PublicFile, listed: RemoteFile | None, noted: str | None, recorded: str | None
) -> RemoteFile:
    size = file.num_bytes
    if listed is not None:
        _check_agree(file, listed)
        size = listed.size
    if file.sha256 is not None:
        return RemoteFile(file.path, size, file.sha256, "catalog")
    server = noted if listed is None else listed.sha256
    if server is not None:
        return RemoteFile(file.path, size, server, "server")
    return RemoteFile(file.path, size, recorded, "first use")


def _check_agree(file: PublicFile, listed: RemoteFile) -> None:
    pairs = (("bytes", file.num_bytes, listed.size), ("SHA-256", file.sha256, listed.sha256))
    for what, known, said in pairs:
        if None not in (known, said) and known != said:
            raise CorruptFileError(
                f"{file.path}: the catalog of this package says {what} {known}, the server lists "
                f"{said} at the same commit; it is not the file that was published. Ask another "
                "server, or report it"
            )


def _listed(source: PublicSource, settings: DownloadSettings) -> dict[str, RemoteFile]:
    """What the endpoints say of our files at the pinned commit, by path; each asked for the rest.

    A server of files alone has no list; whether it has the files, fetching will tell.
    """
    found: dict[str, RemoteFile] = {}
    failure: TransferError | None = None
    answered = False
    for endpoint in settings.endpoints:
        missing = [file.path for file in source.files if file.path not in found]
        try:
            found.update(_list_at(endpoint, source, missing, settings.patience))
            answered = True
        except OfflineError:
            raise
        except TransferError as error:
            _LOGGER.info("%s", error)
            has_no_list = isinstance(error, RemoteFileNotFoundError | UnexpectedStatusError)
            answered = answered or has_no_list
            failure = failure or error
    if failure is not None and not answered:
        raise failure
    return found


def _list_at(
    endpoint: Endpoint, source: PublicSource, paths: Sequence[str], patience: Patience
) -> Iterator[tuple[str, RemoteFile]]:
    """Those of the paths that an endpoint lists; names that it made up are not among them."""
    patience = replace(patience, attempts=min(patience.attempts, _LIST_ATTEMPTS))
    where = f"datasets/{source.repo_id}/paths-info/{source.revision}"
    for first in range(0, len(paths), _PATHS_AT_ONCE):
        wanted = paths[first : first + _PATHS_AT_ONCE]
        answer: Any = ask(endpoint, where, patience, method="POST", data={"paths": wanted})
        for entry in answer if isinstance(answer, list) else []:
            file = _entry(cast("Any", entry))
            if file is not None and file.path in wanted:
                yield file.path, file


def _entry(entry: Any) -> RemoteFile | None:
    """A file as a hub lists it; ``None`` of a folder, or of something that makes no sense."""
    try:
        size, sha256 = int(entry["size"]), (entry.get("lfs") or {}).get("oid")
        if entry["type"] != "file" or size < 0:
            return None
        known = isinstance(sha256, str) and _SHA256.fullmatch(sha256) is not None
        return RemoteFile(str(entry["path"]), size, sha256 if known else None, "server")
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
