"""The pool: items are done once each, errors cross the border, deaths are told, nobody is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.jobs import Sums
from vd4rl_data.errors import CorruptFileError, WorkerError
from vd4rl_data.processes import LocalEngine, LocalPool

posix = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(params=["new", "copied"])
def pool(request: pytest.FixtureRequest) -> Iterator[LocalPool]:
    """Of new interpreters, and of those that tests of other parts start in their place."""
    if request.param == "copied":
        request.getfixturevalue("warm_workers")
    with LocalEngine(2).open(Sums()) as pool:
        yield pool
        pids = pool.pids
    assert not any(map(alive, pids))


def test_items_are_done_once_each_and_progress_is_told(pool: LocalPool) -> None:
    told: list[tuple[int, int]] = []
    outcomes = list(pool.map(range(9), lambda item, said: told.append((item, said))))
    assert sorted(outcome.item for outcome in outcomes) == list(range(9))
    assert sorted(told) == [(item, item) for item in range(9)]
    assert sorted(pool.greetings) == sorted(pool.pids)
    first, second = pool.ask({0: 0, 1: 0}).values()
    assert first + second == sum(range(9))  # a session lives as long as the pool


def test_a_typed_error_crosses_the_border(pool: LocalPool) -> None:
    with pytest.raises(CorruptFileError, match=r"a\.h5: bytes: expected others"):
        list(pool.map(["typed"]))


def test_an_unforeseen_error_brings_its_traceback(pool: LocalPool) -> None:
    with pytest.raises(WorkerError, match=r"(?s)Traceback.*KeyError: 'no such thing'"):
        pool.ask({1: "unforeseen"})


def test_errors_may_be_yielded_and_the_rest_goes_on(pool: LocalPool) -> None:
    outcomes = list(pool.map(["typed", 1, "killed", 2, "leave", 3], keep_going=True))
    failed = {outcome.item: str(outcome.error) for outcome in outcomes if outcome.error}
    assert sorted(failed) == ["killed", "leave", "typed"]
    assert "killed by SIGKILL" in failed["killed"]
    assert "try fewer workers" in failed["killed"]
    assert "died while making item leave: it exited with 3" in failed["leave"]
    assert len(outcomes) == 6


def test_a_job_that_does_not_open_is_an_error() -> None:
    with pytest.raises(CorruptFileError, match="header"), LocalEngine(2).open(Sums(bad_start=True)):
        pass


@posix
def test_a_worker_killed_from_outside_is_told(pool: LocalPool) -> None:
    def kill(_item: object, _said: object) -> None:
        os.kill(pool.pids[0], signal.SIGTERM)

    with pytest.raises(WorkerError, match="died while making item sleep: it was killed by SIGTERM"):
        list(pool.map(["sleep"], kill))


def test_warnings_travel_with_the_results(pool: LocalPool) -> None:
    with pytest.warns(UserWarning, match="careful"):
        assert [outcome.result for outcome in pool.map(["warn"])] == ["warned"]


def test_what_a_job_prints_does_not_break_the_protocol(
    pool: LocalPool, capfd: pytest.CaptureFixture[str]
) -> None:
    assert pool.ask({0: "chatter"}) == {0: "said"}
    assert capfd.readouterr().out == ""


def test_a_worker_may_have_workers(pool: LocalPool) -> None:
    assert pool.ask({0: "nested"}) == {0: [6, 8]}


def test_fresh_processes_end_with_their_item() -> None:
    with LocalEngine(2, fresh=True).open(Sums()) as pool:
        pids = [outcome.result for outcome in pool.map(["pid"] * 4)]
        assert len(set(pids)) == 4
        assert not any(map(alive, pids))


def test_an_error_of_the_caller_ends_the_processes() -> None:
    pids: tuple[int, ...] = ()

    def fail() -> None:
        nonlocal pids
        with LocalEngine(2).open(Sums()) as pool:
            pids = pool.pids
            raise RuntimeError("the caller's")

    with pytest.raises(RuntimeError, match="the caller's"):
        fail()
    assert pids
    assert not any(map(alive, pids))


def test_a_pool_needs_a_worker() -> None:
    with pytest.raises(ValueError, match="workers: expected at least 1, got 0"):
        LocalEngine(0)


SCRIPT = """
import sys
from dataclasses import dataclass
from vd4rl_data.processes import LocalEngine

class Session:
    def make(self, item, report):
        return item * 2
    def close(self):
        pass

@dataclass
class Mine:  # defined in the main module, which is not run again in the workers
    def open(self):
        return Session()

print("run once")
with LocalEngine(2).open(Mine()) as pool:
    print(sorted(outcome.result for outcome in pool.map([1, 2, 3])), flush=True)
    {ending}
"""


def run(tmp_path: Path, repository: Path, ending: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(ending=ending))
    return subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        env=os.environ | {"PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("ending", ["", "sys.exit(0)", "pool.map([1])"])
def test_a_script_without_a_main_guard_works(tmp_path: Path, repository: Path, ending: str) -> None:
    done = run(tmp_path, repository, ending)
    assert (done.returncode, done.stdout, done.stderr) == (0, "run once\n[2, 4, 6]\n", "")


@posix
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, repository: Path) -> None:
    ending = (
        "print(*pool.pids, flush=True); import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = run(tmp_path, repository, ending)
    pids = [int(word) for word in done.stdout.split("\n")[2].split()]
    deadline = time.monotonic() + 10
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, pids
        time.sleep(0.05)
