"""``kill -9`` costs eight megabytes at most, however many files are on their way."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from tests.download.conftest import MakeHub, assert_whole, content, remote
from tests.download.forking import Child, Zygote

MEGABYTE = 1 << 20


@pytest.mark.parametrize("count", [1, 4])
def test_a_kill_costs_eight_megabytes_at_most(
    make_hub: MakeHub, tmp_path: Path, count: int
) -> None:
    """The server sends as fast as it can, so all buffers between it and the disk are full."""
    files = {f"{i}.bin": content(i, 24 * MEGABYTE // count) for i in range(count)}
    hub, folder = make_hub(files), tmp_path / "here"
    total = sum(map(len, files.values()))
    with contextlib.closing(Zygote(Path(__file__).with_name("zygote.py"), tmp_path)) as zygote:

        def start() -> Child:
            wanted = [[file.path, file.size, file.sha256] for file in remote(files)]
            return zygote.start(files=wanted, folder=str(folder), url=hub.url)

        kills = 0
        for megabytes in (4, 12):
            child = start()
            while _arrived(folder) < megabytes * MEGABYTE:
                time.sleep(0.002)
            kills += not child.outcome_path.exists()
            with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
                child.kill()
        assert start().wait() == list(files)
    assert_whole(folder, files)
    assert kills
    assert total <= hub.bytes_sent() <= total + kills * 8 * MEGABYTE


def _arrived(folder: Path) -> int:
    total = 0
    for path in folder.glob("*.bin*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
