"""One state of a mirrored repository: its files, its folders, and the revision that names it."""

from __future__ import annotations

import bisect
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vd4rl_data.hub.mirror.hashes import LARGE_FILE, FileHashes, FileStamp


@dataclass(frozen=True)
class MirrorFile:
    """A file that is served.

    Attributes:
        path: relative to the repository, with forward slashes.
        location: on the disk, with every symbolic link resolved.
        stamp: the size and mtime it had when it was hashed.
    """

    path: str
    location: Path
    stamp: FileStamp
    hashes: FileHashes

    @property
    def is_large(self) -> bool:
        """Whether it is addressed by sha256 ("LFS"): every binary file, and text above 10 MB."""
        return self.hashes.binary or self.stamp.size > LARGE_FILE or self.hashes.git_id is None

    @property
    def etag(self) -> str:
        """64 hex digits (sha256) of a large file, 40 (git blob id) of a small one."""
        return self.hashes.sha256 if self.is_large else self.hashes.git_id or ""

    @property
    def pointer(self) -> bytes:
        """What git itself would store in place of a large file."""
        return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
            self.hashes.sha256.encode(),
            self.stamp.size,
        )

    @property
    def blob_id(self) -> str:
        """The git id, 40 hex digits, of a small file's bytes or of a large file's pointer."""
        return _git_blob_id(self.pointer) if self.is_large else self.etag

    def entry(self) -> dict[str, Any]:
        """The file as listings of a tree show it."""
        entry: dict[str, Any] = {
            "type": "file",
            "oid": self.blob_id,
            "size": self.stamp.size,
            "path": self.path,
        }
        if self.is_large:
            entry["lfs"] = {
                "oid": self.hashes.sha256,
                "size": self.stamp.size,
                "pointerSize": len(self.pointer),
            }
        return entry

    def sibling(self, *, details: bool) -> dict[str, Any]:
        """The file as the description of a repository shows it."""
        if not details:
            return {"rfilename": self.path}
        entry = self.entry()
        sibling = {"rfilename": self.path, "size": entry["size"], "blobId": entry["oid"]}
        if "lfs" in entry:
            lfs = entry["lfs"]
            sibling["lfs"] = {"sha256": lfs["oid"], **{k: lfs[k] for k in ("size", "pointerSize")}}
        return sibling


@dataclass(frozen=True)
class Snapshot:
    """One state of a repository.

    Attributes:
        repo_id: ``namespace/name``.
        revision: 40 hex digits, pinned or made from the names, sizes and hashes of all files.
        aliases: other names of this revision; ``main`` is always one.
        files: by path, sorted.
    """

    repo_id: str
    revision: str
    aliases: frozenset[str]
    files: Mapping[str, MirrorFile]

    def resolves(self, revision: str) -> bool:
        """Whether ``revision`` names this state."""
        return revision == self.revision or revision in self.aliases

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.stamp.size for file in self.files.values())

    @cached_property
    def folders(self) -> Mapping[str, str]:
        """The path of each folder and an id (40 hex digits) made from what is in it."""
        digests: dict[str, Any] = {}
        for path, file in self.files.items():
            line = f"{path}\0{file.etag}\0".encode()
            for parent in _parents(path):
                if parent not in digests:
                    digests[parent] = hashlib.sha1(b"tree", usedforsecurity=False)
                digests[parent].update(line)
        return MappingProxyType({path: digest.hexdigest() for path, digest in digests.items()})

    def entry(self, path: str) -> dict[str, Any] | None:
        """A file or folder as listings show it; ``None`` if there is none of that name."""
        if path in self.files:
            return self.files[path].entry()
        if path in self.folders:
            return {"type": "directory", "oid": self.folders[path], "size": 0, "path": path}
        return None

    def tree(self, folder: str, *, recursive: bool) -> list[str] | None:
        """Sorted paths of the files and folders in ``folder`` (``""`` is the root).

        Returns:
            ``None`` if there is no such folder.
        """
        if folder and folder not in self.folders:
            return None
        prefix = f"{folder}/" if folder else ""
        names = self._sorted_names
        first = bisect.bisect_left(names, prefix)
        paths: list[str] = []
        for name in names[first:]:
            if not name.startswith(prefix):
                break
            if recursive or "/" not in name[len(prefix) :]:
                paths.append(name)
        return paths

    @cached_property
    def _sorted_names(self) -> list[str]:
        return sorted({*self.files, *self.folders})


def content_revision(files: Mapping[str, MirrorFile]) -> str:
    """A commit id, 40 hex digits, that depends on nothing but the names, sizes and hashes."""
    rows = sorted((file.path, file.stamp.size, file.hashes.sha256) for file in files.values())
    return hashlib.sha1(json.dumps(rows).encode(), usedforsecurity=False).hexdigest()


def _git_blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
