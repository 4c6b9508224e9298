"""The bookkeeping of pieces under any order of events."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vd4rl_data.download.transfer.pieces import PIECES_PER_CHUNK, Pieces


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 300), st.integers(1, 20), st.data())
def test_every_byte_is_claimed_once_and_never_more_than_a_chunk_at_a_time(
    size: int, piece_bytes: int, data: st.DataObject
) -> None:
    pieces = Pieces(piece_bytes)
    first = pieces.claim(PIECES_PER_CHUNK)
    assert first is not None
    assert pieces.claim(1) is None, "nobody can help before the size is known"
    pieces.allot(size)
    runs = [(0, min(first.stop, size))] if size else []
    fetched: list[tuple[int, int]] = []
    while runs:
        in_flight = sum(stop - start for start, stop in runs)
        assert in_flight <= PIECES_PER_CHUNK * piece_bytes
        if data.draw(st.booleans()):
            cursor = pieces.claim(data.draw(st.integers(1, PIECES_PER_CHUNK)))
            if cursor is not None:
                runs.append((cursor.position, min(cursor.stop, size)))
                continue
        start, stop = runs.pop(data.draw(st.integers(0, len(runs) - 1)))
        end = pieces.end(start)
        assert pieces.put(start // piece_bytes) == end - start
        fetched.append((start, end))
        if end < stop:
            runs.append((end, stop))
        elif not runs:
            cursor = pieces.claim(1)
            runs += [] if cursor is None else [(cursor.position, min(cursor.stop, size))]
    assert pieces.complete
    assert sum(end - start for start, end in fetched) == size
    assert sorted(fetched) == [
        (start, min(start + piece_bytes, size)) for start in range(0, size, piece_bytes)
    ]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 100), st.integers(1, 9), st.sets(st.integers(0, 100)))
def test_the_frontier_is_the_first_gap(size: int, piece_bytes: int, here: set[int]) -> None:
    pieces = Pieces(piece_bytes)
    pieces.allot(size)
    bytes_here = {
        byte
        for piece in here
        if pieces.put(piece)
        for byte in range(piece * piece_bytes, pieces.end(piece * piece_bytes))
    }
    gap = next(byte for byte in range(size + 1) if byte not in bytes_here)
    assert pieces.frontier(0) == gap
    assert pieces.complete == (gap == size)
    assert pieces.put(-1) == pieces.put(10**9) == 0
