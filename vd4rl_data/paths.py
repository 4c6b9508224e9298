"""The data folders: one that is written, and any number that are only read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vd4rl_data.errors import DataFolderError

DATA_DIR: Final = "VD4RL_DATA_DIR"
SHARED_DATA_DIRS: Final = "VD4RL_SHARED_DATA_DIRS"


def data_dir() -> Path:
    """Where datasets are written: ``$VD4RL_DATA_DIR``, else ``~/.cache/vd4rl_data``.

    ``$XDG_CACHE_HOME`` takes the place of ``~/.cache`` if it is an absolute path, as its own
    specification asks.

    Raises:
        DataFolderError: a file stands in the way, or there is no home folder.
    """
    configured = os.environ.get(DATA_DIR)
    if configured:
        return _folder(DATA_DIR, configured)
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(cache):
        return _folder("XDG_CACHE_HOME", cache) / "vd4rl_data"
    try:
        return Path.home() / ".cache" / "vd4rl_data"
    except RuntimeError as error:
        raise DataFolderError(
            f"this user has no home folder; set {DATA_DIR} to a folder for datasets"
        ) from error


def search_dirs() -> list[Path]:
    """Where datasets are looked for: :func:`data_dir`, then each of ``$VD4RL_SHARED_DATA_DIRS``.

    The shared folders (separated like ``$PATH``) may be read-only; nothing is ever written there.
    One that is not there now, as on a disk of the network, is passed over.

    Raises:
        DataFolderError: one of them is a file, or there is no home folder.
    """
    shared = os.environ.get(SHARED_DATA_DIRS, "").split(os.pathsep)
    return [data_dir(), *(_folder(SHARED_DATA_DIRS, entry) for entry in shared if entry)]


def _folder(variable: str, text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise DataFolderError(
            f"{variable}: {text!r}: there is no such user here; write the whole path"
        ) from error
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if os.path.exists(there) and not os.path.isdir(there):
        raise DataFolderError(
            f"{variable}: expected a folder, got {text!r}, and {there} is a file; name another"
        )
    return path
