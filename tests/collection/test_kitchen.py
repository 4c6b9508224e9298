"""Kitchen demonstrations: by the script, and of people as Minari publishes them."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from collection.behaviors import BehaviorOptions, find_behavior
from collection.collect import collect
from collection.errors import InvalidSettingError, NotCollectableError
from collection.kitchen_script import LEAST, PUSHES
from collection.minari_files import open_minari
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.registry import DATASETS, get_dataset_spec, get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.kitchen import kitchen_module
from vd4rl_data.spec import TaskSpec
from vd4rl_data.storage import open_dataset
from vd4rl_data.suites.kitchen import TASKS

pytestmark = pytest.mark.render
TASK = get_task_spec("Kitchen/microwave_kettle_bottom_burner_light")
STEPS = 4
BEGINNING = 200
"""Time steps of a demonstration that are played again: an element comes in place among them."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    """Two short episodes of the real environment as Minari stores them, and their true states."""
    pytest.importorskip("minari")
    pytest.importorskip("gymnasium_robotics")
    minari_storage = importlib.import_module("minari.dataset.minari_storage").MinariStorage
    buffer = importlib.import_module("minari.data_collector.episode_buffer").EpisodeBuffer
    folder = tmp_path_factory.mktemp("minari")
    env = kitchen_module().KitchenEnv(tasks_to_complete=["microwave", "kettle"])
    storage = minari_storage.new(
        folder / "data",
        env.observation_space,
        env.action_space,
        EnvSpec("FrankaKitchen-v1", entry_point="gymnasium_robotics.envs:KitchenEnv"),
    )
    storage.update_metadata({"dataset_id": "D4RL/kitchen/test-v0", "minari_version": "0.5.4"})
    truth: list[np.ndarray] = []
    for number in range(2):
        seen, states = [env.reset(seed=number)[0]], [_state(env)]
        for step in range(STEPS):
            if step == 2:
                env.data.qpos[22] = -0.75  # the microwave is open
            seen.append(env.step(np.full(9, 0.5 - number))[0])
            states.append(_state(env))
        observations = {key: [item[key] for item in seen] for key in ("observation",)} | {
            key: {part: [item[key][part].copy() for item in seen] for part in seen[0][key]}
            for key in ("achieved_goal", "desired_goal")
        }
        storage.update_episodes(
            [
                buffer(
                    id=number,
                    seed=number,
                    observations=observations,
                    actions=[np.full(9, 0.5 - number)] * STEPS,
                    rewards=[0.0] * STEPS,
                    terminations=[False] * STEPS,
                    truncations=[False] * (STEPS - 1) + [True],
                )
            ]
        )
        truth.append(np.stack(states))
    return folder, truth


def _state(env: Any) -> np.ndarray:
    return np.concatenate([env.data.qpos, env.data.qvel])


def test_states_are_the_readings_and_completions_are_counted_anew(
    recorded: tuple[Path, list[np.ndarray]],
) -> None:
    source, truth = recorded
    behavior = find_behavior(TASK, "demos", BehaviorOptions(source))
    assert behavior.lengths(TASK, 2) == (STEPS, STEPS)
    played: Any = behavior.play(Simulation(TASK), episode=1)
    assert played.physics_states is not None
    noise = np.abs(played.physics_states - truth[1])
    assert 0 < noise.max() < 0.02
    assert played.rewards.tolist() == [0.0, 0.0, 1.0, 1.0]
    assert played.completed["microwave"].tolist() == [False, False, True, True]
    np.testing.assert_array_equal(played.actions, np.full((STEPS, 9), -0.5, np.float32))
    with pytest.raises(InvalidSettingError, match="expected at most 2"):
        behavior.lengths(TASK, 3)
    short = dataclasses.replace(TASK, horizon=3)
    assert behavior.lengths(short, 2) == (3, 3)
    cut: Any = behavior.play(Simulation(short), episode=1)
    np.testing.assert_array_equal(cut.physics_states, played.physics_states[:4])
    assert cut.rewards.tolist() == [0.0, 0.0, 1.0]


def test_readings_are_drawn(
    recorded: tuple[Path, list[np.ndarray]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, truth = recorded
    row = get_dataset_spec("Kitchen/microwave_kettle_bottom_burner_light-demos-16px-v0")
    monkeypatch.setitem(DATASETS, row.name, row)
    made = collect(
        row.name, tmp_path, episodes=1, options=BehaviorOptions(source), show_progress=False
    )
    episode = open_dataset(made.path).episode(0)
    assert episode.observations.shape == (STEPS + 1, 16, 16, 3)
    assert episode.infos["completed_microwave"].tolist() == [False, False, True, True]
    simulation = Simulation(TASK)
    true = simulation.render_state(truth[0][-1], 16).astype(int)
    assert np.abs(true - episode.observations[-1]).mean() < 1.0
    simulation.close()


def test_other_sources_are_refused(
    recorded: tuple[Path, list[np.ndarray]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotCollectableError, match="--source D4RL/kitchen/mixed-v2"):
        find_behavior(TASK, "demos")
    with pytest.raises(InvalidSettingError, match="source: expected the folder"):
        open_minari(tmp_path)
    source, _ = recorded
    monkeypatch.setattr("collection.minari_files._ENVIRONMENT", "OtherKitchen-v1")
    with pytest.raises(DatasetFormatError, match=r"expected a dataset of OtherKitchen-v1, got one"):
        open_minari(source)
    monkeypatch.undo()
    monkeypatch.setattr("collection.minari_files._WIDTH", 60)
    with pytest.raises(DatasetFormatError, match=r"observation: expected \(5, 60\).*got \(5, 59\)"):
        open_minari(source)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_script_completes_what_it_pushes_and_a_replay_completes_the_same(
    task: TaskSpec,
) -> None:
    pytest.importorskip("gymnasium_robotics")
    task = dataclasses.replace(task, drawing=None)
    behavior = find_behavior(task, "scripted")
    simulation = Simulation(task)
    played: Any = behavior.play(simulation, episode=0)
    pushed = PUSHES.keys() & set(task.settings.elements)
    assert {name for name, done in played.completed.items() if done[-1]} == pushed
    assert played.rewards[-1] == len(pushed) >= LEAST
    assert played.failed_attempts == 0
    simulation.reset(played.look_episode)
    for step, action in enumerate(played.actions[:BEGINNING]):
        result = simulation.step(action)
        assert result.completed == {key: done[step] for key, done in played.completed.items()}
    assert any(result.completed.values())
    np.testing.assert_array_equal(simulation.physics_state, played.physics_states[BEGINNING])
