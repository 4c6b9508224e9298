"""Evaluations in a process of their own: the same results, in order, whatever dies."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.bench import beside  # noqa: E402
from baselines.bench import settings as bench_settings  # noqa: E402
from baselines.bench.run_folder import RunFolder  # noqa: E402
from baselines.bench.settings import Machine, Protocol, RunSettings  # noqa: E402
from baselines.errors import CheckpointError  # noqa: E402
from tests.baselines import sweep_worker  # noqa: E402
from tests.baselines.conftest import CPU  # noqa: E402
from tests.baselines.test_failures import CHILD  # noqa: E402
from tests.baselines.test_training import same  # noqa: E402
from vd4rl_data.errors import WorkerError  # noqa: E402

BESIDE = dataclasses.replace(CPU, evaluate_beside="always")
OFTEN = Protocol(evaluate_every=3, evaluation_episodes=2, log_every=3)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that play know the toy."""
    monkeypatch.setattr(beside, "Playing", sweep_worker.ToyPlaying)


def curve(folder: RunFolder) -> list[dict[str, Any]]:
    """Without what the clock says."""
    return [{k: v for k, v in point.items() if k != "seconds"} for point in folder.curve()]


@pytest.mark.parametrize("name", ["drq_bc", "moto"])
def test_all_is_as_if_played_in_place(run: Any, name: str) -> None:
    there, here = (
        run(folder, algorithm=name, protocol=OFTEN, machine=machine)
        for folder, machine in (("there", BESIDE), ("here", CPU))
    )
    assert same(there, here)
    assert curve(there) == curve(here)
    ours, theirs = there.load_evaluation(), here.load_evaluation()
    assert all(
        np.array_equal(one.actions, other.actions)
        for one, other in zip(ours.traces, theirs.traces, strict=True)
    )
    assert not there.snapshot_path(3).parent.exists()


def test_training_goes_on_meanwhile(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first evaluation cannot end before the sixth step."""
    monkeypatch.setattr(beside, "Playing", sweep_worker.WaitingPlaying)
    seen: list[tuple[list[Any], list[int]]] = []

    def progress(step: int, text: str) -> None:
        if step == 6 and not seen:
            folder = RunFolder(tmp_path / "a")
            seen.append((folder.curve(), [each["step"] for each in folder.snapshots()]))
            (tmp_path / "go").touch()

    folder = run("a", protocol=OFTEN, machine=BESIDE, progress=progress)
    assert seen == [([], [3])]
    assert [point["step"] for point in folder.curve()] == [3, 6, 9, 10]


@pytest.mark.parametrize("machine", [BESIDE, CPU], ids=["beside", "in place"])
def test_what_a_kill_left_unplayed_is_played(
    run: Any, settings: RunSettings, blob_root: Path, tmp_path: Path, machine: Machine
) -> None:
    """Killed two checkpoints later than the one whose evaluation was under way."""
    job = tmp_path / "job.pickle"
    asked = dataclasses.replace(settings, protocol=OFTEN)
    kills = ("save_checkpoint", 6)
    job.write_bytes(pickle.dumps((asked, tmp_path / "killed", blob_root, kills)))
    child = CHILD.replace("tensorboard=False", 'tensorboard=False, evaluate_beside="always"')
    child = child.replace(
        "blob.register()",
        "blob.register()\nfrom baselines.bench import beside\n"
        "from tests.baselines.sweep_worker import WaitingPlaying\n"
        "beside.Playing = WaitingPlaying",
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(
        [sys.executable, "-c", child, str(job)], env=environment, check=False, timeout=100
    )
    assert ended.returncode == -signal.SIGKILL
    killed = RunFolder(tmp_path / "killed")
    assert killed.curve() == []
    assert [each["step"] for each in killed.snapshots()] == [3]
    state = killed.load_checkpoint("drq_bc")
    assert state is not None
    assert state["step"] > 3
    again = run("killed", protocol=OFTEN, machine=machine)
    assert same(again, run("whole", protocol=OFTEN))
    assert killed.snapshots() == []


def test_a_process_that_dies_while_it_plays(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(beside, "Playing", sweep_worker.DyingPlaying)
        with pytest.raises(WorkerError, match=r"played an evaluation died.*SIGKILL") as error:
            run("a", protocol=OFTEN, machine=BESIDE)
    assert "the same command goes on" in error.value.__notes__[0]
    assert same(run("a", protocol=OFTEN), run("whole", protocol=OFTEN))


def test_a_damaged_snapshot_is_named(run: Any) -> None:
    folder = run("a", hyper={"steps": 5}, protocol=OFTEN)
    folder.keep_snapshot({"step": 4, "seconds": 1.0, "environment_steps": None})
    path = folder.snapshot_path(4)
    path.unlink()
    path.write_bytes(b"no")
    with pytest.raises(CheckpointError, match=r"4\.pt cannot be read.*go on without this eval"):
        run("a", protocol=OFTEN)
    path.unlink()
    assert [point["step"] for point in run("a", protocol=OFTEN).curve()] == [3, 5, 6, 9, 10]


def test_by_itself_only_where_cores_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_settings, "_cores", lambda: 8)
    found = {
        threads: (machine.evaluates_beside(), machine.free_cores())
        for threads in (1, 4, 5, None)
        for machine in [Machine(device="cpu", threads=threads)]
    }
    assert found == {1: (True, 7), 4: (True, 4), 5: (False, 3), None: (False, 1)}
    assert not Machine(device="cpu", threads=1, evaluate_beside="never").evaluates_beside()
