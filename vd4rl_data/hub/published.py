"""Datasets that anyone published: ``source="hf://USER/NAME@REVISION"`` → a flat file.

A third party's file for an id is never taken for the benchmark's own: it lives in a folder of its
own, below ``hf/USER/NAME/<commit>``, where nothing but this source looks.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import filelock

from vd4rl_data.errors import (
    CorruptFileError,
    DatasetFormatError,
    DatasetNotFoundError,
    InvalidSourceError,
    OfflineError,
)
from vd4rl_data.hub.client import COMMIT, REPO_ID, Hub, RemoteEntry, is_offline
from vd4rl_data.hub.publish.upload import git_id
from vd4rl_data.hub.transfer import Endpoint, RemoteFile, fetch
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import Manifest, sidecar, unpack, verify_dataset
from vd4rl_data.storage.atomic import full_disk_errors, sync, write_text
from vd4rl_data.storage.naming import flat_path, shard_path, sidecar_path

SCHEME: Final = "hf://"
FOLDER: Final = "hf"
"""Below a data folder: everything that came from such sources."""

_LOGGER: Final = logging.getLogger("vd4rl_data")
_MAIN: Final = "main"
_REVISION: Final = re.compile(r"[\w][\w./+-]{0,249}", re.ASCII)
_SIDECAR: Final = re.compile(r"(?P<id>[^/]+/[^/]+)\.packed\.manifest\.json")


@dataclass(frozen=True, slots=True)
class PublishedSource:
    """Somebody's repository, at a branch, a tag or a commit."""

    repo_id: str
    revision: str = _MAIN

    @property
    def pinned(self) -> bool:
        """The revision is a commit, which never changes."""
        return COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        """The text that :func:`parse_source` understands."""
        return f"{SCHEME}{self.repo_id}@{self.revision}"


@dataclass(frozen=True, slots=True)
class PublishedDataset:
    """One dataset of a repository.

    Attributes:
        source: the repository at a commit.
        sidecar: the file that names the others.
        files: the shards in order, with sizes and SHA-256.
        manifest: what the dataset says about itself.
    """

    source: PublishedSource
    sidecar: RemoteFile
    files: tuple[RemoteFile, ...]
    manifest: Manifest

    @property
    def revision(self) -> str:
        """The commit."""
        return self.source.revision


def parse_source(text: str) -> PublishedSource:
    """Parse ``hf://USER/NAME`` or ``hf://USER/NAME@REVISION``; no revision means ``main``.

    Raises:
        InvalidSourceError: it is anything else.
    """
    expected = f"{text!r}: expected {SCHEME}USER/NAME or {SCHEME}USER/NAME@REVISION"
    if not text.startswith(SCHEME):
        raise InvalidSourceError(f"{expected}; it does not start with {SCHEME}")
    repo_id, at, revision = text.removeprefix(SCHEME).partition("@")
    if repo_id.startswith("datasets/"):
        raise InvalidSourceError(f"{expected}; leave out 'datasets/'")
    if not REPO_ID.fullmatch(repo_id):
        raise InvalidSourceError(f"{expected}; {repo_id!r} is not USER/NAME")
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise InvalidSourceError(
            f"{expected}; {revision!r} is no branch, tag or commit of 40 hexadecimal digits"
        )
    return PublishedSource(repo_id, revision or _MAIN)


def list_published(
    source: str | PublishedSource, *, endpoint: str | None = None, token: str | None = None
) -> dict[str, PublishedDataset]:
    """What a repository holds, by dataset id; fetches the sidecars, no data.

    Args:
        source: ``hf://USER/NAME[@REVISION]``.
        endpoint: the hub; ``None`` takes the client's own (``HF_ENDPOINT``).
        token: ``None`` takes the client's own, for the client's own endpoint alone.

    Raises:
        InvalidSourceError: the source does not parse.
        RemoteFileNotFoundError, RemoteAccessError: the repository is not there for us.
        CorruptFileError: a sidecar is not one, or names other files than the repository has.
        OfflineError: the client is set to be offline. TransferError: the network failed.
    """
    hub, source = Hub(endpoint, token), _parsed(source)
    if is_offline():
        raise OfflineError(f"{source}: listing it needs the network, and HF_HUB_OFFLINE is set")
    source = PublishedSource(source.repo_id, hub.state(source.repo_id, source.revision).commit)
    tree = hub.tree(source.repo_id, source.revision)
    names = [match["id"] for path in sorted(tree) if (match := _SIDECAR.fullmatch(path))]
    with tempfile.TemporaryDirectory(prefix="vd4rl-") as folder:
        return {name: _describe(hub, source, tree, name, Path(folder)) for name in names}


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
    :func:`~vd4rl_data.hub.transfer.fetch`.

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
    source = _parsed(source)
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


def _parsed(source: str | PublishedSource) -> PublishedSource:
    return parse_source(source) if isinstance(source, str) else source


def _resolve(source: PublishedSource, base: Path, hub: Hub, *, offline: bool) -> str:
    """The commit that a branch or tag means: asked for, or as it was when it was last asked for."""
    note = base / "refs" / quote(source.revision, safe="")
    if not offline:
        commit = hub.state(source.repo_id, source.revision).commit
        with _turn(note):
            write_text(note, commit + "\n")
        return commit
    commit = note.read_text(encoding="utf-8").strip() if note.is_file() else ""
    if not COMMIT.fullmatch(commit):
        raise OfflineError(
            f"{source}: what commit {source.revision} is was never asked for, and the network must "
            "not be used; name a commit that is here"
        )
    _LOGGER.info("%s: offline, so %s means %s as before", source, source.revision, commit)
    return commit


@contextmanager
def _turn(target: Path) -> Generator[None]:
    """Wait until no other process makes the same file; its death counts as done."""
    with full_disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(target.with_name(f".{target.name}.turn.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        _LOGGER.info("%s: another process makes it; waiting", target)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _acquire(hub: Hub, source: PublishedSource, name: str, target: Path, *, progress: bool) -> None:
    tree = hub.tree(source.repo_id, source.revision)
    if f"{name}.packed.manifest.json" not in tree:
        there = [match["id"] for path in sorted(tree) if (match := _SIDECAR.fullmatch(path))]
        raise DatasetNotFoundError(
            f"{source} has no {name}; it has {', '.join(there) or 'no dataset of ours'}"
        )
    incoming = target.with_name(f".{target.stem}.incoming")
    published = _describe(hub, source, tree, name, incoming)
    _LOGGER.info(
        "%s from %s: %.1f MB; its publisher says the origin is %s",
        name,
        source,
        sum(file.size or 0 for file in published.files) / 1e6,
        published.manifest.origin,
    )
    _fetch(hub, source, published.files, incoming, progress=progress)
    staged = _unpacked(published, name, incoming)
    _install(published, staged, target)
    shutil.rmtree(incoming)


def _describe(
    hub: Hub, source: PublishedSource, tree: Mapping[str, RemoteEntry], name: str, folder: Path
) -> PublishedDataset:
    """Fetch a dataset's sidecar, and hold it against the hub's list of files."""
    entry = tree[f"{name}.packed.manifest.json"]
    described = RemoteFile(entry.path, entry.size, entry.sha256)
    _fetch(hub, source, (described,), folder, progress=False)
    path = folder / entry.path
    if entry.sha256 is None and git_id(path.read_bytes()) != entry.git_id:
        path.unlink()
        raise CorruptFileError(f"{source}: {entry.path}: expected git's {entry.git_id}, got others")
    beside = sidecar.read(folder / f"{name}.packed-00000-of-00001.h5")
    if beside is None or not beside.files:
        raise CorruptFileError(f"{source}: {entry.path}: expected a sidecar that names shards")
    manifest = Manifest.from_json(beside.manifest, f"{source}: {entry.path}")
    if manifest.dataset_id != name:
        raise CorruptFileError(
            f"{source}: {entry.path}: expected the manifest of {name}, got {manifest.dataset_id}"
        )
    flat, count = Path(name), len(beside.files)
    files: list[RemoteFile] = []
    for number, record in enumerate(beside.files):
        wanted = shard_path(flat.parent, flat.name, number, count).as_posix()
        _check_listed(source, tree.get(wanted), wanted, record)
        files.append(RemoteFile(wanted, record.num_bytes, record.sha256))
    return PublishedDataset(source, described, tuple(files), manifest)


def _check_listed(
    source: PublishedSource, entry: RemoteEntry | None, wanted: str, record: sidecar.FileRecord
) -> None:
    """The sidecar and the hub speak of the same shard."""
    expected = (wanted, record.num_bytes, record.sha256)
    named = (wanted.rpartition("/")[0] + "/" + record.name, record.num_bytes, record.sha256)
    listed = None if entry is None else (entry.path, entry.size, entry.sha256 or record.sha256)
    if not named == expected == listed:
        raise CorruptFileError(
            f"{source}: expected the shard {wanted}; its sidecar names {named}, the hub lists "
            f"{listed}. Whoever published it has to publish it again"
        )


def _fetch(
    hub: Hub,
    source: PublishedSource,
    files: tuple[RemoteFile, ...],
    folder: Path,
    *,
    progress: bool,
) -> None:
    endpoints = [Endpoint(hub.url, hub.secret)]
    fetch(files, folder, endpoints, partial(_address, source), progress=progress)


def _address(source: PublishedSource, url: str, file: RemoteFile) -> str:
    return f"{url}/datasets/{source.repo_id}/resolve/{source.revision}/{quote(file.path)}"


def _unpacked(published: PublishedDataset, name: str, incoming: Path) -> Path:
    """The flat file, still aside, with every byte and every figure checked."""
    staged = incoming / "flat" / f"{Path(name).name}.h5"
    staged.parent.mkdir(parents=True, exist_ok=True)
    problems: tuple[str, ...]
    try:
        unpack(incoming / published.files[0].path, staged)
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
