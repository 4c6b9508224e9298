"""What commands that write files share: they replace none unasked, and tell what they saved."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from vd4rl_data.cli.streams import print_lines
from vd4rl_data.errors import OutputExistsError


def refuse_to_replace(paths: Iterable[Path], *, replace: bool) -> None:
    """Raise if there is something at one of the paths, unless ``--replace`` was given.

    Raises:
        OutputExistsError: there is.
    """
    present = None if replace else next((path for path in paths if path.exists()), None)
    if present is not None:
        raise OutputExistsError(
            f"{present} is already there; remove it, write elsewhere with --out, or put the new "
            "one in its place with --replace"
        )


def add_replace(parser: argparse.ArgumentParser) -> None:
    """Declare ``--replace``."""
    parser.add_argument(
        "--replace", action="store_true", help="put the new files in the place of those there"
    )


def print_sizes(sources: Sequence[Path], written: Sequence[Path]) -> None:
    """The files written, and how their size compares with that of the sources."""
    before = sum(path.stat().st_size for path in sources)
    after = sum(path.stat().st_size for path in written)
    print_lines(map(str, written))
    print_lines([f"{before / 1e6:,.1f} MB -> {after / 1e6:,.1f} MB"])
