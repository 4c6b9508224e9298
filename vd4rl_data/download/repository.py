"""What a third party's repository holds: its datasets, as their sidecars say.

A sidecar names every shard with its size and SHA-256, so it is all that is needed: a server of
files alone, which lists nothing, can be read too.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from vd4rl_data.download.client import (
    Endpoint,
    Patience,
    ask,
    file_address,
    headers_with,
    opened,
    retried,
)
from vd4rl_data.download.transfer import RemoteFile
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetFormatError,
    DatasetNotFoundError,
    InvalidSourceError,
    RemoteFileNotFoundError,
    TransferError,
)
from vd4rl_data.storage import Manifest, sidecar
from vd4rl_data.storage.naming import shard_path

SCHEME: Final = "hf://"
REPO_ID: Final = re.compile(
    r"(?!.*(?:--|\.\.))[A-Za-z0-9](?:[\w.-]{0,94}\w)?/[A-Za-z0-9](?:[\w.-]{0,94}\w)?", re.ASCII
)
COMMIT: Final = re.compile(r"[0-9a-f]{40}", re.ASCII)

_MAIN: Final = "main"
_REVISION: Final = re.compile(r"[\w][\w./+-]{0,249}", re.ASCII)
_SIDECAR: Final = re.compile(r"(?P<id>[^/]+/[^/]+)\.packed\.manifest\.json")
_LONGEST_SIDECAR: Final = 64 << 20
_HASH: Final = re.compile(r'(?:W/)?"?([0-9a-f]{40}|[0-9a-f]{64})"?')
_PATIENCE: Final = Patience(attempts=4)


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


def parse_source(text: str | PublishedSource) -> PublishedSource:
    """Parse ``hf://USER/NAME`` or ``hf://USER/NAME@REVISION``; no revision means ``main``.

    Raises:
        InvalidSourceError: it is anything else.
    """
    if isinstance(text, PublishedSource):
        return text
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


@dataclass(frozen=True, slots=True)
class PublishedDataset:
    """One dataset of a repository.

    Attributes:
        source: the repository at a commit.
        files: the shards in order, with sizes and SHA-256.
        manifest: what the dataset says about itself.
    """

    source: PublishedSource
    files: tuple[RemoteFile, ...]
    manifest: Manifest

    @property
    def num_bytes(self) -> int:
        """Size of all shards."""
        return sum(file.size or 0 for file in self.files)


def look_up(server: Endpoint, source: PublishedSource) -> tuple[str, list[str]]:
    """The commit that a revision is, and the ids of the datasets there.

    Raises:
        RemoteFileNotFoundError, RemoteAccessError, OfflineError, TransferError: as
            :func:`~vd4rl_data.download.client.ask`.
    """
    revision = quote(source.revision, safe="")
    found: Any = ask(server, f"datasets/{source.repo_id}/revision/{revision}", _PATIENCE)
    try:
        commit, paths = str(found["sha"]), [str(file["rfilename"]) for file in found["siblings"]]
    except (KeyError, TypeError) as error:
        raise TransferError(f"{server.url}: {source}: expected a commit and its files") from error
    if not COMMIT.fullmatch(commit):
        raise TransferError(f"{server.url}: {source}: expected a commit, got {commit[:80]!r}")
    return commit, [match["id"] for path in sorted(paths) if (match := _SIDECAR.fullmatch(path))]


def describe(server: Endpoint, source: PublishedSource, name: str) -> PublishedDataset:
    """Fetch the sidecar of a dataset at a commit, and see that it makes sense.

    Raises:
        DatasetNotFoundError: the repository has no such dataset; the message says what it has.
        CorruptFileError: it is not the sidecar of this dataset.
        RemoteFileNotFoundError, RemoteAccessError, OfflineError, TransferError: as
            :func:`~vd4rl_data.download.client.opened`.
    """
    path = f"{name}.packed.manifest.json"
    where = f"{source}: {path}"
    try:
        beside = sidecar.parse(read_text(server, source, path), where)
    except RemoteFileNotFoundError as error:
        raise _absent(server, source, name, error) from error
    except DatasetFormatError as error:
        raise CorruptFileError(str(error)) from error
    manifest = Manifest.from_json(beside.manifest, where)
    if manifest.dataset_id != name or not beside.files:
        raise CorruptFileError(
            f"{where}: expected shards of {name}, got {len(beside.files)} of {manifest.dataset_id}"
        )
    flat, count = Path(name), len(beside.files)
    files: list[RemoteFile] = []
    for number, record in enumerate(beside.files):
        wanted = shard_path(flat.parent, flat.name, number, count)
        expected = (wanted.name, max(0, int(record.num_bytes)), record.sha256.lower())
        if (record.name, record.num_bytes, record.sha256) != expected:
            raise CorruptFileError(
                f"{where}: expected the shard {wanted.name}, its bytes and SHA-256, got {record}. "
                "Whoever published it has to publish it again"
            )
        files.append(RemoteFile(wanted.as_posix(), record.num_bytes, record.sha256, "sidecar"))
    return PublishedDataset(source, tuple(files), manifest)


def _absent(
    server: Endpoint, source: PublishedSource, name: str, error: RemoteFileNotFoundError
) -> Exception:
    """What to raise where a sidecar is not there: it depends on what else the repository has."""
    try:
        _, names = look_up(server, source)
    except TransferError:
        return error  # the repository is not there, or the server lists nothing
    return DatasetNotFoundError(
        f"{source} has no {name}; it has {', '.join(names) or 'no dataset of ours'}"
    )


def read_text(server: Endpoint, source: PublishedSource, path: str) -> str:
    """A small file of a repository; compared with the hash that a hub gives as its entity tag.

    Raises:
        CorruptFileError: it is too long, or not what the hub says.
        RemoteFileNotFoundError, RemoteAccessError, OfflineError, TransferError: as
            :func:`~vd4rl_data.download.client.opened`.
    """
    url = file_address(server.url, source.repo_id, source.revision, path)
    headers = {**headers_with(server.token), "Accept-Encoding": "identity"}

    def once() -> tuple[bytes, str]:
        content = bytearray()
        with opened("GET", url, headers, _PATIENCE) as response:
            for piece in response.iter_raw():
                content += piece
                if len(content) > _LONGEST_SIDECAR:
                    raise CorruptFileError(f"{url}: longer than any sidecar of ours")
            answers = (*response.history, response)
            tags = (answer.headers.get("X-Linked-ETag") or "" for answer in answers)
            return bytes(content), next(filter(None, tags), response.headers.get("ETag", ""))

    content, tag = retried(once, url, _PATIENCE)
    stated = _HASH.fullmatch(tag)
    if stated is not None and stated[1] not in (
        git_id(content),
        hashlib.sha256(content).hexdigest(),
    ):
        raise CorruptFileError(
            f"{url}: expected the content with the hash {stated[1]}, got other bytes"
        )
    return content.decode("utf-8", "replace")


def git_id(content: bytes) -> str:
    """What git calls a file of this content: 40 hexadecimal digits."""
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()
