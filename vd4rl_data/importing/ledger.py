"""Which files have become parts: one line for each, so that finished files are not needed again.

The lines lie beside the parts, in ``files.jsonl``. A line is written, and on the disk, after the
parts that it speaks of. A part belongs to one file, by its SHA-256, and to nothing else: whatever
becomes of the other files, and of its own name, it stays good.

What a file holds are pieces, in order. A whole episode is a part of the store,
``<sha256>-<number>.h5``; rows of an episode that began in the file before, or goes on in the next,
are kept as they are, in ``<sha256>-<number>.npz``, until they can be joined.
"""

from __future__ import annotations

import itertools
import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from vd4rl_data.formats import Piece, Rows
from vd4rl_data.storage.archive import write_npz
from vd4rl_data.storage.atomic import atomic_path, full_disk_errors, write_text

_NAME: Final = "files.jsonl"
_ARRAYS: Final = ("observations", "actions", "rewards", "discounts", "state")
_KEY_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept of one piece of a file.

    Attributes:
        length: transitions, if it is a whole episode; ``None`` if its rows wait to be joined.
        infos: names of the arrays in the episode's ``infos``.
        repairs: what was mended in it, in words.
    """

    length: int | None
    infos: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Converted:
    """A file that was read.

    Attributes:
        source: the file's name, ``bytes``, ``sha256`` and how that is known, for the manifest.
        pieces: what it holds, in order.
    """

    source: Mapping[str, Any]
    pieces: tuple[Held, ...]

    @property
    def num_episodes(self) -> int:
        """How many whole episodes it holds."""
        return sum(piece.length is not None for piece in self.pieces)


def key_of(sha256: str) -> str:
    """What the names of a file's parts begin with."""
    return sha256[:_KEY_DIGITS]


class Ledger:
    """The files that became parts, in the order in which they first did."""

    def __init__(self, folder: Path) -> None:
        """Read what an earlier run noted; a line that a kill tore is dropped."""
        self._folder = folder
        self._path = folder / _NAME
        self._files = {_identity(file): file for file in _read(self._path)}
        self._unsound: set[str] = set()
        if self._path.exists():
            write_text(self._path, "".join(map(_line, self._files.values())))

    def believe(self, has_part: Callable[[str, int], bool]) -> None:
        """Hold against what is on the disk: a file of which a piece is gone is needed again.

        Args:
            has_part: whether the part of a file's SHA-256 and a number is there, and intact.
        """
        for file in self._files.values():
            sha256 = str(file.source["sha256"])
            if not all(
                self._has_rows(sha256, number) if piece.length is None else has_part(sha256, number)
                for number, piece in enumerate(file.pieces)
            ):
                self._unsound.add(sha256)

    @property
    def files(self) -> list[Converted]:
        """The files up to the first that is needed again."""

        def is_sound(file: Converted) -> bool:
            return file.source["sha256"] not in self._unsound

        return list(itertools.takewhile(is_sound, self._files.values()))

    def find(self, sha256: str) -> Converted | None:
        """The file of this SHA-256, whatever its name, unless it is needed again."""
        found = (file for file in self._files.values() if file.source["sha256"] == sha256)
        return None if sha256 in self._unsound else next(found, None)

    def append(self, file: Converted) -> None:
        """Note a file whose pieces are all on the disk.

        Raises:
            NoSpaceError: the disk is full.
        """
        with full_disk_errors(self._path), self._path.open("a", encoding="utf-8") as lines:
            lines.write(_line(file))
            lines.flush()
            os.fsync(lines.fileno())
        self._files[_identity(file)] = file
        self._unsound.discard(str(file.source["sha256"]))

    def save_rows(self, sha256: str, number: int, piece: Piece) -> None:
        """Keep a piece that waits to be joined.

        Raises:
            NoSpaceError: the disk is full.
        """
        arrays = {key: getattr(piece.rows, key) for key in _ARRAYS}
        about = {
            "start": piece.start,
            "is_first": piece.is_first,
            "is_last": piece.is_last,
            "repairs": list(piece.repairs),
        }
        found = {key: values for key, values in arrays.items() if values is not None}
        text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        path = self._rows_path(sha256, number)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            write_npz(file, {"about": text, **found}, compressed=False)

    def load_rows(self, sha256: str, number: int) -> Piece:
        """A piece that waits to be joined."""
        # Opened here: numpy leaves a file that it cannot read open.
        with (
            self._rows_path(sha256, number).open("rb") as file,
            np.load(file, allow_pickle=False) as arrays,
        ):
            about: dict[str, Any] = json.loads(arrays["about"].tobytes())
            rows = Rows(**{key: arrays[key] for key in _ARRAYS if key in arrays})
            repairs = tuple(map(str, about.pop("repairs")))
        return Piece(rows, **about, repairs=repairs)

    def _has_rows(self, sha256: str, number: int) -> bool:
        try:
            self.load_rows(sha256, number)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return False
        return True

    def _rows_path(self, sha256: str, number: int) -> Path:
        return self._folder / f"{key_of(sha256)}-{number:06d}.npz"


def _identity(file: Converted) -> tuple[str, str]:
    return str(file.source["sha256"]), str(file.source["name"])


def _line(file: Converted) -> str:
    return f"{json.dumps(asdict(file), sort_keys=True)}\n"


def _read(path: Path) -> Sequence[Converted]:
    if not path.exists():
        return []
    files: list[Converted] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values = cast("dict[str, Any]", json.loads(line))
            pieces = [
                Held(piece["length"], tuple(piece["infos"]), tuple(piece["repairs"]))
                for piece in values["pieces"]
            ]
            files.append(Converted(values["source"], tuple(pieces)))
            _identity(files[-1])
        except (ValueError, TypeError, KeyError):
            break
    return files
