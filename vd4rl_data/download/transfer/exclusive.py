"""One process downloads into a folder; the others wait, watch, and then find it done."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import filelock
from tqdm import tqdm

from vd4rl_data.download.transfer.journal import bytes_there
from vd4rl_data.download.transfer.model import RemoteFile
from vd4rl_data.download.transfer.names import STATE_FOLDER
from vd4rl_data.storage.atomic import held_lock

_LOGGER: Final = logging.getLogger("vd4rl_data")
_POLL: Final = 0.2


@contextmanager
def exclusive(
    folder: Path, files: Sequence[RemoteFile], *, show: bool, place: Path | None = None
) -> Generator[None]:
    """Hold a folder for this process; the operating system frees it when the process dies.

    Args:
        folder: where the files belong.
        files: what will be there, for the progress line of a process that waits.
        show: print that line.
        place: of the lock, for a caller that deletes the folder; by default in the folder.
    """
    place = place or folder / STATE_FOLDER / "lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(held_lock(place))
        except filelock.Timeout:
            _LOGGER.info("%s: another process is downloading; waiting for it", folder)
            _wait(stack, place, folder, files, show=show)
        yield


def _wait(
    stack: ExitStack, place: Path, folder: Path, files: Sequence[RemoteFile], *, show: bool
) -> None:
    paths = [file.path for file in files]
    sizes = [file.size for file in files if file.size is not None]
    total = sum(sizes) if len(sizes) == len(files) else None
    text = "another process is downloading"
    with tqdm(total=total, unit="B", unit_scale=True, disable=not show, desc=text) as bar:
        while True:
            try:
                stack.enter_context(held_lock(place))
            except filelock.Timeout:
                if show:
                    bar.n = bytes_there(folder, paths)
                    bar.refresh()
                time.sleep(_POLL)
            else:
                return
