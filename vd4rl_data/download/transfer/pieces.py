"""Which pieces of a file are here and which are on their way: pure bookkeeping, no disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PIECES_PER_CHUNK: Final = 4
"""A chunk is what may be lost of one file: one thread asks for all of it, or several for a part."""

_MISSING, _CLAIMED, _HERE = range(3)


@dataclass(slots=True)
class Cursor:
    """Where one thread stands in the run of pieces that it fetches.

    Attributes:
        position: the next byte to ask for.
        stop: the byte after the run, which may lie beyond the end of the file.
        crc32: of the piece at ``position``, up to there.
    """

    position: int
    stop: int
    crc32: int = 0


class Pieces:
    """The pieces of one file. The caller sees to it that one thread at a time is in here."""

    def __init__(self, piece_bytes: int) -> None:
        """A file of unknown size: only its first chunk can be claimed."""
        self.piece_bytes = piece_bytes
        self.size: int | None = None
        self._states = [_MISSING]

    def allot(self, size: int) -> None:
        """Learn the size; what was claimed before stays claimed."""
        claimed = PIECES_PER_CHUNK if self._states == [_CLAIMED] else 0
        count = -(-size // self.piece_bytes)
        claimed = min(claimed, count)
        self._states = [_CLAIMED] * claimed + [_MISSING] * (count - claimed)
        self.size = size

    @property
    def missing(self) -> int:
        """How many pieces nobody fetches yet."""
        return self._states.count(_MISSING)

    @property
    def complete(self) -> bool:
        """Whether the size is known and every piece is here."""
        return self.size is not None and self._states.count(_HERE) == len(self._states)

    def claim(self, share: int) -> Cursor | None:
        """The right to fetch the first pieces that nobody has, at most ``share`` in a row.

        ``None`` if there are none, or if a whole chunk of this file is on its way already.
        """
        share = min(share, PIECES_PER_CHUNK - self._states.count(_CLAIMED))
        if share < 1 or _MISSING not in self._states:
            return None
        first = end = self._states.index(_MISSING)
        if self.size is None:
            self._states[first] = _CLAIMED
            return Cursor(0, PIECES_PER_CHUNK * self.piece_bytes)
        while end < min(first + share, len(self._states)) and self._states[end] == _MISSING:
            self._states[end] = _CLAIMED
            end += 1
        return Cursor(first * self.piece_bytes, end * self.piece_bytes)

    def claim_at(self, position: int) -> Cursor | None:
        """The right to fetch the piece that starts at a byte, if nobody has it."""
        piece = position // self.piece_bytes
        if self._states[piece] != _MISSING:
            return None
        self._states[piece] = _CLAIMED
        return Cursor(position, position + self.piece_bytes)

    def end(self, position: int) -> int:
        """The byte after the piece that a byte belongs to."""
        end = (position // self.piece_bytes + 1) * self.piece_bytes
        return end if self.size is None else min(end, self.size)

    def put(self, piece: int) -> int:
        """Note that a piece is here; its bytes, or 0 if there is no such piece."""
        if self.size is None or not 0 <= piece < len(self._states):
            return 0
        self._states[piece] = _HERE
        return self.end(piece * self.piece_bytes) - piece * self.piece_bytes

    def frontier(self, position: int) -> int:
        """How far the file is here without a gap from ``position`` on."""
        if self.size is None:
            return position
        piece = position // self.piece_bytes
        while piece < len(self._states) and self._states[piece] == _HERE:
            piece += 1
        return max(position, min(piece * self.piece_bytes, self.size))
