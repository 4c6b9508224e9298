"""Output streams: results go to standard output, everything else to standard error."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any


def make_streams_safe() -> None:
    """Print characters that the terminal cannot encode as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Redirect standard output to nowhere: its reader is gone, and exiting would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def logs_on_stderr(*, verbose: bool, speak: Callable[[str], str] = str) -> Generator[None]:
    """Show the library's log on standard error: warnings, or with ``verbose`` every step.

    Args:
        verbose: show every step.
        speak: turns the library's words into the command's.
    """

    class Spoken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return speak(super().format(record))

    logger = logging.getLogger("vd4rl_data")
    handler = logging.StreamHandler()
    handler.setFormatter(Spoken())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to standard output as they are."""
    for line in lines:
        sys.stdout.write(f"{line}\n")


def print_json(value: Any) -> None:
    """Print one JSON document, in ASCII, to standard output."""
    sys.stdout.write(f"{json.dumps(value, indent=2)}\n")
