"""``source="hf://USER/NAME@REVISION"`` → a flat file, verified.

A third party's file for an id is never taken for the benchmark's own: it lives in a folder of its
own, below ``hf/USER/NAME/<commit>``, where nothing but this source looks.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from vd4rl_data.download.client import Endpoint, endpoint_of, file_address, is_offline
from vd4rl_data.download.fetch import fetch
from vd4rl_data.download.repository import (
    COMMIT,
    PublishedDataset,
    PublishedSource,
    describe,
    look_up,
    parse_source,
)
from vd4rl_data.download.turns import folder_bytes, turn
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetFormatError,
    OfflineError,
    RemoteAccessError,
    RemoteFileNotFoundError,
    TransferError,
)
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import sidecar, unpack, verify_dataset
from vd4rl_data.storage.atomic import check_free_space, sync, write_text
from vd4rl_data.storage.naming import flat_path, sidecar_path, source_note

FOLDER: Final = "hf"
"""Below a data folder: everything that came from such sources."""

_LOGGER: Final = logging.getLogger("vd4rl_data")


def acquire_published(
    source: str | PublishedSource,
    dataset_id: str,
    root: Path,
    *,
    endpoint: str | None = None,
    token: str | None = None,
    offline: bool | None = None,
    progress: bool = True,
) -> Path:
    """The flat file of a published dataset; fetched, verified and unpacked if it is not here yet.

    Where the revision is a commit that was acquired before, no request is made. Two processes that
    ask for the same do the work once. A kill at any moment loses little, see
    :func:`~vd4rl_data.download.fetch.fetch`.

    Args:
        source: ``hf://USER/NAME[@REVISION]``.
        dataset_id: a catalog id.
        root: the data folder; the file is ``<root>/hf/USER/NAME/<commit>/<dataset_id>.h5``.
        endpoint: the hub; ``None`` takes the client's own (``HF_ENDPOINT``). A server of files
            alone will do if it has them where a hub does, and the revision is a commit.
        token: ``None`` takes the client's own, for the client's own endpoint alone.
        offline: never use the network; ``None`` takes the client's own (``HF_HUB_OFFLINE``). A
            branch or tag then means the commit that it meant when it was last asked for.
        progress: show a bar while fetching.

    Raises:
        InvalidSourceError, InvalidIdError, UnknownDatasetError: the source or the id is wrong.
        DatasetNotFoundError: the repository has no such dataset; the message says what it has.
        RemoteFileNotFoundError, RemoteAccessError: the repository is not there for us.
        CorruptFileError: what was published fails verification; it was deleted.
        OfflineError: it is not here, and the network must not be used.
        TransferError: the network failed for too long; what arrived is kept.
        NoSpaceError: the disk is full.
    """
    source = parse_source(source)
    name = get_dataset_spec(dataset_id).name
    base = root / FOLDER / source.repo_id
    target = flat_path(base / source.revision, name)
    if source.pinned and target.is_file():
        return target
    offline = is_offline() if offline is None else offline
    server = None if offline else endpoint_of(endpoint, token)
    commit = source.revision if source.pinned else resolve(source, base, server)
    target = flat_path(base / commit, name)
    if target.is_file():
        return target
    if server is None:
        raise OfflineError(
            f"{name} from {source} is not at {target}, and the network must not be used"
        )
    pinned = PublishedSource(source.repo_id, commit)
    with turn(_lock(target), _incoming(target), show=progress):
        if not target.is_file():
            _acquire(server, pinned, name, target, progress=progress)
    return target


def resolve(source: PublishedSource, base: Path, server: Endpoint | None) -> str:
    """The commit that a branch or tag means: asked for, or as it was when it was last asked for.

    Args:
        source: the repository at a branch or tag.
        base: the repository's folder on this machine.
        server: ``None`` if the network must not be used.

    Raises:
        OfflineError: it was never looked up, and the network must not be used.
        RemoteFileNotFoundError, RemoteAccessError, TransferError: as :func:`acquire_published`.
    """
    note = base / "refs" / quote(source.revision, safe="")
    noted = note.read_text(encoding="utf-8").strip() if note.is_file() else ""
    known = noted if COMMIT.fullmatch(noted) else None
    if server is None:
        if known is None:
            raise OfflineError(
                f"{source}: the commit of {source.revision} was never looked up, and the network "
                "must not be used; name a commit that is here"
            )
        _LOGGER.info("%s: offline, so %s means %s as before", source, source.revision, known)
        return known
    try:
        commit, _ = look_up(server, source)
    except (RemoteFileNotFoundError, RemoteAccessError):
        raise
    except TransferError as error:
        if known is None:
            raise
        _LOGGER.warning("%s; so %s means %s as before", error, source, known)
        return known
    with turn(_lock(note), note.parent, show=False):
        write_text(note, commit + "\n")
    return commit


def _lock(target: Path) -> Path:
    return target.with_name(f".{target.name}.turn.lock")


def _incoming(target: Path) -> Path:
    return target.with_name(f".{target.stem}.incoming")


def _acquire(
    server: Endpoint, source: PublishedSource, name: str, target: Path, *, progress: bool
) -> None:
    published, incoming = describe(server, source, name), _incoming(target)
    _LOGGER.info(
        "%s from %s: %.1f MB; its publisher says the origin is %s",
        name,
        source,
        published.num_bytes / 1e6,
        published.manifest.origin,
    )
    _check_room(published, name, incoming)
    address = partial(file_address, repo_id=source.repo_id, revision=source.revision)
    fetch(
        published.files,
        incoming,
        [server],
        lambda url, path: address(url, path=path),
        progress=progress,
    )
    staged = _unpacked(published, name, incoming)
    _install(published, staged, target)
    shutil.rmtree(incoming)


def _check_room(published: PublishedDataset, name: str, incoming: Path) -> None:
    """Refuse what will not fit: the shards, and then the flat file beside them.

    Raises:
        NoSpaceError: fewer bytes are free than are still to be written.
    """
    manifest, spec = published.manifest, get_dataset_spec(name)
    rows = manifest.num_transitions + manifest.num_episodes
    pixels = rows * math.prod(spec.observation_shape)
    check_free_space(incoming / "*.h5", pixels + published.num_bytes - folder_bytes(incoming))


def _unpacked(published: PublishedDataset, name: str, incoming: Path) -> Path:
    """The flat file, still aside, with every byte and every figure checked."""
    staged = incoming / "flat" / f"{Path(name).name}.h5"
    staged.parent.mkdir(parents=True, exist_ok=True)
    problems: tuple[str, ...]
    try:
        unpack(incoming / published.files[0].path, staged, replace=True)  # a kill's leavings
        problems = verify_dataset(staged).problems
        beside = sidecar.read(staged)
        if beside is None or beside.manifest != published.manifest.to_json():
            problems = (*problems, "the manifest in its files is not the one in its sidecar")
    except DatasetFormatError as error:
        problems = (str(error),)
    if problems:
        shutil.rmtree(incoming)
        told = "\n".join(f"    {problem}" for problem in problems[:5])
        raise CorruptFileError(f"{name} from {published.source} fails verification:\n{told}")
    return staged


def _install(published: PublishedDataset, staged: Path, target: Path) -> None:
    """Put the file in place, last; beside it its sidecar and where it came from."""
    record: dict[str, Any] = {
        "source": str(published.source),
        "files": [asdict(file) for file in published.files],
    }
    write_text(source_note(target), json.dumps(record, indent=2, sort_keys=True) + "\n")
    sidecar_path(staged).replace(sidecar_path(target))
    staged.replace(target)
    sync(target.parent)
