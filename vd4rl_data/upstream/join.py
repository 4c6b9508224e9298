"""Putting episodes together that were cut in two because their shard was split by rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from vd4rl_data.episode import validate
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.upstream.naming import ShardName
from vd4rl_data.upstream.rows import Piece, UpstreamEpisode, concatenated, shifted


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


class ShardJoiner:
    """Takes pieces in the order of shards.

    What it hands out are episodes, and between them a note for each run of rows that is left out.
    """

    def __init__(self, spec: DatasetSpec) -> None:
        """Start at the beginning."""
        self._spec = spec
        self._full = spec.task.time_steps + 1
        self._begun: _Begun | None = None

    def feed(self, name: str, piece: Piece) -> Iterator[UpstreamEpisode | str]:
        """Take the next piece; raises as :func:`join_shards`."""
        begun = self._begun
        joined = None
        if begun is not None and not piece.is_first:
            joined = _joined(begun, name, piece, self._full)
        if joined is None and begun is not None:
            yield from _cut(begun, self._spec)
        if joined is None and not piece.is_first:
            self._begun = None
            yield from piece.repairs
            yield _left_out(name, piece, begun, self._full)
            return
        self._begun = joined or _Begun(((name, piece),))
        if piece.is_last:
            whole, self._begun = _whole(self._begun, self._spec), None
            yield whole

    def finish(self) -> Iterator[UpstreamEpisode | str]:
        """No more pieces will come that could go on with the episode begun."""
        if self._begun is not None:
            yield from _cut(self._begun, self._spec)
            self._begun = None


def join_shards(
    pieces: Iterable[tuple[str, Piece]], spec: DatasetSpec
) -> Iterator[UpstreamEpisode]:
    """Turn pieces, with the name of the shard of each and in the order of shards, into episodes.

    The rows at the beginning of a shard are joined to those at the end of the one before only if it
    is the next of the same series and both together are a full episode (or one that terminated).
    Otherwise the first half is handed out as a truncated episode and the second half is left out,
    as it has no first observation. Either is recorded in ``repairs``: of the episode itself, or,
    for rows left out, of the episode after them (before them at the end of all).

    Raises:
        DatasetFormatError: the pieces hold no episode at all, or contradict themselves.
        InvalidEpisodeError: an episode breaks an invariant.
    """
    held: UpstreamEpisode | None = None
    notes: tuple[str, ...] = ()
    for item in _episodes_and_notes(pieces, spec):
        if isinstance(item, str):
            notes = (*notes, item)
            continue
        if held is not None:
            yield held
        held = replace(item, repairs=(*notes, *item.repairs))
        notes = ()
    if held is None:
        raise DatasetFormatError(
            f"no episode in any shard: {'; '.join(notes) or 'there are no rows'}; "
            "are all shards of the dataset there?"
        )
    yield replace(held, repairs=(*held.repairs, *notes))


def _episodes_and_notes(
    pieces: Iterable[tuple[str, Piece]], spec: DatasetSpec
) -> Iterator[UpstreamEpisode | str]:
    joiner = ShardJoiner(spec)
    for name, piece in pieces:
        yield from joiner.feed(name, piece)
    yield from joiner.finish()


def _joined(begun: _Begun, name: str, piece: Piece, full: int) -> _Begun | None:
    """The episode begun, continued by a piece of the next shard; ``None`` if they do not match."""
    last_name, _ = begun.pieces[-1]
    if not ShardName.parse(name).continues(ShardName.parse(last_name)):
        return None
    rows = begun.rows + len(piece.rows)
    terminated = piece.is_last and piece.rows.discounts[-1] == 0
    if rows > full or (piece.is_last and rows < full and not terminated):
        return None
    return _Begun((*begun.pieces, (name, piece)))


def _whole(begun: _Begun, spec: DatasetSpec) -> UpstreamEpisode:
    repairs = (f"joined {begun}",) if len(begun.pieces) > 1 else ()
    return _episode(begun, spec, is_last=True, repairs=repairs)


def _cut(begun: _Begun, spec: DatasetSpec) -> Iterator[UpstreamEpisode | str]:
    """The rows of an episode whose end is missing; a single row holds no transition."""
    if begun.rows == 1:
        yield from (repair for _, piece in begun.pieces for repair in piece.repairs)
        yield f"left out {begun}: one observation and no transition"
        return
    note = f"cut after {begun.rows} rows ({begun}), the end is missing; marked as truncated"
    yield _episode(begun, spec, is_last=False, repairs=(note,))


def _episode(
    begun: _Begun, spec: DatasetSpec, *, is_last: bool, repairs: tuple[str, ...]
) -> UpstreamEpisode:
    source, first = begun.pieces[0]
    where = f"{source}: episode from row {first.start}"
    rows = concatenated([piece.rows for _, piece in begun.pieces])
    episode = shifted(where, rows, is_last=is_last)
    validate(episode, where, size=spec.size, action_size=spec.task.action_size)
    inherited = tuple(repair for _, piece in begun.pieces for repair in piece.repairs)
    return UpstreamEpisode(episode, source, (*inherited, *repairs))


def _left_out(name: str, piece: Piece, begun: _Begun | None, full: int) -> str:
    missing = (
        "no shard before it ends inside an episode"
        if begun is None
        else f"{begun} do not match them (expected {full} rows in all, in neighboring shards)"
    )
    return f"left out {_Begun(((name, piece),))}: an episode without its beginning; {missing}"
