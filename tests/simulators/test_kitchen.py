"""The kitchen: what is ours around the library's environment."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest

from vd4rl_data.envs import make_env
from vd4rl_data.errors import MissingDependencyError, UnknownDatasetError
from vd4rl_data.evaluation import evaluate
from vd4rl_data.registry import get_dataset_spec, get_task_spec
from vd4rl_data.simulators import Simulation, kitchen
from vd4rl_data.simulators.kitchen import KitchenSettings, in_place

pytestmark = pytest.mark.render

TASK = get_task_spec("microwave_kettle_light_slide")


@pytest.fixture(scope="module")
def room() -> Iterator[Simulation]:
    pytest.importorskip("gymnasium_robotics")
    simulation = Simulation(TASK)
    yield simulation
    simulation.close()


def test_each_element_pays_in_every_step_that_it_is_in_place(room: Simulation) -> None:
    room.reset(0)
    data = room._simulator._env.data
    first = room.step(np.zeros(9))
    assert (first.reward, first.success) == (0.0, False)
    data.qpos[19], data.qpos[22] = 0.37, -0.75  # the slide cabinet and the microwave
    for _ in range(2):
        result = room.step(np.zeros(9))
        assert result.reward == 2.0
        assert not result.terminated
    assert result.completed == {
        "microwave": True,
        "kettle": False,
        "light switch": False,
        "slide cabinet": True,
    }
    data.qpos[22] = 0.0
    assert room.step(np.zeros(9)).reward == 1.0
    states = room.physics_state[None]
    assert [bool(in_place(states, name)[0]) for name in TASK.settings.elements] == [
        result.completed[name] and name != "microwave" for name in TASK.settings.elements
    ]


def test_a_seed_decides_the_noise_and_not_the_start(room: Simulation) -> None:
    starts, ends = [], []
    for seed in (1, 2, 1):
        room.reset(seed)
        starts.append(room.physics_state)
        for _ in range(3):
            room.step(np.full(9, 0.3))
        ends.append(room.physics_state)
    np.testing.assert_array_equal(starts[0], starts[1])
    np.testing.assert_array_equal(ends[0], ends[2])
    assert not np.array_equal(ends[0], ends[1])


def test_what_is_completed_is_told_to_agents() -> None:
    pytest.importorskip("gymnasium_robotics")
    env = make_env(TASK, size=8)
    env.reset(seed=0)
    *_, info = env.step(np.zeros(9, np.float32))
    assert info["completed"] == dict.fromkeys(TASK.settings.elements, False)
    assert info["success"] is False
    assert info["state"].shape == (59,)
    env.close()


def test_an_evaluation_tells_the_share_of_elements_in_place() -> None:
    """The second column, beside the score: all four in place at the end."""
    pytest.importorskip("gymnasium_robotics")
    row = get_dataset_spec("Kitchen/microwave_kettle_light_slide-scripted-64px-v0")
    env = gymnasium.make(row.name, max_episode_steps=1)
    found = evaluate(lambda frames: np.zeros((len(frames), 9)), env, episodes=1, seed=0)
    assert found.final_completed is not None
    assert found.final_completed.tolist() == [0.0]
    assert found.normalized(row).tolist() == [0.0]


@pytest.mark.parametrize("alias", ["mixed", "partial", "complete"])
def test_names_that_mean_two_tasks_are_refused(alias: str) -> None:
    with pytest.raises(UnknownDatasetError, match="D4RL mean different tasks"):
        get_dataset_spec(f"Kitchen/{alias}-demos-64px-v0")


def test_what_does_not_fit_is_told(room: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    door = dataclasses.replace(TASK, settings=KitchenSettings(("door",)))
    with pytest.raises(ValueError, match=r"elements: expected some of bottom burner, .*got door"):
        Simulation(door).reset(0)
    with pytest.raises(ValueError, match="non-negative"):
        room.reset(-1)
    with pytest.raises(ValueError, match=r"physics state: expected shape \(59,\)"):
        room.render_state(np.zeros(36), 8)
    kitchen.kitchen_module.cache_clear()
    monkeypatch.setitem(sys.modules, kitchen._MODULE, None)
    with pytest.raises(MissingDependencyError, match=r"vd4rl-data\[kitchen\]"):
        Simulation(TASK).reset(0)
    kitchen.kitchen_module.cache_clear()
