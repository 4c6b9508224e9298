"""The interface of a command, and types for its arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from vd4rl_data.errors import Vd4rlError
from vd4rl_data.flags import Renamed

TARGET_HELP: Final = "a dataset id, or a dataset file (for a packed dataset, any shard)"


class UsageError(Vd4rlError, ValueError):
    """Arguments that can be parsed but do not fit the data."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of ``vd4rl``.

    Attributes:
        add_arguments: declares its arguments.
        run: does the work; returns the exit status and raises typed errors.
        details: help below the summary.
        renamed: see :mod:`vd4rl_data.flags`.
    """

    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    details: str = ""
    renamed: Renamed = field(default_factory=dict[str, str])


def positive(text: str) -> int:
    """Parse a number of one or more; a type of argparse.

    Raises:
        argparse.ArgumentTypeError: the text is not such a number.
    """
    return _at_least(1, text)


def natural(text: str) -> int:
    """Parse a number of zero or more; a type of argparse.

    Raises:
        argparse.ArgumentTypeError: the text is not such a number.
    """
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19 and int(text) >= least):
        raise argparse.ArgumentTypeError(f"expected a number of {least} or more, got {text!r}")
    return int(text)
