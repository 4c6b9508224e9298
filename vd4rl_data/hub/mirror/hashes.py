"""The hashes of files, computed once and kept in a journal until a file changes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

LARGE_FILE: Final = 10_000_000
"""Bytes above which a file is stored by its sha256 even if it is text; hubs draw the line here."""
_CHUNK: Final = 1 << 20
_PROBE: Final = 8_000
_JOURNAL_SECONDS: Final = 5.0
_log = logging.getLogger("vd4rl_data")


@dataclass(frozen=True)
class FileStamp:
    """What tells that a file was not written since: its size in bytes and its mtime in ns."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileStamp:
        """The stamp of a file that ``os.stat`` looked at."""
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class FileHashes:
    """The hashes of one file's bytes.

    Attributes:
        sha256: 64 hex digits.
        git_id: 40 hex digits, the file's git blob id; only for files up to :data:`LARGE_FILE`.
        binary: a zero byte stands among the first 8,000, which is git's rule.
    """

    sha256: str
    git_id: str | None
    binary: bool


class Cancelled(Exception):  # noqa: N818 - not an error: the mirror was told to stop
    """Hashing was given up because the mirror stops."""


class FileChanging(Exception):  # noqa: N818 - not an error: the file is looked at again later
    """A file was written while it was hashed."""


class HashJournal:
    """Hashes by relative path and stamp, kept in a JSON file that is replaced atomically.

    A journal that cannot be read is started anew; one that cannot be written stays in memory.
    """

    def __init__(self, path: Path) -> None:
        """Read ``path`` if it is there."""
        self._path = path
        self._entries = _read(path)
        self._saved_at = time.monotonic()
        self._writable = True

    def get(self, name: str, stamp: FileStamp) -> FileHashes | None:
        """What is known of a file, if it was not written since."""
        known = self._entries.get(name)
        return known[1] if known is not None and known[0] == stamp else None

    def put(self, name: str, stamp: FileStamp, hashes: FileHashes) -> None:
        """Remember a file; written to the disk every few seconds and by :meth:`save`."""
        self._entries[name] = (stamp, hashes)
        if time.monotonic() - self._saved_at > _JOURNAL_SECONDS:
            self.save()

    def keep_only(self, names: Mapping[str, Any]) -> None:
        """Forget every file that is not in ``names``."""
        self._entries = {name: entry for name, entry in self._entries.items() if name in names}

    def save(self) -> None:
        """Write the journal, if its folder allows it."""
        self._saved_at = time.monotonic()
        if not self._writable:
            return
        rows = {
            name: [stamp.size, stamp.mtime_ns, hashes.sha256, hashes.git_id, hashes.binary]
            for name, (stamp, hashes) in sorted(self._entries.items())
        }
        try:
            _replace(self._path, json.dumps({"version": 1, "files": rows}, indent=0))
        except OSError as error:
            self._writable = False
            _log.info("%s cannot be written (%s); hashes are kept in memory", self._path, error)


def hash_file(
    path: Path, cancelled: threading.Event, progress: Callable[[int], None]
) -> tuple[FileStamp, FileHashes]:
    """Read a file once, in small pieces, and hash it.

    Args:
        path: a regular file.
        cancelled: looked at after each piece.
        progress: told how many bytes each piece had.

    Raises:
        Cancelled: ``cancelled`` was set.
        FileChanging: the file was written meanwhile.
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        stamp = FileStamp.of(os.fstat(file.fileno()))
        sha256 = hashlib.sha256()
        git = hashlib.sha1(b"blob %d\0" % stamp.size, usedforsecurity=False)
        small = stamp.size <= LARGE_FILE
        binary = False
        count = 0
        while chunk := file.read(min(_CHUNK, stamp.size - count)):  # a growing file has an end
            if cancelled.is_set():
                raise Cancelled
            binary = binary or (count == 0 and b"\0" in chunk[:_PROBE])
            sha256.update(chunk)
            if small:
                git.update(chunk)
            count += len(chunk)
            progress(len(chunk))
        if count != stamp.size or FileStamp.of(os.fstat(file.fileno())) != stamp:
            raise FileChanging(path)
    return stamp, FileHashes(sha256.hexdigest(), git.hexdigest() if small else None, binary)


def _read(path: Path) -> dict[str, tuple[FileStamp, FileHashes]]:
    try:
        rows = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8"))["files"])
        return {
            name: (
                FileStamp(int(size), int(mtime_ns)),
                FileHashes(str(sha256), None if git_id is None else str(git_id), bool(binary)),
            )
            for name, (size, mtime_ns, sha256, git_id, binary) in rows.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        _log.warning("%s is not a journal of hashes (%r); hashing anew", path, error)
        return {}


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=path.name, suffix=".incomplete", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
