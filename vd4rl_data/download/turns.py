"""One process at a time does a piece of work; the others wait for it, and then find it done."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import filelock
from tqdm import tqdm

from vd4rl_data.storage.atomic import held_lock

_LOGGER: Final = logging.getLogger("vd4rl_data")
_POLL: Final = 0.2


@contextmanager
def turn(place: Path, folder: Path, *, show: bool) -> Generator[None]:
    """Wait until no other process has the lock, and hold it; its death frees it.

    Args:
        place: of the lock.
        folder: what the other process fills, for the progress line of the one that waits.
        show: print that line.

    Raises:
        LocksUnsupportedError, NoSpaceError: as :func:`~vd4rl_data.storage.atomic.held_lock`.
    """
    text = "another process is downloading"
    with ExitStack() as stack, ExitStack() as bars:
        bar = None
        while True:
            try:
                stack.enter_context(held_lock(place))
                break
            except filelock.Timeout:
                if bar is None:
                    _LOGGER.info("%s: %s; waiting for it", folder, text)
                    line = tqdm(unit="B", unit_scale=True, disable=not show, desc=text)
                    bar = bars.enter_context(line)
                bar.n = folder_bytes(folder) if show else 0
                bar.refresh()
                time.sleep(_POLL)
        bars.close()
        yield


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder, some of which may just be going."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
