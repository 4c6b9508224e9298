"""What a format is: how other people's files hold episodes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vd4rl_data.formats.pieces import Expected, Piece, ReadEpisode

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SUFFIX: Final = re.compile(r"\w*(\.[A-Za-z0-9]+)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of files of other people.

    Attributes:
        name: what command lines call it: lowercase words and digits with dashes between them.
        about: who reads or writes such files, for the help of command lines.
        layout: how the files are called and what one holds, a line for messages.
        suffixes: what the names of its files end with, e.g. ``(".npz",)``, or are.
        read: called with a file's path and what the catalog expects of it, in a process of its own;
            yields a :class:`~vd4rl_data.formats.ReadEpisode` for each episode, in order, or a
            :class:`~vd4rl_data.formats.Piece` of one that may go on in the next file. Raises
            :class:`~vd4rl_data.errors.DatasetFormatError` for what no dataset can be made of, and
            :class:`~vd4rl_data.errors.CorruptFileError` for damaged bytes; any other error ends
            that process, and is told as the latter.
        write: called with valid episodes of one size, an existing folder, and the options that it
            declares by keyword; refuses bad options at once, and returns an iterator that writes
            file by file, each whole or absent, and yields their paths. It takes an episode when it
            has written the one before. ``None``: the format is only read.
        order: sort key of the names of files: the order in which they are read.
        continues: called with the names of a file and of the one read before it: whether an episode
            may go on from the latter into the former. ``None``: every episode lies in one file.
        one_per_file: each file holds exactly one episode.
        beside: called with a file's path: the other files that it is read with, in a fixed order;
            their content counts where a file is told from others. ``None``: there are none.
    """

    name: str
    about: str
    layout: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, Expected], Iterator[ReadEpisode | Piece]]
    write: Callable[..., Iterable[Path]] | None = None
    order: Callable[[str], Any] = str
    continues: Callable[[str, str], bool] | None = None
    one_per_file: bool = False
    beside: Callable[[Path], Sequence[Path]] | None = None

    def __post_init__(self) -> None:
        """Check the words.

        Raises:
            ValueError: the name or a suffix is not valid.
        """
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"format {self.name!r}: name: expected lowercase words with dashes")
        if not self.suffixes or not all(map(_SUFFIX.fullmatch, self.suffixes)):
            raise ValueError(
                f"format {self.name}: suffixes: expected some like '.npz', got {self.suffixes!r}"
            )

    @property
    def options(self) -> tuple[str, ...]:
        """The options of writing."""
        parameters = inspect.signature(self.write).parameters if self.write else {}
        return tuple(
            name for name, item in parameters.items() if item.kind is inspect.Parameter.KEYWORD_ONLY
        )
