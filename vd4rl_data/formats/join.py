"""Putting episodes together that were cut in two because their file was split by rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats.format import Format
from vd4rl_data.formats.pieces import Expected, Piece, ReadEpisode
from vd4rl_data.formats.rows import concatenated, shifted


@dataclass(frozen=True, slots=True)
class _Begun:
    """An episode without its end: its pieces so far, with the shard that each lies in."""

    pieces: tuple[tuple[str, Piece], ...]

    @property
    def rows(self) -> int:
        return sum(len(piece.rows) for _, piece in self.pieces)

    def __str__(self) -> str:
        return " and ".join(
            f"rows {piece.start} to {piece.start + len(piece.rows) - 1} of {name}"
            for name, piece in self.pieces
        )


class Joiner:
    """Takes what was read of files, in the order of the files.

    What it hands out are episodes, and between them a note for each run of rows that is left out.
    """

    def __init__(self, format: Format, expected: Expected) -> None:  # noqa: A002
        """Start at the beginning."""
        self._continues = format.continues
        self._expected = expected
        self._begun: _Begun | None = None

    def feed(self, name: str, item: ReadEpisode | Piece) -> Iterator[ReadEpisode | str]:
        """Take what comes next in the file of this name; raises as :func:`joined`."""
        if isinstance(item, ReadEpisode):
            yield from self.finish()
            yield item
            return
        begun = self._begun
        longer = None
        if begun is not None and not item.is_first:
            longer = self._continued(begun, name, item)
        if longer is None:
            yield from self.finish()
        if longer is None and not item.is_first:
            yield from item.repairs
            yield _left_out(name, item, begun, self._expected.max_rows)
            return
        self._begun = longer or _Begun(((name, item),))
        if item.is_last:
            whole, self._begun = self._begun, None
            repairs = (f"joined {whole}",) if len(whole.pieces) > 1 else ()
            yield self._episode(whole, is_last=True, repairs=repairs)

    def finish(self) -> Iterator[ReadEpisode | str]:
        """No more pieces will come that could go on with the episode begun."""
        begun, self._begun = self._begun, None
        if begun is None:
            return
        if begun.rows == 1:  # holds no transition
            yield from (repair for _, piece in begun.pieces for repair in piece.repairs)
            yield f"left out {begun}: one observation and no transition"
            return
        note = f"cut after {begun.rows} rows ({begun}), the end is missing; marked as truncated"
        yield self._episode(begun, is_last=False, repairs=(note,))

    def _continued(self, begun: _Begun, name: str, piece: Piece) -> _Begun | None:
        """The episode begun, with a piece of the next file; ``None`` if they do not match."""
        last_name, _ = begun.pieces[-1]
        if self._continues is None or not self._continues(name, last_name):
            return None
        full = self._expected.max_rows
        rows = begun.rows + len(piece.rows)
        terminated = piece.is_last and piece.rows.discounts[-1] == 0
        if rows > full or (piece.is_last and rows < full and not terminated):
            return None
        return _Begun((*begun.pieces, (name, piece)))

    def _episode(self, begun: _Begun, *, is_last: bool, repairs: tuple[str, ...]) -> ReadEpisode:
        source, first = begun.pieces[0]
        rows = concatenated([piece.rows for _, piece in begun.pieces])
        inherited = tuple(repair for _, piece in begun.pieces for repair in piece.repairs)
        joined = Piece(rows, first.start, is_first=True, is_last=is_last, repairs=inherited)
        found = whole(source, joined, repairs)
        found.check(self._expected)
        return found


def whole(name: str, piece: Piece, repairs: tuple[str, ...] = ()) -> ReadEpisode:
    """The episode of a piece that begins with its first row, of the file of this name.

    Raises:
        DatasetFormatError: as :func:`~vd4rl_data.formats.rows.shifted`.
    """
    place = f"episode from row {piece.start}"
    episode = shifted(f"{name}: {place}", piece.rows, is_last=piece.is_last)
    return ReadEpisode(episode, name, (*piece.repairs, *repairs), place)


def joined(
    format: Format,  # noqa: A002
    items: Iterable[tuple[str, ReadEpisode | Piece]],
    expected: Expected,
) -> Iterator[ReadEpisode]:
    """Turn what was read, with the name of the file of each and in their order, into episodes.

    The rows at the beginning of a file are joined to those at the end of the one before only if the
    format says that it may go on there, and both together are a full episode (or one that
    terminated). Otherwise the first half is handed out as a truncated episode and the second half
    is left out, as it has no first observation. Either is recorded in ``repairs``: of the episode
    itself, or, for rows left out, of the episode after them (before them at the end of all).

    Raises:
        DatasetFormatError: there is no episode at all, or the pieces contradict themselves.
        InvalidEpisodeError: an episode breaks an invariant.
    """
    held: ReadEpisode | None = None
    notes: tuple[str, ...] = ()
    for found in _episodes_and_notes(format, items, expected):
        if isinstance(found, str):
            notes = (*notes, found)
            continue
        if held is not None:
            yield held
        held = replace(found, repairs=(*notes, *found.repairs))
        notes = ()
        if format.continues is None:  # no note can follow that belongs to this one
            yield held
            held = None
    if held is not None:
        yield replace(held, repairs=(*held.repairs, *notes))
    elif format.continues is not None:
        raise DatasetFormatError(
            f"no episode in any file: {'; '.join(notes) or 'there are no rows'}; "
            "are all files of the dataset there?"
        )


def _episodes_and_notes(
    format: Format,  # noqa: A002
    items: Iterable[tuple[str, ReadEpisode | Piece]],
    expected: Expected,
) -> Iterator[ReadEpisode | str]:
    joiner = Joiner(format, expected)
    for name, item in items:
        yield from joiner.feed(name, item)
    yield from joiner.finish()


def _left_out(name: str, piece: Piece, begun: _Begun | None, full: int) -> str:
    missing = (
        "no shard before it ends inside an episode"
        if begun is None
        else f"{begun} do not match them (expected {full} rows in all, in neighboring shards)"
    )
    return f"left out {_Begun(((name, piece),))}: an episode without its beginning; {missing}"
