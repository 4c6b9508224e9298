"""Episode parts: a long job writes one small atomic file per episode, to survive ``kill -9``."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.episode import NO_PIXELS, Episode, validate
from vd4rl_data.errors import CorruptFileError, DatasetFormatError
from vd4rl_data.storage.atomic import atomic_path, remove_folder, write_text
from vd4rl_data.storage.format import STATES_LAYOUT, canonical_json, read_header
from vd4rl_data.storage.hashing import ContentHasher
from vd4rl_data.storage.rows import columns_of, episode_rows, rows_episode
from vd4rl_data.storage.shard import open_arrays
from vd4rl_data.storage.writer import FileWriter

_RECIPE: Final = "recipe.json"
_FAST_COMPRESSION: Final = 1
_SHOWN_DIFFERENCES: Final = 5
_LONGEST_VALUE: Final = 120
_ABSENT: Final = object()


class PartStore:
    """A folder of episode parts, all made by one recipe.

    Parts are deflated (about an eighth to a third of the raw size) and stay until the final file is
    in place, so that peak disk use is one and a third times the final size and a kill at any moment
    loses at most the episodes being made.
    """

    def __init__(self, folder: Path, recipe: Mapping[str, Any]) -> None:
        """Open or create the folder for parts of ``recipe`` (JSON).

        Raises:
            DatasetFormatError: the folder holds parts of another recipe.
        """
        self.folder = folder
        self._prefix = "episode"
        folder.mkdir(parents=True, exist_ok=True)
        text = canonical_json(recipe)
        stored = folder / _RECIPE
        if not stored.exists():
            write_text(stored, text)
            return
        found = stored.read_text(encoding="utf-8", errors="replace")
        if found != text:
            raise DatasetFormatError(
                f"{folder}: expected parts of the same recipe, got parts of another:\n"
                f"{_difference(text, found)}\n"
                "finish the earlier work with its own settings, or delete the folder"
            )

    def named(self, prefix: str) -> PartStore:
        """A view of this store, with the same recipe, for parts whose names begin with a prefix."""
        other = copy.copy(self)
        other._prefix = prefix
        return other

    def path(self, number: int) -> Path:
        """Path of the part of one episode."""
        return self.folder / f"{self._prefix}-{number:06d}.h5"

    def has(self, number: int) -> bool:
        """Whether an intact part exists; a damaged one is deleted."""
        path = self.path(number)
        if not path.exists():
            return False
        try:
            read_header(path)
        except DatasetFormatError:
            path.unlink()
            return False
        return True

    def missing(self, numbers: Sequence[int]) -> list[int]:
        """The numbers among ``numbers`` that have no intact part."""
        return [number for number in numbers if not self.has(number)]

    def write(self, number: int, episode: Episode, note: str = "") -> None:
        """Write one part atomically.

        Args:
            number: number of the episode.
            episode: the episode.
            note: what its maker has to tell of it, see :meth:`note`.

        Raises:
            InvalidEpisodeError: the episode breaks an invariant.
            NoSpaceError: the disk is full.
        """
        path = self.path(number)
        layout = "packed" if episode.has_pixels else STATES_LAYOUT
        validate(episode, f"episode {number}", size=None if episode.has_pixels else NO_PIXELS)
        rows = episode_rows(episode)
        with atomic_path(path) as temporary:
            writer = FileWriter(
                temporary,
                columns_of(episode),
                [len(episode)],
                layout,
                compression_level=_FAST_COMPRESSION,
            )
            try:
                writer.append(rows, ContentHasher().update(rows))
                writer.close({"part": number, **({"note": note} if note else {})})
            except BaseException:
                writer.abort()
                raise

    def read(self, number: int) -> Episode:
        """Read one part.

        Raises:
            FileNotFoundError: there is no such part.
            CorruptFileError: the part is damaged.
        """
        shard = open_arrays(self.path(number))
        try:
            rows = shard.rows(0)
            if ContentHasher().update(rows) != int(shard.checksums[0]):
                raise CorruptFileError(f"{shard.path}: the rows do not match their CRC-32")
            return rows_episode(rows, shard.kinds)
        finally:
            shard.close()

    def length(self, number: int) -> int:
        """Transitions of one part, without reading its pixels."""
        shard = open_arrays(self.path(number))
        shard.close()
        return int(shard.starts[1]) - 1

    def note(self, number: int) -> str:
        """What was noted when a part was written; empty if nothing was."""
        shard = open_arrays(self.path(number))
        shard.close()
        return str(shard.attributes.get("note", ""))

    def episodes(self, numbers: Sequence[int]) -> Iterator[Episode]:
        """The episodes of the given parts, one at a time."""
        for number in numbers:
            yield self.read(number)

    def remove(self) -> None:
        """Delete the folder with all its parts.

        It disappears in one step, so that no kill leaves half a store; what a kill leaves of the
        folder ``<name>.removed`` is removed the next time.
        """
        remove_folder(self.folder)


def _difference(expected: str, found: str) -> str:
    """The values in which two recipes, given as JSON text, differ: one line each."""
    try:
        theirs = json.loads(found)
    except ValueError:
        return f"    expected JSON, got {_shortened(found)}"
    lines = list(_differences("", json.loads(expected), theirs))
    more = len(lines) - _SHOWN_DIFFERENCES
    return "\n".join(lines[:_SHOWN_DIFFERENCES] + [f"    and {more} more"] * (more > 0))


def _differences(name: str, expected: object, found: object) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        ours, theirs = cast("dict[str, Any]", expected), cast("dict[str, Any]", found)
        for key in sorted(ours.keys() | theirs.keys()):
            inner = f"{name}.{key}" if name else key
            yield from _differences(inner, ours.get(key, _ABSENT), theirs.get(key, _ABSENT))
    elif expected != found or type(expected) is not type(found):
        where = name or "recipe"
        yield f"    {where}: expected {_shown(expected)}, got {_shown(found)}"


def _shown(value: object) -> str:
    return "nothing" if value is _ABSENT else _shortened(canonical_json(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
