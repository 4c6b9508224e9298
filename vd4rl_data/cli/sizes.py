"""Shared by commands that write files: ``--replace``, and printing the sizes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from vd4rl_data.cli.streams import print_lines


def add_replace(parser: argparse.ArgumentParser) -> None:
    """Declare ``--replace``."""
    parser.add_argument("--replace", action="store_true", help="replace existing files")


def print_sizes(sources: Sequence[Path], written: Sequence[Path]) -> None:
    """Print the written files, and their total size beside that of the sources."""
    before = sum(path.stat().st_size for path in sources)
    after = sum(path.stat().st_size for path in written)
    print_lines(map(str, written))
    print_lines([f"{before / 1e6:,.1f} MB -> {after / 1e6:,.1f} MB"])
