"""Behavior policies and replays that are files of somebody's repository → files on this machine.

A repository names them in one list, :data:`LIST`, with sizes and SHA-256. They lie in a folder of
their own, below ``hf/USER/NAME/<commit>``, as ``python -m collection select`` writes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.download.client import Endpoint, endpoint_of, file_address, is_offline
from vd4rl_data.download.fetch import fetch
from vd4rl_data.download.published import FOLDER, resolve
from vd4rl_data.download.repository import PublishedSource, parse_source, read_text
from vd4rl_data.download.transfer import RemoteFile
from vd4rl_data.download.turns import turn
from vd4rl_data.errors import CorruptFileError, DatasetNotFoundError, OfflineError
from vd4rl_data.storage.atomic import check_free_space, write_text

LIST: Final = "policies.json"
"""In a repository: every file of a policy or replay, with its size and SHA-256."""

FORMAT: Final = "vd4rl-data policies"
VERSION: Final = 1
FOLDERS: Final = ("policies", "replays")
"""Where the files lie, in a repository as in a folder of ``select``."""

_LONGEST_NAME: Final = 200


def acquire_policies(
    source: str | PublishedSource,
    names: Iterable[str],
    root: Path,
    *,
    list_sha256: str | None = None,
    endpoint: str | None = None,
    token: str | None = None,
    offline: bool | None = None,
    progress: bool = True,
) -> Path:
    """The folder that holds files of a repository; what is missing is fetched and checked.

    Where the revision is a commit, and the files were acquired before, no request is made. A kill
    at any moment loses little, see :func:`~vd4rl_data.download.fetch.fetch`.

    Args:
        source: ``hf://USER/NAME[@REVISION]``.
        names: of policies and replays, without suffix, e.g. ``walker_walk-medium``.
        root: the data folder.
        list_sha256: SHA-256 of :data:`LIST`, where it is known: nothing else is accepted.
        endpoint: the hub; ``None`` takes the client's own (``HF_ENDPOINT``).
        token: ``None`` takes the client's own, for the client's own endpoint alone.
        offline: never use the network; ``None`` takes the client's own (``HF_HUB_OFFLINE``).
        progress: show a bar while fetching.

    Raises:
        InvalidSourceError: the source is wrong.
        DatasetNotFoundError: the repository does not have one of these; the message says what it
            has.
        RemoteFileNotFoundError, RemoteAccessError: the repository is not there for us, or holds no
            policies.
        CorruptFileError: its list, or a file, is not what it should be.
        OfflineError: files are missing, and the network must not be used.
        TransferError: the network failed for too long; what arrived is kept.
        NoSpaceError: the disk is full.
    """
    source = parse_source(source)
    base = root / FOLDER / source.repo_id
    offline = is_offline() if offline is None else offline
    server = None if offline else endpoint_of(endpoint, token)
    commit = source.revision if source.pinned else resolve(source, base, server)
    pinned, folder = PublishedSource(source.repo_id, commit), base / commit
    with turn(folder / f".{LIST}.turn.lock", folder, show=progress):
        listed = _listed(pinned, folder, server, list_sha256)
        wanted = [file for name in names for file in _files_of(pinned, name, listed)]
        missing = [file for file in wanted if not (folder / file.path).is_file()]
        check_free_space(folder / "*", sum(file.size or 0 for file in missing))
        address = partial(file_address, repo_id=source.repo_id, revision=commit)
        fetch(
            wanted,
            folder,
            [] if server is None else [server],
            lambda url, path: address(url, path=path),
            progress=progress and bool(missing),
        )
    return folder


def _listed(
    source: PublishedSource, folder: Path, server: Endpoint | None, sha256: str | None
) -> Mapping[str, RemoteFile]:
    """The repository's list, by path: from the folder if it is there, else from the server."""
    place = folder / LIST
    if place.is_file():
        text = place.read_text(encoding="utf-8")
    elif server is None:
        raise OfflineError(f"{place} is not here, and the network must not be used")
    else:
        text = read_text(server, source, LIST)
    found = hashlib.sha256(text.encode()).hexdigest()
    if sha256 not in (None, found):
        place.unlink(missing_ok=True)
        raise CorruptFileError(f"{source}: {LIST}: expected SHA-256 {sha256}, got {found}")
    files = _parsed(text, f"{source}: {LIST}")
    if not place.is_file():
        write_text(place, text)
    return files


def _parsed(text: str, where: str) -> dict[str, RemoteFile]:
    try:
        found = json.loads(text)
        if (found["format"], found["version"]) != (FORMAT, VERSION):
            raise ValueError(f"expected {FORMAT} version {VERSION}")
        rows = cast("dict[str, Any]", found["files"])
        files = {
            path: RemoteFile(path, int(row["num_bytes"]), str(row["sha256"]), "sidecar")
            for path, row in rows.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptFileError(f"{where}: not a list of policies: {error!r}") from error
    for path, file in files.items():
        if not _is_plain(path) or (file.size or 0) < 0 or len(file.sha256 or "") != 64:
            raise CorruptFileError(f"{where}: expected a file below {FOLDERS}, got {file}")
    return files


def _is_plain(path: str) -> bool:
    """Whether a path is ``policies/NAME`` or ``replays/NAME``, and nothing that leads elsewhere."""
    folder, _, name = path.partition("/")
    return (
        folder in FOLDERS
        and 0 < len(name) <= _LONGEST_NAME
        and name.isascii()
        and not name.startswith(".")
        and all(letter.isalnum() or letter in "._-" for letter in name)
    )


def _files_of(
    source: PublishedSource, name: str, listed: Mapping[str, RemoteFile]
) -> list[RemoteFile]:
    found = [file for path, file in listed.items() if Path(path).stem == name]
    if not found:
        names = sorted({Path(path).stem for path in listed})
        raise DatasetNotFoundError(
            f"{source} has no policy or replay {name}; it has {', '.join(names) or 'none'}"
        )
    return found
