"""What a target is: how another toolbox keeps a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vd4rl_data.episode import Episode
from vd4rl_data.exporting.about import About


@dataclass(frozen=True, slots=True)
class Target:
    """What another toolbox reads.

    Attributes:
        name: what the command line calls it.
        about: who reads it, for the help of the command line.
        read_it: Python lines that read it with that toolbox; ``{folder}`` and ``{id}`` are filled.
        write: called with an iterator of episodes, what is said of them, and an empty folder; it
            holds one episode at a time and leaves the folder as the toolbox expects it.
        modules: what writing imports beside this package's own requirements.
        extra: the extra of this package that brings these modules.
        copies: how many times the bytes of the frames it needs on the disk, at least.
    """

    name: str
    about: str
    read_it: str
    write: Callable[[Iterator[Episode], About, Path], None]
    modules: tuple[str, ...] = ()
    extra: str = ""
    copies: float = 1.0
