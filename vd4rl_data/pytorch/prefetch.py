"""A thread that runs an iterator ahead of its reader."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Iterator
from typing import Any, Final

_ITEMS_AHEAD: Final = 2
_STOP_POLL_SECONDS: Final = 0.05


class Prefetcher:
    """Runs an iterator in a background thread, a few items ahead of its reader.

    An exception of the iterator is raised where its item would have come. The thread ends with the
    iterator, or when the prefetcher is garbage-collected.
    """

    def __init__(self, source: Iterator[Any]) -> None:
        """Start the thread."""
        self._items: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(_ITEMS_AHEAD)
        self._ended: BaseException | None = None
        stop = threading.Event()
        thread = threading.Thread(
            target=_pump, args=(source, self._items, stop), name="vd4rl_prefetch", daemon=True
        )
        self._finalizer = weakref.finalize(self, _stop, thread, stop)
        thread.start()

    def close(self) -> None:
        """End the thread, and wait for it."""
        self._finalizer()

    def __iter__(self) -> Prefetcher:
        return self

    def __next__(self) -> Any:
        if self._ended is None:
            item, self._ended = self._items.get()
            if self._ended is None:
                return item
        raise self._ended


def _pump(
    source: Iterator[Any],
    items: queue.Queue[tuple[Any, BaseException | None]],
    stop: threading.Event,
) -> None:
    while not stop.is_set():
        ended: BaseException | None = None
        item: Any = None
        try:
            item = next(source)
        except BaseException as error:  # noqa: BLE001 - raised again in the reader's thread
            ended = error
        while not stop.is_set():
            try:
                items.put((item, ended), timeout=_STOP_POLL_SECONDS)
                break
            except queue.Full:
                continue
        if ended is not None:
            return


def _stop(thread: threading.Thread, stop: threading.Event) -> None:
    stop.set()
    if thread is not threading.current_thread():  # which may be the one that collects garbage
        thread.join()
