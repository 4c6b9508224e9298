"""Killed at any moment, the same command ends in the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collection.collect import collect
from collection.pipeline import Made
from collection.plan import parts_folder
from vd4rl_data.storage.naming import sidecar_path

pytestmark = [
    pytest.mark.render,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads processes from /proc"),
]

RANDOM = "Test/walker_walk_short-random-16px-v0"
EPISODES = 4
PATIENCE = 60.0

Start = Callable[..., Any]


def _collect_command(root: Path, workers: int = 2) -> list[str]:
    return ["collect", RANDOM, "--workers", str(workers), "--out", str(root), "--no-progress"]


def _wait_for(condition: Callable[[], bool], process: Any | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        if process is not None and process.poll() is not None:
            pytest.fail(f"ended too early: {process.communicate()}")
        time.sleep(0.002)


def _children(pid: int) -> list[int]:
    """Process ids of the workers of a process."""
    try:
        pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        name = b"vd4rl_data.processes"
        return [int(child) for child in pids if name in _command_line(int(child))]
    except FileNotFoundError:
        return []


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _alive(pid: int) -> bool:
    return bool(_command_line(pid))  # empty for a zombie


def _parts(root: Path) -> list[Path]:
    return sorted(parts_folder(root / f"{RANDOM}.h5").glob("*.h5"))


def _assert_baseline(root: Path, baseline: Made) -> None:
    path = root / f"{RANDOM}.h5"
    assert path.read_bytes() == baseline.path.read_bytes()
    assert sidecar_path(path).read_bytes() == sidecar_path(baseline.path).read_bytes()
    visible = {entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")}
    assert visible == {path.name, sidecar_path(path).name}


@pytest.fixture(scope="module")
def moments() -> list[float]:
    """Three moments of a run, as shares of its length; other ones in each session."""
    return sorted(random.SystemRandom().uniform(0.1, 1.0) for _ in range(3))


def test_kill_9_at_random_moments(
    start: Start, moments: list[float], baseline: Made, tmp_path: Path
) -> None:
    begin = time.monotonic()
    assert start(*_collect_command(tmp_path / "timed")).wait(PATIENCE) == 0
    length = time.monotonic() - begin
    root = tmp_path / "killed"
    for share in moments:
        process = start(*_collect_command(root))
        time.sleep(share * length)
        process.kill()
        process.wait()
    last = start(*_collect_command(root))
    output, errors = last.communicate(timeout=PATIENCE)
    assert (last.returncode, errors) == (0, "")
    assert "SHA-256" in output
    _assert_baseline(root, baseline)


@pytest.fixture(scope="module")
def parts_only(baseline: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as it is when all episodes are rendered and the final pass begins."""
    from vd4rl_data.storage import PartStore, open_dataset

    root = tmp_path_factory.mktemp("parts_only")
    recipe = {
        key: value
        for key, value in baseline.manifest.provenance.recipe.items()
        if key not in ("command", "episodes")
    }
    recipe["versions"] = dict(baseline.manifest.provenance.versions)
    recipe["renderer"] = baseline.manifest.provenance.renderer
    store = PartStore(parts_folder(root / f"{RANDOM}.h5"), recipe)
    stored = open_dataset(baseline.path)
    for number in range(len(stored)):
        store.write(number, stored.episode(number))
    return root


@pytest.mark.parametrize(
    ("kill_after", "calls", "file_is_there"),
    [
        pytest.param(
            "vd4rl_data.storage.writer:FileWriter:append", 2, False, id="amid the final pass"
        ),
        pytest.param("pathlib:Path:replace", 1, True, id="between file and sidecar"),
        pytest.param("pathlib:Path:replace", 2, True, id="before the parts go"),
        pytest.param("pathlib:Path:rename", 1, True, id="while the parts go"),
    ],
)
def test_kill_9_in_the_final_pass(
    kill_after: str,
    calls: int,
    file_is_there: bool,
    start: Start,
    parts_only: Path,
    baseline: Made,
    tmp_path: Path,
) -> None:
    root = tmp_path / "data"
    shutil.copytree(parts_only, root)
    process = start(*_collect_command(root, workers=1), kill_after=kill_after, calls=calls)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert (root / f"{RANDOM}.h5").exists() == file_is_there
    made = collect(RANDOM, root, show_progress=False)
    assert made.found == file_is_there
    assert made.frames == 0
    _assert_baseline(root, baseline)


def test_parts_of_a_longer_collection_are_kept(
    parts_only: Path, baseline: Made, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(parts_only, root)
    short = collect(RANDOM, root, episodes=2, show_progress=False)
    assert (short.manifest.num_episodes, short.frames) == (2, 0)
    assert len(_parts(root)) == EPISODES
    assert collect(RANDOM, root, show_progress=False).frames == 0
    _assert_baseline(root, baseline)


def test_a_killed_worker_is_an_error_and_the_next_run_goes_on(
    start: Start, baseline: Made, tmp_path: Path
) -> None:
    process = start(*_collect_command(tmp_path))
    _wait_for(lambda: len(_parts(tmp_path)) > 0, process)
    workers = _children(process.pid)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (1, "")
    assert "died while making item" in errors
    assert "SIGKILL" in errors
    assert "run the same command again to continue" in errors
    assert "Traceback" not in errors
    assert not any(map(_alive, workers))
    finished = len(_parts(tmp_path))
    assert 0 < finished <= EPISODES  # all, if it died after its last part and before it said so
    assert not (tmp_path / f"{RANDOM}.h5").exists()
    made = collect(RANDOM, tmp_path, show_progress=False)
    assert made.frames == (EPISODES - finished) * 11
    _assert_baseline(tmp_path, baseline)


def test_ctrl_c_says_how_to_go_on_and_leaves_nobody_behind(start: Start, tmp_path: Path) -> None:
    process = start(*_collect_command(tmp_path))
    _wait_for(lambda: len(_parts(tmp_path)) > 0, process)
    workers = _children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (130, "")
    assert errors.startswith("interrupted\n")
    assert "run the same command again to continue" in errors
    assert len(errors.splitlines()) == 2
    assert not any(map(_alive, workers))
    assert _parts(tmp_path)


def test_workers_end_with_their_parent_and_without_a_word(start: Start, tmp_path: Path) -> None:
    process = start(*_collect_command(tmp_path))
    _wait_for(lambda: len(_parts(tmp_path)) > 0, process)
    workers = _children(process.pid)
    assert len(workers) == 2
    process.kill()
    _, errors = process.communicate(timeout=PATIENCE)  # ends when the last worker does
    assert errors == ""
    assert not any(map(_alive, workers))
