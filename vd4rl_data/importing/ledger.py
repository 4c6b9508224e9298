"""Which files have become parts: one line for each, so that finished files are not needed again.

The lines lie beside the parts, in ``files.jsonl``. A line is written, and on the disk, after the
parts that it speaks of. The rows of an episode that goes on in the next file are kept in
``begun-<files>.npz`` until it is whole.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from vd4rl_data.storage.atomic import atomic_path, full_disk_errors, write_text
from vd4rl_data.upstream import Piece, Rows

_NAME: Final = "files.jsonl"
_ARRAYS: Final = ("observations", "actions", "rewards", "discounts", "state")

Begun = Sequence[tuple[str, Piece]]
"""Pieces of an episode whose end has not come yet, each with the name of its file."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A file that was read, and where the work stood after it.

    Attributes:
        source: the file's name, ``bytes``, ``sha256`` and how that is known, for the manifest.
        num_episodes: parts in all.
        repairs: what was mended in episodes that ended in this file.
        notes: what is to be said of the next episode.
        last: the file in which the last episode began.
        begun: an episode goes on in the next file.
    """

    source: Mapping[str, Any]
    num_episodes: int = 0
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    last: str = ""
    begun: bool = False


class Ledger:
    """The files that became parts, in reading order."""

    def __init__(self, folder: Path) -> None:
        """Read what an earlier run noted; a line that a kill tore is dropped."""
        self._folder = folder
        self._path = folder / _NAME
        self.files = _read(self._path)

    def believe(self, has_part: Callable[[int], bool]) -> None:
        """Forget every file whose parts, or the rows after which, are not there any more."""
        total = self.files[-1].num_episodes if self.files else 0
        intact = next((number for number in range(total) if not has_part(number)), total)
        kept = len(self.files)
        while kept and not self._is_sound(kept, intact):
            kept -= 1
        self.files = self.files[:kept]
        if self._path.exists():
            write_text(self._path, "".join(map(_line, self.files)))

    def begun(self) -> Begun:
        """The pieces of the episode that the last file left open."""
        if not self.files or not self.files[-1].begun:
            return ()
        return _load(self._begun_path(len(self.files)))

    def append(self, file: Converted, begun: Begun) -> None:
        """Note a file, and the pieces of the episode that it leaves open.

        Raises:
            NoSpaceError: the disk is full.
        """
        count = len(self.files) + 1
        if begun:
            _save(self._begun_path(count), begun)
        with full_disk_errors(self._path), self._path.open("a", encoding="utf-8") as lines:
            lines.write(_line(file))
            lines.flush()
            os.fsync(lines.fileno())
        self.files = [*self.files, file]
        self._begun_path(count - 1).unlink(missing_ok=True)

    def _is_sound(self, count: int, intact: int) -> bool:
        last = self.files[count - 1]
        if last.num_episodes > intact:
            return False
        if not last.begun:
            return True
        try:
            return bool(_load(self._begun_path(count)))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return False

    def _begun_path(self, count: int) -> Path:
        return self._folder / f"begun-{count:06d}.npz"


def _line(file: Converted) -> str:
    return f"{json.dumps(asdict(file), sort_keys=True)}\n"


def _read(path: Path) -> list[Converted]:
    if not path.exists():
        return []
    files: list[Converted] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values = cast("dict[str, Any]", json.loads(line))
            for key in ("repairs", "notes"):
                values[key] = tuple(values[key])
            files.append(Converted(**values))
        except (ValueError, TypeError, KeyError):
            break
    return files


def _save(path: Path, begun: Begun) -> None:
    arrays: dict[str, Any] = {}
    about: list[dict[str, Any]] = []
    for number, (name, piece) in enumerate(begun):
        for key in _ARRAYS:
            values = getattr(piece.rows, key)
            if values is not None:
                arrays[f"{number}/{key}"] = values
        about.append(
            {
                "name": name,
                "start": piece.start,
                "is_first": piece.is_first,
                "is_last": piece.is_last,
                "repairs": list(piece.repairs),
            }
        )
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _load(path: Path) -> Begun:
    # Opened here: numpy leaves a file that it cannot read open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        about: list[dict[str, Any]] = json.loads(arrays["about"].tobytes())
        pieces: list[tuple[str, Piece]] = []
        for number, facts in enumerate(about):
            name = str(facts.pop("name"))
            repairs = tuple(facts.pop("repairs"))
            rows = {
                key: arrays[f"{number}/{key}"] for key in _ARRAYS if f"{number}/{key}" in arrays
            }
            pieces.append((name, Piece(Rows(**rows), **facts, repairs=repairs)))
    return tuple(pieces)
