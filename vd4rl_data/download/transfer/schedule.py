"""Which thread fetches what: files in order, one per thread, then all on the last ones."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from vd4rl_data.download.transfer.partial import Partial
from vd4rl_data.download.transfer.pieces import PIECES_PER_CHUNK, Cursor


class Schedule:
    """Hands out work until all files are done or somebody gives up. Safe to use from threads."""

    def __init__(self, partials: Sequence[Partial], most_open: int) -> None:
        """Take the files in order.

        Args:
            partials: what is to be fetched.
            most_open: files that may be begun and not yet released, so that downloads do not run
                far ahead of whoever takes the files.
        """
        self._pending = deque(partials)
        self._active: list[Partial] = []
        self._begun: list[Partial] = []
        self._most_open = most_open
        self._open = 0
        self._idle = 0
        self._unfinished = len(partials)
        self._stopped = False
        self._changed = threading.Condition()

    @property
    def stopped(self) -> bool:
        """Whether everybody shall leave off."""
        return self._stopped

    def next(self, current: Partial | None) -> tuple[Partial, Cursor | None] | None:
        """The next piece of work; waits for one, and returns ``None`` when none will come.

        A file comes without a cursor when it is begun.

        Args:
            current: the file that the thread worked on last, which it goes on with.
        """
        with self._changed:
            while not self._stopped and self._unfinished:
                work = self._go_on(current) or self._begin() or self._help()
                if work is not None:
                    self._changed.notify_all()
                    return work
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            return None

    def wait(self, seconds: float) -> None:
        """Sleep, but not beyond the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, timeout=seconds)

    def notify(self) -> None:
        """Something changed: a size became known, so that others can help."""
        with self._changed:
            self._changed.notify_all()

    def finished(self, partial: Partial) -> None:
        """A file is whole."""
        with self._changed:
            self._active.remove(partial)
            self._unfinished -= 1
            self._changed.notify_all()

    def released(self) -> None:
        """A file was taken, so that another may be begun."""
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def replace(self, old: Partial, new: Partial) -> bool:
        """Start a file anew, once; whether ``old`` was still the one in work."""
        with self._changed:
            if old not in self._active:
                return False
            self._active.remove(old)
            self._open -= 1
            old.discard()
            self._pending.appendleft(new)
            self._changed.notify_all()
            return True

    def stop(self) -> None:
        """Make every thread leave off as soon as it asks for more work."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def close(self) -> None:
        """Close every file that was begun; all threads have left."""
        for partial in self._begun:
            partial.close()

    def _go_on(self, current: Partial | None) -> tuple[Partial, Cursor] | None:
        """A whole chunk in one request, or less of it while others have nothing to do."""
        if current is None:
            return None
        cursor = current.claim(1 if self._idle else PIECES_PER_CHUNK)
        return None if cursor is None else (current, cursor)

    def _begin(self) -> tuple[Partial, None] | None:
        if not self._pending or self._open >= self._most_open:
            return None
        partial = self._pending.popleft()
        self._open += 1
        self._active.append(partial)
        self._begun.append(partial)
        return partial, None

    def _help(self) -> tuple[Partial, Cursor] | None:
        """A part of the file that has most left to do, if its server gives parts."""
        ranged = [partial for partial in self._active if partial.ranged]
        for partial in sorted(ranged, key=lambda partial: partial.missing, reverse=True):
            work = self._go_on(partial)
            if work is not None:
                return work
        return None
