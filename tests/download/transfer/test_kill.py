"""``kill -9`` at any moment, and many processes at once."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.download.transfer.journal import Journal

PIECE_SECONDS = 0.004


@pytest.mark.parametrize("known", [True, False])
def test_ten_kills_cost_at_most_a_chunk_of_each_file_in_flight(
    tools: Any, make_mirror: Any, spawn: Any, tmp_path: Path, known: bool
) -> None:
    chunk, workers = 16_384, 3
    files = {f"{i}.bin": tools.content(i, 9 * chunk + 100 * i) for i in range(4)}
    mirror = make_mirror(files)
    mirror.faults.slow(".bin", 2048, PIECE_SECONDS, times=None)
    wanted = tools.remote(files, size=known, sha256=known)
    dice = random.Random(0)
    folder = tmp_path / "here"
    kills = 0
    while kills < 10:
        child = spawn(wanted, folder, mirror.url, chunk_bytes=chunk, workers=workers)
        time.sleep(dice.uniform(0.0, 0.12))
        assert not child.outcome_path.exists(), "it ended before it could be killed"
        child.kill()
        kills += 1
        tools.assert_nothing_wrong(folder, files)
    lost = mirror.bytes_sent()
    done = spawn(wanted, folder, mirror.url, chunk_bytes=chunk, workers=workers).wait()
    assert done == {"ok": list(files)}
    tools.assert_whole(folder, files)
    total = sum(map(len, files.values()))
    assert 0 < lost < mirror.bytes_sent()
    assert mirror.bytes_sent() <= total + kills * workers * chunk


def test_one_file_loses_one_chunk_however_many_fetch_it(
    tools: Any, make_mirror: Any, spawn: Any, tmp_path: Path
) -> None:
    chunk = 16_384
    files = {"a.bin": tools.content(1, 12 * chunk)}
    mirror = make_mirror(files)
    mirror.faults.slow(".bin", 1024, PIECE_SECONDS, times=None)
    wanted = tools.remote(files)
    folder = tmp_path / "here"
    for _ in range(4):
        before = len(mirror.begun)
        child = spawn(wanted, folder, mirror.url, chunk_bytes=chunk, workers=4)
        while len(mirror.begun) < before + 6:
            time.sleep(0.002)
        child.kill()
    assert spawn(wanted, folder, mirror.url, chunk_bytes=chunk).wait() == {"ok": ["a.bin"]}
    tools.assert_whole(folder, files)
    assert mirror.bytes_sent() <= len(files["a.bin"]) + 4 * chunk


@pytest.mark.parametrize("moment", ["before its line", "before its name"])
def test_killed_between_the_last_byte_and_the_name(
    tools: Any, make_mirror: Any, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"a.bin": tools.content(1, 9000)}
    mirror = make_mirror(files)
    original = Path.replace

    def die(*_: Any) -> None:
        raise SystemExit("killed")

    def replace(path: Path, target: Path) -> Path:
        return die() if path.name == "a.bin.incomplete" else original(path, target)

    with monkeypatch.context() as patch:
        if moment == "before its line":
            patch.setattr(Journal, "finish", die)
        else:
            patch.setattr(Path, "replace", replace)
        with pytest.raises(SystemExit, match="killed"):
            tools.get(tools.remote(files, sha256=False), tmp_path, mirror.url)
    assert not (tmp_path / "a.bin").exists()
    tools.get(tools.remote(files, sha256=False), tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)
    assert mirror.bytes_sent() == 9000


@pytest.mark.parametrize("sha256", [True, False])
@pytest.mark.parametrize("damage", ["zeros", "short", "gone", "other"])
def test_bytes_that_the_journal_names_and_the_disk_lost(
    tools: Any, make_mirror: Any, tmp_path: Path, damage: str, sha256: bool
) -> None:
    """What a crash of the whole machine can leave: lines without their bytes.

    Where no hash is known, nothing but the checksums of the pieces can tell.
    """
    files = {"a.bin": tools.content(1, 40_000)}
    mirror = make_mirror(files)
    wanted = tools.remote(files, sha256=sha256)
    nameless = {"ETag": None, "X_Linked_Etag": None}
    mirror.faults.header(".bin", times=5, **nameless)
    mirror.faults.status(".bin", 403, times=None)
    with pytest.raises(Exception, match="status 403"):
        tools.get(wanted, tmp_path, mirror.url, workers=1)
    mirror.faults.clear()
    mirror.faults.header(".bin", **nameless)
    partial = tmp_path / "a.bin.incomplete"
    assert mirror.bytes_sent() == 5 * tools.chunk
    if damage == "zeros":
        partial.write_bytes(bytes(partial.stat().st_size))
    elif damage == "short":
        partial.write_bytes(partial.read_bytes()[:6000])
    elif damage == "gone":
        partial.unlink()
    else:
        partial.write_bytes(partial.read_bytes()[:6000] + bytes(partial.stat().st_size - 6000))
    tools.get(wanted, tmp_path, mirror.url)
    tools.assert_whole(tmp_path, files)


@pytest.mark.parametrize("processes", [2, 8])
@pytest.mark.parametrize("sha256", [True, False])
def test_processes_at_once_fetch_everything_once(
    tools: Any, make_mirror: Any, spawn: Any, tmp_path: Path, processes: int, sha256: bool
) -> None:
    files = {f"{i}.bin": tools.content(i, 20_000) for i in range(5)}
    mirror = make_mirror(files)
    mirror.faults.slow(".bin", 2048, 0.002, times=None)
    wanted = tools.remote(files, sha256=sha256)
    folder = tmp_path / "here"
    crowd = [spawn(wanted, folder, mirror.url) for _ in range(processes)]
    assert [child.wait() for child in crowd] == [{"ok": list(files)}] * processes
    tools.assert_whole(folder, files)
    assert mirror.bytes_sent() == sum(map(len, files.values()))


def test_a_process_that_waits_takes_over_when_the_other_is_killed(
    tools: Any, make_mirror: Any, spawn: Any, tmp_path: Path
) -> None:
    files = {f"{i}.bin": tools.content(i, 60_000) for i in range(3)}
    mirror = make_mirror(files)
    mirror.faults.slow(".bin", 2048, 0.004, times=None)
    folder = tmp_path / "here"
    first = spawn(tools.remote(files), folder, mirror.url)
    while not mirror.begun:
        time.sleep(0.002)
    second = spawn(tools.remote(files), folder, mirror.url)
    time.sleep(0.05)
    first.kill()
    assert second.wait() == {"ok": list(files)}
    tools.assert_whole(folder, files)
    total = sum(map(len, files.values()))
    assert mirror.bytes_sent() <= total + 4 * tools.chunk


def test_a_process_that_waits_says_so(
    tools: Any, make_mirror: Any, spawn: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"a.bin": tools.content(1, 60_000)}
    mirror = make_mirror(files)
    mirror.faults.slow(".bin", 2048, 0.004, times=None)
    folder = tmp_path / "here"
    other = spawn(tools.remote(files), folder, mirror.url)
    while not mirror.begun:
        time.sleep(0.002)
    tools.get(tools.remote(files), folder, mirror.url, progress=True)
    assert "another process is downloading" in capfd.readouterr().err
    assert other.wait() == {"ok": ["a.bin"]}
    assert mirror.bytes_sent() == 60_000
