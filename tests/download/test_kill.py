"""``kill -9`` in the middle of large files."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.download.conftest import MakeHub, address, assert_whole, content, remote
from tests.download.processes import children
from vd4rl_data.download.client import Endpoint
from vd4rl_data.download.fetch import fetch

MEGABYTE = 1 << 20


@pytest.mark.parametrize(("count", "megabytes"), [(1, 24), (4, 6), (4, 24)])
def test_a_kill_costs_eight_megabytes_at_most(
    make_hub: MakeHub, tmp_path: Path, count: int, megabytes: int
) -> None:
    """The server sends as fast as it can, so all buffers between it and the disk are full."""
    files = {f"{i}.bin": content(i, megabytes * MEGABYTE) for i in range(count)}
    hub, folder, kills = make_hub(files), tmp_path / "here", 0
    work = (fetch, remote(files), folder, [Endpoint(hub.url)], address)
    total = sum(map(len, files.values()))
    with children(tmp_path) as start:
        for share in (0.17, 0.5):
            child = start(*work)
            child.until(lambda: _arrived(folder) >= share * total)  # noqa: B023
            kills += child.kill()
        start(*work).wait()
    assert_whole(folder, files)
    assert kills
    assert total <= hub.bytes_sent() <= total + kills * 8 * MEGABYTE


def _arrived(folder: Path) -> int:
    total = 0
    for path in folder.glob("*.bin*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
