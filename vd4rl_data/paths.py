"""The data folders: one that is written, and any number that are only read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

DATA_DIR: Final = "VD4RL_DATA_DIR"
SHARED_DATA_DIRS: Final = "VD4RL_SHARED_DATA_DIRS"


def data_dir() -> Path:
    """Where datasets are written: ``$VD4RL_DATA_DIR``, else ``~/.cache/vd4rl_data``."""
    configured = os.environ.get(DATA_DIR)
    if configured:
        return Path(configured).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "vd4rl_data"


def search_dirs() -> list[Path]:
    """Where datasets are looked for: :func:`data_dir`, then each of ``$VD4RL_SHARED_DATA_DIRS``.

    The shared folders (separated like ``$PATH``) may be read-only; nothing is ever written there.
    """
    shared = os.environ.get(SHARED_DATA_DIRS, "")
    return [data_dir(), *(Path(entry).expanduser() for entry in shared.split(os.pathsep) if entry)]
