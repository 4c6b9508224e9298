"""Repositories on the disk: which files are served, when they changed, and under which revision."""

from __future__ import annotations

import logging
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from vd4rl_data.hub.mirror.hashes import (
    Cancelled,
    FileChanging,
    FileHashes,
    FileStamp,
    HashJournal,
    hash_file,
)
from vd4rl_data.hub.mirror.revisions import PIN_FILE, downloaded_revision, read_pin
from vd4rl_data.hub.mirror.snapshot import MirrorFile, Snapshot, content_revision

REPO_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", re.ASCII)
_PRIVATE_FOLDERS: Final = frozenset({".cache", ".git"})
"""At the top of a repository: what clients and git keep there for themselves."""
_UNFINISHED: Final = ".incomplete"
_LOOK_AGAIN_SECONDS: Final = 1.0
_SCAN_SHARE: Final = 50.0
"""A scan that took s seconds is not repeated for 50 s: looking for changes costs 2 % at most."""
_PROGRESS_SECONDS: Final = 5.0
_FIRST_WAIT_SECONDS: Final = 5.0
_log = logging.getLogger("vd4rl_data")


class NotReady(Exception):  # noqa: N818 - not an error: the client is told to come back
    """The repository's files are still being hashed."""


@dataclass(frozen=True)
class _Found:
    location: Path
    stamp: FileStamp


class Repository:
    """A folder of files that is served as one repository; follows what changes on the disk."""

    def __init__(
        self, repo_id: str, folder: Path, root: Path, journal: HashJournal, stop: threading.Event
    ) -> None:
        """Look at nothing yet.

        Args:
            repo_id: ``namespace/name``.
            folder: where the files are, with every symbolic link resolved.
            root: nothing outside this folder is served, whatever links say.
            journal: hashes known from before.
            stop: set when the mirror stops; hashing is then given up.
        """
        self.repo_id = repo_id
        self._folder = folder
        self._root = root
        self._journal = journal
        self._stop = stop
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._seen: tuple[object, ...] | None = None
        self._look_again = 0.0
        self._warned: set[str] = set()

    def snapshot(self) -> Snapshot:
        """The state of the files now, or what it was a moment ago.

        While one thread hashes what changed, the others get the state from before.

        Raises:
            NotReady: there is no state from before and hashing takes longer than a few seconds.
            Cancelled: the mirror stops.
            FileNotFoundError: the folder is gone.
            MirrorError: its ``.mirror.json`` is wrong.
        """
        current = self._snapshot
        if current is not None and time.monotonic() < self._look_again:
            return current
        if not self._lock.acquire(timeout=0 if current is not None else _FIRST_WAIT_SECONDS):
            if current is None:
                raise NotReady(self.repo_id)
            return current
        try:
            return self._refreshed()
        finally:
            self._lock.release()

    def _refreshed(self) -> Snapshot:
        if self._snapshot is not None and time.monotonic() < self._look_again:
            return self._snapshot  # another thread did it while this one waited
        started = time.monotonic()
        found = dict(sorted(self._scan(), key=lambda item: item[0]))
        seen = (_stamp_of(self._folder / PIN_FILE), tuple(found.items()))
        scan_seconds = time.monotonic() - started
        if self._snapshot is None or seen != self._seen:
            self._snapshot, complete = self._hashed(found)
            self._seen = seen if complete else None
        self._look_again = time.monotonic() + max(_LOOK_AGAIN_SECONDS, _SCAN_SHARE * scan_seconds)
        return self._snapshot

    def _hashed(self, found: dict[str, _Found]) -> tuple[Snapshot, bool]:
        pin = read_pin(self._folder)
        files, settled = self._hash_all(found)
        revision = (
            pin.revision or downloaded_revision(self._folder, files) or content_revision(files)
        )
        snapshot = Snapshot(
            self.repo_id, revision, frozenset({"main", *pin.aliases}), MappingProxyType(files)
        )
        _log.info(
            "%s: %d files, %.1f MB, revision %s",
            self.repo_id,
            len(files),
            snapshot.total_bytes / 1e6,
            revision,
        )
        return snapshot, settled

    def _hash_all(self, found: dict[str, _Found]) -> tuple[dict[str, MirrorFile], bool]:
        """Hash what is new; also say whether no file was being written meanwhile."""
        files: dict[str, MirrorFile] = {}
        settled = True
        unknown = [item for item in found.items() if self._known(*item) is None]
        progress = _Progress(self.repo_id, sum(file.stamp.size for _, file in unknown))
        try:
            for name, file in found.items():
                if self._stop.is_set():
                    raise Cancelled
                try:
                    stamp, hashes = self._hash_one(name, file, progress)
                    files[name] = MirrorFile(name, file.location, stamp, hashes)
                except FileChanging:
                    settled = False
                    _log.info("%s: %s is being written; it comes later", self.repo_id, name)
                except OSError as error:
                    self._warn(name, f"it cannot be read: {error.strerror}")
            self._journal.keep_only(files)
        finally:
            if unknown:
                self._journal.save()
        return files, settled

    def _hash_one(
        self, name: str, file: _Found, progress: _Progress
    ) -> tuple[FileStamp, FileHashes]:
        known = self._known(name, file)
        if known is not None:
            return file.stamp, known
        stamp, hashes = hash_file(file.location, self._stop, progress.add)
        self._journal.put(name, stamp, hashes)
        return stamp, hashes

    def _known(self, name: str, file: _Found) -> FileHashes | None:
        return self._journal.get(name, file.stamp)

    def _scan(self, folder: Path | None = None, prefix: str = "") -> Iterator[tuple[str, _Found]]:
        """The regular files; links to files inside the root count as files."""
        with os.scandir(folder or self._folder) as entries:
            inside = list(entries)
        for entry in inside:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if name not in _PRIVATE_FOLDERS and self._speakable(name):
                    yield from self._scan(Path(entry.path), f"{name}/")
            elif _is_served(entry.name) and self._speakable(name):
                found = self._examine(entry, name)
                if found is not None:
                    yield name, found

    def _examine(self, entry: os.DirEntry[str], name: str) -> _Found | None:
        try:
            status = entry.stat()
        except OSError:
            self._warn(name, "it leads nowhere")
            return None
        location = Path(entry.path)
        if entry.is_symlink():
            location = Path(os.path.realpath(location))
            if not location.is_relative_to(self._root):
                self._warn(name, "it is a link that leads out of the mirror's folder")
                return None
        if not stat.S_ISREG(status.st_mode):
            self._warn(name, "it is not a regular file")
            return None
        return _Found(location, FileStamp.of(status))

    def _speakable(self, name: str) -> bool:
        """Whether every client can be told the name: it is UTF-8 and holds no control character."""
        if name.isprintable() and "\\" not in name:
            return True
        self._warn(name, "its name holds characters that are not safe on every machine")
        return False

    def _warn(self, name: str, reason: str) -> None:
        if name not in self._warned:
            self._warned.add(name)
            _log.warning("%s: %r is not served: %s", self.repo_id, name, reason)


class _Progress:
    """Says every few seconds how far hashing is."""

    def __init__(self, repo_id: str, total: int) -> None:
        self._repo_id = repo_id
        self._total = total
        self._done = 0
        self._spoke_at = time.monotonic()

    def add(self, count: int) -> None:
        """Count bytes that were hashed."""
        self._done += count
        if time.monotonic() - self._spoke_at > _PROGRESS_SECONDS:
            self._spoke_at = time.monotonic()
            _log.info(
                "%s: hashed %.1f of %.1f GB", self._repo_id, self._done / 1e9, self._total / 1e9
            )


def _is_served(name: str) -> bool:
    return name != PIN_FILE and not name.endswith(_UNFINISHED)


def _stamp_of(path: Path) -> FileStamp | None:
    try:
        return FileStamp.of(path.stat())
    except FileNotFoundError:
        return None
