"""``source="hf://USER/NAME@REVISION"`` → a flat file, verified.

A third party's file for an id is never taken for the benchmark's own: it lives in a folder of its
own, below ``hf/USER/NAME/<commit>``, where nothing but this source looks.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from vd4rl_data.download.client import COMMIT, Hub, is_offline
from vd4rl_data.download.published.listing import (
    PublishedDataset,
    dataset_ids,
    describe,
    fetch_files,
    parsed,
    sidecar_name,
)
from vd4rl_data.download.published.source import PublishedSource
from vd4rl_data.download.transfer import exclusive
from vd4rl_data.download.transfer.journal import bytes_there
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetFormatError,
    DatasetNotFoundError,
    OfflineError,
    RemoteAccessError,
    RemoteFileNotFoundError,
    TransferError,
)
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import sidecar, unpack, verify_dataset
from vd4rl_data.storage.atomic import check_free_space, sync, write_text
from vd4rl_data.storage.naming import flat_path, sidecar_path

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
    :func:`~vd4rl_data.download.transfer.fetch`.

    Args:
        source: ``hf://USER/NAME[@REVISION]``.
        dataset_id: a catalog id.
        root: the data folder; the file is ``<root>/hf/USER/NAME/<commit>/<dataset_id>.h5``.
        endpoint: the hub; ``None`` takes the client's own (``HF_ENDPOINT``).
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
    source = parsed(source)
    name = get_dataset_spec(dataset_id).name
    base = root / FOLDER / source.repo_id
    target = flat_path(base / source.revision, name)
    if source.pinned and target.is_file():
        return target
    offline = is_offline() if offline is None else offline
    hub = Hub(endpoint, token)
    commit = source.revision if source.pinned else _resolve(source, base, hub, offline=offline)
    target = flat_path(base / commit, name)
    if target.is_file():
        return target
    if offline:
        raise OfflineError(
            f"{name} from {source} is not at {target}, and the network must not be used"
        )
    pinned = PublishedSource(source.repo_id, commit)
    with _turn(target):
        if not target.is_file():
            _acquire(hub, pinned, name, target, progress=progress)
    return target


def _resolve(source: PublishedSource, base: Path, hub: Hub, *, offline: bool) -> str:
    """The commit that a branch or tag means: asked for, or as it was when it was last asked for."""
    note = base / "refs" / quote(source.revision, safe="")
    noted = note.read_text(encoding="utf-8").strip() if note.is_file() else ""
    known = noted if COMMIT.fullmatch(noted) else None
    if offline and known is None:
        raise OfflineError(
            f"{source}: what commit {source.revision} is was never asked for, and the network must "
            "not be used; name a commit that is here"
        )
    if offline and known is not None:
        _LOGGER.info("%s: offline, so %s means %s as before", source, source.revision, known)
        return known
    try:
        commit = hub.state(source.repo_id, source.revision).commit
    except (RemoteFileNotFoundError, RemoteAccessError):
        raise
    except TransferError as error:
        if known is None:
            raise
        _LOGGER.warning("%s; so %s means %s as before", error, source, known)
        return known
    with _turn(note):
        write_text(note, commit + "\n")
    return commit


def _turn(target: Path) -> AbstractContextManager[None]:
    """Wait until no other process makes the same file; its death counts as done."""
    lock = target.with_name(f".{target.name}.turn.lock")
    return exclusive(target.parent, (), show=False, place=lock)


def _acquire(hub: Hub, source: PublishedSource, name: str, target: Path, *, progress: bool) -> None:
    tree = hub.tree(source.repo_id, source.revision)
    if sidecar_name(name) not in tree:
        raise DatasetNotFoundError(
            f"{source} has no {name}; it has {', '.join(dataset_ids(tree)) or 'no dataset of ours'}"
        )
    incoming = target.with_name(f".{target.stem}.incoming")
    published = describe(hub, source, tree, name, incoming)
    _LOGGER.info(
        "%s from %s: %.1f MB; its publisher says the origin is %s",
        name,
        source,
        sum(file.size or 0 for file in published.files) / 1e6,
        published.manifest.origin,
    )
    _check_room(published, name, incoming)
    fetch_files(hub, source, published.files, incoming, progress=progress)
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
    shards = sum(file.size or 0 for file in published.files)
    arrived = bytes_there(incoming, [file.path for file in published.files])
    pixels = rows * math.prod(spec.observation_shape)
    check_free_space(incoming / "*.h5", pixels + shards - arrived)


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
    write_text(
        target.with_name(f"{target.stem}.source.json"),
        json.dumps(record, indent=2, sort_keys=True) + "\n",
    )
    sidecar_path(staged).replace(sidecar_path(target))
    staged.replace(target)
    sync(target.parent)
