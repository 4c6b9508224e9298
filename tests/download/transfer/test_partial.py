"""A thread that is late, after its file was started anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.download.transfer import RemoteFile
from vd4rl_data.download.transfer.client import Answer
from vd4rl_data.download.transfer.journal import Journal
from vd4rl_data.download.transfer.names import STATE_FOLDER
from vd4rl_data.download.transfer.partial import ChangedError, Partial, StaleError


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    (tmp_path / STATE_FOLDER).mkdir()
    opened = Journal(tmp_path)
    yield opened
    opened.close()


def answer(size: int, tag: str) -> Answer:
    """What a server said, without the server."""
    made: Any = Answer.__new__(Answer)
    made.start, made.size, made.ranged, made.tag, made.sha256 = 0, size, True, tag, None
    return made


def test_a_late_thread_touches_nothing_of_the_file_that_replaced_its_own(
    tmp_path: Path, journal: Journal
) -> None:
    old = Partial(RemoteFile("a.bin"), tmp_path / "a.bin", journal, chunk_bytes=8)
    early = old.claim()
    assert early is not None
    old.adopt(answer(20, "1"))
    late = old.claim(share=1)
    assert late is None, "a whole chunk is on its way"
    old.write(early, memoryview(b"xx"))
    with pytest.raises(ChangedError):
        old.adopt(answer(20, "2"))
    old.discard()
    new = old.renewed(None)
    cursor = new.claim()
    assert cursor is not None
    new.adopt(answer(20, "2"))
    new.write(cursor, memoryview(b"yy"))
    with pytest.raises(StaleError):
        old.write(early, memoryview(b"xx"))
    with pytest.raises(StaleError):
        old.arrive(early)
    with pytest.raises(StaleError):
        old.adopt(answer(20, "1"))
    assert old.claim() is None
    assert old.claim_at(8) is None
    assert (tmp_path / "a.bin.incomplete").read_bytes() == b"yy"
    begun = journal.entry("a.bin").begun
    assert begun is not None
    assert begun.identity == "2"
    assert not begun.pieces
    new.arrive(cursor)
    assert list(begun.pieces) == [0]
    old.close()
    new.close()
