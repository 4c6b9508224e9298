"""The folder that is mirrored: ``DIR/datasets/<namespace>/<name>/…``."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from vd4rl_data.errors import MirrorError
from vd4rl_data.hub.mirror.hashes import HashJournal
from vd4rl_data.hub.mirror.repository import REPO_NAME, Repository


class MirrorFolder:
    """Finds repositories by name; new ones are seen without a restart."""

    def __init__(self, folder: Path, cache_folder: Path | None, stop: threading.Event) -> None:
        """Check that there is something to serve.

        Args:
            folder: holds ``datasets/``.
            cache_folder: where hashes are kept; ``None`` keeps them beside each repository.
            stop: set when the mirror stops.

        Raises:
            MirrorError: ``folder`` holds no ``datasets`` folder, or a link of that name.
        """
        self._root = Path(os.path.realpath(folder))
        self._datasets = self._root / "datasets"
        if self._datasets.is_symlink():
            raise MirrorError(
                f"{self._datasets} is a link, and none is followed out of the folder that is "
                "served; name the folder that holds the real 'datasets'"
            )
        if not self._datasets.is_dir():
            raise MirrorError(
                f"{folder} cannot be served: expected {folder}/datasets/<namespace>/<name>/…; put "
                "each dataset's files there, or name the folder that holds 'datasets'"
            )
        self._cache_folder = cache_folder
        self._stop = stop
        self._lock = threading.Lock()
        self._repositories: dict[str, Repository] = {}

    def find(self, namespace: str, name: str) -> Repository | None:
        """The repository of that name, or ``None``."""
        if not (REPO_NAME.fullmatch(namespace) and REPO_NAME.fullmatch(name)):
            return None
        repo_id = f"{namespace}/{name}"
        folder = Path(os.path.realpath(self._datasets / namespace / name))
        with self._lock:
            # A link may give a repository a second name, but not make one of another folder.
            if folder.parent.parent != self._datasets or not folder.is_dir():
                self._repositories.pop(repo_id, None)
                return None
            if repo_id not in self._repositories:
                journal = HashJournal(self._journal_path(namespace, name))
                self._repositories[repo_id] = Repository(
                    repo_id, folder, self._root, journal, self._stop
                )
            return self._repositories[repo_id]

    def __iter__(self) -> Iterator[Repository]:
        """All repositories there are, by name."""
        for namespace in _folders(self._datasets):
            for name in _folders(self._datasets / namespace):
                repository = self.find(namespace, name)
                if repository is not None:
                    yield repository

    def _journal_path(self, namespace: str, name: str) -> Path:
        if self._cache_folder is None:
            return self._datasets / namespace / f".{name}.hashes.json"
        place = hashlib.sha256(os.fsencode(self._datasets)).hexdigest()[:12]
        return self._cache_folder / f"{place}-{namespace}--{name}.hashes.json"


def _folders(folder: Path) -> list[str]:
    try:
        return sorted(
            entry.name
            for entry in folder.iterdir()
            if REPO_NAME.fullmatch(entry.name) and entry.is_dir()
        )
    except OSError:
        return []
