"""What ``pack`` and ``unpack`` share: they never replace a file, and tell what they saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vd4rl_data.cli.streams import print_lines
from vd4rl_data.errors import OutputExistsError


def refuse_to_replace(path: Path | None) -> None:
    """Raise if there is something at the path.

    Raises:
        OutputExistsError: there is.
    """
    if path is not None and path.exists():
        raise OutputExistsError(
            f"{path} is already there; remove it, or write elsewhere with --out"
        )


def print_sizes(sources: Sequence[Path], written: Sequence[Path]) -> None:
    """The files written, and how their size compares with that of the sources."""
    before = sum(path.stat().st_size for path in sources)
    after = sum(path.stat().st_size for path in written)
    print_lines(map(str, written))
    print_lines([f"{before / 1e6:,.1f} MB -> {after / 1e6:,.1f} MB"])
