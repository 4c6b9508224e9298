"""Tables and progress bars on a terminal, and their plain forms in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Update = Callable[[int], None]
"""Called with how much has been done so far."""

_PIPE_WIDTH: Final = 1000
_PLAIN_SECONDS: Final = 30.0


class _Output(Console):
    """Standard output, whose reader may close the pipe."""

    def on_broken_pipe(self) -> None:
        """Leave it to ``main``, which exits with another status than a failed verification."""
        raise BrokenPipeError


def output_console() -> Console:
    """A console on standard output; in a pipe it has no colors and never wraps lines."""
    console = _Output(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


@contextmanager
def progress_bar(title: str, total: int | None, *, unit: str = "episodes") -> Generator[Update]:
    """Show progress on standard error: a bar with the time left, or occasional lines in a log.

    Args:
        title: what is being done.
        total: the number of units, exact or approximate; ``None`` if unknown.
        unit: what is counted.
    """
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        yield PlainProgress(title, total, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(title, total=total)

        def update(done: int) -> None:
            bars.update(task, completed=done, total=total and max(total, done))

        yield update


class PlainProgress:
    """Progress for a log file: a line every half minute."""

    def __init__(
        self, title: str, total: int | None, unit: str, *, seconds_between: float = _PLAIN_SECONDS
    ) -> None:
        """Print nothing until ``seconds_between`` have passed."""
        self._title, self._total, self._unit = title, total, unit
        self._seconds_between = seconds_between
        self._start = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        """Report that ``done`` units are finished in all."""
        now = time.monotonic()
        if now - self._said < self._seconds_between:
            return
        self._said = now
        of, left = "", ""
        if self._total:
            of = f" of {self._total}"
            seconds = (now - self._start) / max(done, 1) * (max(0, self._total - done))
            left = f", {time.strftime('%H:%M:%S', time.gmtime(seconds))} left"
        sys.stderr.write(f"{self._title}: {done}{of} {self._unit}{left}\n")
        sys.stderr.flush()
