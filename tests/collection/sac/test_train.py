"""Training: reproducible, interruptible, and what it records is what happened."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collection.errors import InvalidSettingError
from collection.rollout import Trajectory
from collection.sac.recording import read_recording, write_recording
from collection.sac.run_folder import RunFolder
from collection.sac.settings import TrainSettings
from collection.sac.simulations import FinishedEpisode
from tests.conftest import Bfloat16Told
from vd4rl_data.errors import CorruptFileError, DatasetLockedError
from vd4rl_data.registry import get_task_spec
from vd4rl_data.seeding import COLLECTION_RECIPE, Purpose, word
from vd4rl_data.simulators import Simulation
from vd4rl_data.storage.atomic import write_lock

STEPS = [200 * number for number in range(1, 7)]


def _checkpoints(run: RunFolder) -> list[bytes]:
    return [run.actor_path(step).read_bytes() for step in STEPS if run.actor_path(step).is_file()]


def _without_time(run: RunFolder) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in run.curve()]


def _same_episodes(first: RunFolder, second: RunFolder) -> bool:
    pairs = zip(first.episodes(STEPS), second.episodes(STEPS), strict=True)
    return all(
        a.first_row == b.first_row
        and np.array_equal(a.trajectory.physics_states, b.trajectory.physics_states)
        and np.array_equal(a.trajectory.actions, b.trajectory.actions)
        for a, b in pairs
    )


@pytest.mark.parametrize("environments", [1, 2])
def test_same_seed_same_checkpoints(training: Any, environments: int) -> None:
    first, second = (training(name, environments=environments, anew=True) for name in "ab")
    assert len(_checkpoints(first)) == len(STEPS)
    assert _checkpoints(first) == _checkpoints(second)
    assert _without_time(first) == _without_time(second)
    assert _same_episodes(first, second)
    other = training("c", environments=environments, seed=1)
    assert all(a != b for a, b in zip(_checkpoints(first), _checkpoints(other), strict=True))


@pytest.mark.filterwarnings("ignore::vd4rl_data.errors.SlowPrecisionWarning")
@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 1e-4},
        {"batch_size": 17},
        {"discount_factor": 0.9},
        {"tau": 0.1},
        {"random_steps": 80},
        {"learning_starts": 50},
        {"updates_per_step": 0.25},
        {"actor_starts": 100},
        {"initial_temperature": 0.1},
        {"hidden": (16, 17)},
        {"environments": 2},
        {"precision": "bfloat16"},
        {"anneal_from": 200},
        {"critic_layer_norm": True},
        {"critic_hidden": (24,)},
        {"normalize_states": True},
        {"reward_scale": 2.0},
        {"reward_power": 0.5},
        {"reward_power": 0.5, "raise_power": (0, 400)},
    ],
    ids=lambda change: list(change)[-1],
)
def test_every_setting_is_read(training: Any, change: dict[str, Any]) -> None:
    first = training("a", steps=400)
    second = training("b", steps=400, **change)
    assert _checkpoints(first)[-1] != _checkpoints(second)[-1]


@pytest.mark.parametrize("flag", ["avx2", "amx_bf16"])
def test_bfloat16_on_a_processor_without_it_is_told(
    training: Any, bfloat16_told: Bfloat16Told, flag: str
) -> None:
    with bfloat16_told(flag) as processor:
        run = training("a", steps=200, precision="bfloat16", anew=True)
    assert run.machine()["processor"] == processor


@pytest.mark.parametrize("environments", [1, 2])
@pytest.mark.parametrize("stop_at", [200, 660])
def test_stopped_and_gone_on_with(training: Any, stop_at: int, environments: int) -> None:
    def stop(steps: int, last_return: float) -> None:
        if steps >= stop_at:
            raise KeyboardInterrupt

    whole = training("whole", environments=environments)
    with pytest.raises(KeyboardInterrupt):
        training("stopped", environments=environments, progress=stop)
    again = training("stopped", environments=environments)
    assert _checkpoints(whole) == _checkpoints(again)
    assert _without_time(whole) == _without_time(again)
    assert _same_episodes(whole, again)


def test_a_finished_run_is_left_alone_and_can_be_prolonged(training: Any) -> None:
    whole = training("whole")
    short = training("short", steps=600)
    before = short.actor_path(600).stat().st_mtime_ns
    training("short", steps=600)
    assert short.actor_path(600).stat().st_mtime_ns == before
    assert _checkpoints(training("short")) == _checkpoints(whole)


def test_the_learning_rate_falls(settings: TrainSettings) -> None:
    annealed = dataclasses.replace(settings, anneal_from=200)
    rates = [annealed.learning_rate_at(step) for step in (0, 200, 700, 1200, 1300)]
    assert rates == pytest.approx([3e-4, 3e-4, 1.5e-4, 0.0, 0.0])
    assert settings.learning_rate_at(1200) == 3e-4


def test_annealing_can_be_decided_late_but_not_twice(training: Any) -> None:
    whole = training("whole", anneal_from=600)
    training("late", steps=600)
    late = training("late", anneal_from=600)
    assert _checkpoints(late) == _checkpoints(whole)
    with pytest.raises(InvalidSettingError, match="steps: 1200 there, 1400 requested"):
        training("late", steps=1400, anneal_from=600)
    plain = training("plain")
    assert _checkpoints(plain)[:3] == _checkpoints(whole)[:3]
    assert _checkpoints(plain)[-1] != _checkpoints(whole)[-1]
    with pytest.raises(InvalidSettingError, match="anneal_from: None there, 400 requested"):
        training("plain", steps=2000, anneal_from=400)


_CHILD = """
import os, pickle, signal, sys
from pathlib import Path
import torch
from vd4rl_data.registry import register_task
from collection.sac import run_folder
from collection.sac.train import train

torch.set_num_threads(1)
task, settings, folder, writes = pickle.loads(Path(sys.argv[1]).read_bytes())
register_task(task)
left = writes
for name in ("write_recording", "write_weights", "write_text"):
    original = getattr(run_folder, name)
    def patched(*args, original=original, **kwargs):
        global left
        result = original(*args, **kwargs)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(run_folder, name, patched)
train(settings, folder)
"""


@pytest.mark.parametrize("writes", [5, 7])
def test_killed_while_saving(
    training: Any, settings: TrainSettings, tmp_path: Path, writes: int
) -> None:
    """Between any two files of a checkpoint."""
    import pickle

    job = tmp_path / "job.pickle"
    folder = tmp_path / "killed"
    job.write_bytes(pickle.dumps((get_task_spec(settings.task), settings, folder, writes)))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, str(job)], env=environment, check=False, timeout=100
    )
    assert child.returncode == -signal.SIGKILL
    assert _checkpoints(training("killed")) == _checkpoints(training("whole"))


def test_other_settings_are_refused(training: Any) -> None:
    training("a", steps=200)
    with pytest.raises(InvalidSettingError, match=r"tau: 0\.005 there, 0\.1 requested"):
        training("a", steps=200, tau=0.1)


def test_a_run_from_before_a_setting_existed_goes_on(training: Any, tmp_path: Path) -> None:
    training("a", steps=200)
    path = tmp_path / "a" / "settings.json"
    known = json.loads(path.read_text())
    assert known.pop("initial_temperature") == 1
    path.write_text(json.dumps(known))
    training("a", steps=400)
    path.write_text(json.dumps(known))
    with pytest.raises(InvalidSettingError, match=r"initial_temperature: 1\.0 there, 0\.1"):
        training("a", steps=400, initial_temperature=0.1)


def test_two_processes_do_not_train_into_one_folder(training: Any, tmp_path: Path) -> None:
    with write_lock(tmp_path / "a" / "run"), pytest.raises(DatasetLockedError):
        training("a")


def test_a_run_of_an_older_recipe_can_be_read_but_not_gone_on_with(training: Any) -> None:
    """Its later episodes would come from other streams than its first ones."""
    run = training("old", steps=400)
    path = run.path / "settings.json"
    settings = json.loads(path.read_text())
    assert settings.pop("recipe_version") == COLLECTION_RECIPE
    path.write_text(json.dumps(settings))  # as version 1 wrote it
    assert run.settings().recipe_version == 1
    with pytest.raises(InvalidSettingError, match="recipe_version: 1 there, 2 requested"):
        training("old", steps=600)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("batch_size", 0),
        ("learning_starts", 0),
        ("random_steps", -1),
        ("actor_starts", -1),
        ("updates_per_step", 0.0),
        ("initial_temperature", -1.0),
        ("learning_rate", float("nan")),
        ("discount_factor", 1.1),
        ("tau", 0.0),
        ("hidden", ()),
        ("critic_hidden", ()),
        ("anneal_from", 1_000_000),
        ("recipe_version", 0),
        ("recipe_version", COLLECTION_RECIPE + 1),
    ],
)
def test_bad_settings(name: str, value: Any) -> None:
    with pytest.raises(InvalidSettingError, match=f"{name}: expected"):
        TrainSettings(task="walker_walk", **{name: value})


def test_the_recording_is_what_happened(training: Any, settings: TrainSettings) -> None:
    """Every episode played again from its seed and actions: the same states and rewards."""
    run = training("a", steps=600)
    episodes = [item.trajectory for item in run.episodes(STEPS[:3])]
    assert len(episodes) == 30
    simulation = Simulation(settings.task)
    for number, episode in enumerate(episodes):
        start = word(Purpose.POLICY_EPISODE, settings.seed, settings.task, number)
        simulation.reset(start)
        for step, action in enumerate(episode.actions):
            np.testing.assert_array_equal(simulation.physics_state, episode.physics_states[step])
            np.testing.assert_array_equal(simulation.state, episode.states[step])
            assert np.float32(simulation.step(action).reward) == episode.rewards[step]
    simulation.close()
    uniform = np.concatenate([episode.actions for episode in episodes[:6]])
    assert np.abs(uniform.mean()) < 0.1
    assert uniform.std() == pytest.approx(1 / np.sqrt(3), rel=0.1)


def test_the_curve_counts(training: Any) -> None:
    curve = training("a").curve()
    assert [record["environment_steps"] for record in curve] == STEPS
    assert [record["time_steps"] for record in curve] == [step // 2 for step in STEPS]
    assert curve[-1]["updates"] == (600 - 39) // 2
    assert curve[-1]["episodes"] == 60
    assert all(len(record["training_returns"]) == 10 for record in curve)
    assert all(len(record["evaluation_returns"]) == 2 for record in curve)


def test_recordings(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def episode(length: int, *, terminated: bool) -> Trajectory:
        return Trajectory(
            actions=rng.uniform(-1, 1, (length, 2)).astype(np.float32),
            rewards=rng.uniform(size=length).astype(np.float32),
            discounts=np.ones(length, np.float32),
            physics_states=rng.normal(size=(length + 1, 3)),
            states=rng.normal(size=(length + 1, 4)).astype(np.float32),
            terminated=terminated,
        )

    episodes = [
        FinishedEpisode(episode(3, terminated=False), 0),
        FinishedEpisode(episode(1, terminated=True), 7),
    ]
    path = tmp_path / "r.npz"
    write_recording(path, episodes)
    for item, expected in zip(read_recording(path), episodes, strict=True):
        assert item.first_row == expected.first_row
        ours, theirs = item.trajectory, expected.trajectory
        for name in ("actions", "rewards", "discounts", "physics_states", "states"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        assert ours.terminated == theirs.terminated
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CorruptFileError, match="not a recording"):
        list(read_recording(path))
