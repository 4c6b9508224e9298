"""What a repository holds: its datasets, by what their sidecars and the hub's list say."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from vd4rl_data.download.client import Hub, RemoteEntry, git_id, is_offline
from vd4rl_data.download.published.source import PublishedSource, parse_source
from vd4rl_data.download.transfer import Endpoint, RemoteFile, fetch
from vd4rl_data.errors import CorruptFileError, OfflineError
from vd4rl_data.storage import Manifest, sidecar
from vd4rl_data.storage.naming import shard_path

_SIDECAR: Final = re.compile(r"(?P<id>[^/]+/[^/]+)\.packed\.manifest\.json")


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
    hub, source = Hub(endpoint, token), parsed(source)
    if is_offline():
        raise OfflineError(f"{source}: listing it needs the network, and HF_HUB_OFFLINE is set")
    source = PublishedSource(source.repo_id, hub.state(source.repo_id, source.revision).commit)
    tree = hub.tree(source.repo_id, source.revision)
    with tempfile.TemporaryDirectory(prefix="vd4rl-") as folder:
        return {name: describe(hub, source, tree, name, Path(folder)) for name in dataset_ids(tree)}


def dataset_ids(tree: Mapping[str, RemoteEntry]) -> list[str]:
    """The ids of the datasets that a repository has sidecars of, sorted."""
    return [match["id"] for path in sorted(tree) if (match := _SIDECAR.fullmatch(path))]


def sidecar_name(dataset_id: str) -> str:
    """Where a dataset's sidecar lies in a repository."""
    return f"{dataset_id}.packed.manifest.json"


def parsed(source: str | PublishedSource) -> PublishedSource:
    """A source that may still be text."""
    return parse_source(source) if isinstance(source, str) else source


def describe(
    hub: Hub, source: PublishedSource, tree: Mapping[str, RemoteEntry], name: str, folder: Path
) -> PublishedDataset:
    """Fetch a dataset's sidecar, and hold it against the hub's list of files."""
    entry = tree[sidecar_name(name)]
    described = RemoteFile(entry.path, entry.size, entry.sha256)
    fetch_files(hub, source, (described,), folder, progress=False)
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


def fetch_files(
    hub: Hub,
    source: PublishedSource,
    files: tuple[RemoteFile, ...],
    folder: Path,
    *,
    progress: bool,
) -> None:
    """Bring files of a repository at a commit into a folder."""
    endpoints = [Endpoint(hub.url, hub.secret)]
    fetch(files, folder, endpoints, partial(_address, source), progress=progress)


def _address(source: PublishedSource, url: str, file: RemoteFile) -> str:
    return f"{url}/datasets/{source.repo_id}/resolve/{source.revision}/{quote(file.path)}"
