"""What goes wrong is said clearly, and what was done is kept."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench.registry import ALGORITHMS  # noqa: E402
from baselines.bench.run_folder import RunFolder  # noqa: E402
from baselines.bench.settings import Machine, RunSettings  # noqa: E402
from baselines.drq.agent import DrqAgent  # noqa: E402
from baselines.errors import (  # noqa: E402
    CheckpointError,
    DeviceMemoryError,
    InvalidSettingError,
    NonFiniteLossError,
)
from tests.baselines import blob  # noqa: E402
from tests.baselines.conftest import MODEL_BASED, dataset_of, small_settings  # noqa: E402
from tests.baselines.test_training import same  # noqa: E402
from vd4rl_data.errors import DatasetLockedError, DatasetNotFoundError, WorkerError  # noqa: E402
from vd4rl_data.storage.atomic import write_lock  # noqa: E402

CHILD = """
import os, pickle, signal, sys
from pathlib import Path
import torch
from baselines.bench.settings import Machine
from baselines.bench import run_folder, training
from tests.baselines import blob

torch.set_num_threads(1)
settings, folder, root, kills = pickle.loads(Path(sys.argv[1]).read_bytes())
blob.register()
name, left = kills
original = getattr(run_folder.RunFolder, name)

def dying(*args, **kwargs):
    global left
    result = original(*args, **kwargs)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(run_folder.RunFolder, name, dying)
machine = Machine(device="cpu", workers=1, tensorboard=False, checkpoint_seconds=0.0)
training.train(settings, folder, machine, root=root)
"""


KILLS = [
    ("drq_bc", ("save_checkpoint", 7)),
    ("drq_bc", ("save_curve", 1)),
    ("drq_bc", ("save_evaluation", 1)),
    ("offline_dv2", ("save_checkpoint", 2)),
    *(
        (name, ("save_checkpoint", 7))
        for name in {ALGORITHMS[n].agent: n for n in MODEL_BASED}.values()
    ),
]
"""Algorithms, one of each class of agents, and after which call of what they are killed."""


@pytest.mark.parametrize(("name", "kills"), KILLS)
def test_kill_and_go_on(
    run: Any,
    whole: Any,
    settings: RunSettings,
    blob_root: Path,
    tmp_path: Path,
    name: str,
    kills: tuple[str, int],
) -> None:
    """Killed after some checkpoint, between the files of an evaluation, at the end: same bits."""
    job, folder = tmp_path / "job.pickle", tmp_path / "killed"
    asked = dataclasses.replace(
        settings,
        algorithm=name,
        dataset=dataset_of(name).name,
        hyperparameters=small_settings(name),
    )
    job.write_bytes(pickle.dumps((asked, folder, blob_root, kills)))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(job)], env=environment, check=False, timeout=100
    )
    assert child.returncode == -signal.SIGKILL
    assert not RunFolder(folder).is_done(10)
    again = run("killed", algorithm=name)
    assert again.is_done(10)
    assert same(again, whole(name))


def test_a_loss_that_is_none(run: Any, whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends at its next line of the log, and the checkpoint from before is sound."""
    original = DrqAgent.draw

    def poisoned(self: Any, step: int, generator: Any) -> Any:
        noise = original(self, step, generator)
        if step == 7:
            noise.stddev.fill_(float("nan"))
        return noise

    with monkeypatch.context() as patched:
        patched.setattr(DrqAgent, "draw", poisoned)
        with pytest.raises(NonFiniteLossError, match="became nan within the last 3") as error:
            run("a")
    assert "keeps step 5" in error.value.__notes__[0]
    assert same(run("a"), whole("drq_bc"))


def test_weights_that_are_none_are_not_saved(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = DrqAgent.draw

    def poisoned(self: Any, step: int, generator: Any) -> Any:
        if step == 4:
            with torch.no_grad():
                self.actor.policy[0].weight.fill_(float("inf"))
        return original(self, step, generator)

    monkeypatch.setattr(DrqAgent, "draw", poisoned)
    with pytest.raises(NonFiniteLossError, match="no longer finite at gradient step 5"):
        run("a")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_out_of_memory(run: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def full(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("baselines.algorithms.drq_bc.DrqBc.update", full)
    with pytest.raises(DeviceMemoryError, match="smaller batch_size") as raised:
        run("a")
    assert "the same command goes on" in raised.value.__notes__[0]


def test_other_errors_stay_what_they_are(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("baselines.algorithms.drq_bc.DrqBc.update", wrong)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run("a")


def test_a_killed_worker(run: Any, whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluation fails, the gradient steps before it are kept, and the run goes on."""
    from vd4rl_data.envs.lanes import WorkerLanes

    original = WorkerLanes.step

    def dying(self: Any, actions: Any) -> Any:
        os.kill(self._pool.pids[0], signal.SIGKILL)
        return original(self, actions)

    with monkeypatch.context() as patched:
        patched.setattr(WorkerLanes, "step", dying)
        with pytest.raises(WorkerError, match="killed by SIGKILL") as error:
            run("a", machine=Machine(device="cpu", workers=2, tensorboard=False))
    assert "keeps step 5" in error.value.__notes__[0]
    assert same(run("a"), whole("drq_bc"))


def test_a_dataset_that_is_not_here(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DatasetNotFoundError, match="vd4rl import FOLDER"):
        run("a", dataset="VD4RL/walker_walk-medium-64px-v0")
    assert not (tmp_path / "a" / "settings.json").exists()


def test_other_settings_are_refused(run: Any) -> None:
    run("a", hyper={"steps": 2})
    with pytest.raises(InvalidSettingError, match=r"hyperparameters.tau: 0\.01 there, 0\.1 asked"):
        run("a", hyper={"steps": 2, "tau": 0.1})
    with pytest.raises(InvalidSettingError, match="steps: expected at least 2"):
        run("a", hyper={"steps": 1})


def test_other_data_is_refused(run: Any, blob_root: Path, tmp_path: Path) -> None:
    import json

    folder = run("a", hyper={"steps": 2})
    facts = folder.facts()
    facts["data"]["content_sha256"] = ["0" * 64]
    (folder.path / "facts.json").write_text(json.dumps(facts))
    with pytest.raises(InvalidSettingError, match="begun on other data"):
        run("a", hyper={"steps": 4})


def test_two_processes_do_not_train_into_one_folder(run: Any, tmp_path: Path) -> None:
    with write_lock(tmp_path / "a" / "run"), pytest.raises(DatasetLockedError):
        run("a")


def test_a_checkpoint_of_another_device(run: Any) -> None:
    folder = run("a", hyper={"steps": 2})
    state = folder.load_checkpoint("drq_bc")
    folder.save_checkpoint({**state, "device": "cuda"})
    with pytest.raises(CheckpointError, match="made on cuda"):
        run("a")


def test_folders_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no run"):
        RunFolder(tmp_path).settings()
    assert RunFolder(tmp_path).load_checkpoint("bc") is None
    (tmp_path / "settings.json").write_text('{"algorithm": "bc", "hyperparameters": {"old": 1}}')
    with pytest.raises(CheckpointError, match="of another version"):
        RunFolder(tmp_path).settings()


def test_a_subset_is_marked_as_not_comparable(run: Any, settings: RunSettings) -> None:
    import dataclasses

    from vd4rl_data.results import read_result

    protocol = dataclasses.replace(settings.protocol, max_episodes=2)
    folder = run("a", protocol=protocol, hyper={"steps": 2})
    result = read_result(folder.result_path)
    assert "2 episodes" in (result.protocol.not_comparable or "")
    assert result.data is not None
    assert result.data.transitions == 2 * blob.HORIZON
    whole = read_result(run("b", hyper={"steps": 2}).result_path)
    assert whole.protocol.not_comparable is None


def test_a_run_of_older_streams_is_not_gone_on_with(run: Any) -> None:
    """Its batches would no longer be those of its first half."""
    folder = run("a", hyper={"steps": 2})
    state = folder.load_checkpoint("drq_bc")
    older = ({"training_streams": 1, "evaluation_protocol": 1}, None)
    for begun in older:
        state.pop("seeding")
        folder.save_checkpoint(state if begun is None else {**state, "seeding": begun})
        before = folder.curve()
        with pytest.raises(CheckpointError, match=r"begun with other random streams.*another fol"):
            run("a")
        assert folder.curve() == before
        state["seeding"] = begun
