"""The data folders: one to write to, and any number that are only read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vd4rl_data.errors import DataFolderError

DATA_DIR: Final = "VD4RL_DATA_DIR"
SHARED_DATA_DIRS: Final = "VD4RL_SHARED_DATA_DIRS"
MEDIA_DIR: Final = "VD4RL_MEDIA_DIR"
ROBEL_WHEEL: Final = "VD4RL_ROBEL_WHEEL"


def data_dir() -> Path:
    """The folder that datasets are written to: ``$VD4RL_DATA_DIR``, else ``~/.cache/vd4rl_data``.

    ``$XDG_CACHE_HOME`` replaces ``~/.cache`` if it is an absolute path, as its specification
    requires.

    Raises:
        DataFolderError: a file is in the way, or there is no home folder.
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
            f"this user has no home folder; set {DATA_DIR} to the folder to keep datasets in"
        ) from error


def media_dir() -> Path:
    """The folder of pictures that only their user has: ``$VD4RL_MEDIA_DIR``, else ``media`` in
    :func:`data_dir`. Nothing is ever written there.

    Raises:
        DataFolderError: as in :func:`data_dir`.
    """
    configured = os.environ.get(MEDIA_DIR)
    return _folder(MEDIA_DIR, configured) if configured else data_dir() / "media"


def robel_wheel() -> Path:
    """The wheel that has the D'Claw's model: ``$VD4RL_ROBEL_WHEEL``, else in ``wheels`` in
    :func:`data_dir`. Nothing is ever written there.

    Raises:
        DataFolderError: as in :func:`data_dir`.
    """
    configured = os.environ.get(ROBEL_WHEEL)
    if configured:
        return Path(configured)
    return data_dir() / "wheels" / "robel-0.1.2-py3-none-any.whl"


def search_dirs() -> list[Path]:
    """The folders to look for datasets in: :func:`data_dir`, then ``$VD4RL_SHARED_DATA_DIRS``.

    The shared folders (separated like ``$PATH``) may be read-only; nothing is ever written there. A
    folder that does not exist now, e.g. on a network disk, is skipped.

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
            f"{variable}: {text!r}: there is no such user on this machine; give the full path"
        ) from error
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if os.path.exists(there) and not os.path.isdir(there):
        raise DataFolderError(
            f"{variable}: expected a folder, got {text!r}, but {there} is a file; give another path"
        )
    return path
