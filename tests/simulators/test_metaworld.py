"""MetaWorld: what is ours around the library's environments."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation, metaworld
from vd4rl_data.spec import FixedCamera, TaskSpec
from vd4rl_data.suites.metaworld import TASKS

pytestmark = pytest.mark.render

DRAWER = get_task_spec("MetaWorld/drawer_open")


def changed(task: TaskSpec = DRAWER, **settings: Any) -> TaskSpec:
    return dataclasses.replace(task, settings=dataclasses.replace(task.settings, **settings))


@pytest.fixture(scope="module")
def drawer() -> Iterator[Simulation]:
    pytest.importorskip("metaworld")
    simulation = Simulation(DRAWER)
    yield simulation
    simulation.close()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_each_task_is_one_of_the_library_and_starts_elsewhere_for_each_seed(task: TaskSpec) -> None:
    pytest.importorskip("metaworld")
    simulation = Simulation(dataclasses.replace(task, drawing=None))
    states = []
    for seed in (1, None, 1):
        simulation.reset(seed)
        states.append(simulation.physics_state)
    assert states[0] is not None
    np.testing.assert_array_equal(states[0], states[2])
    assert not np.array_equal(states[0], states[1])
    other = Simulation(dataclasses.replace(task, drawing=None))
    np.testing.assert_array_equal(other.state_at(states[0]), simulation.state)


def test_the_hand_starts_near_the_papers_place(drawer: Simulation) -> None:
    hands = []
    for seed in range(4):
        drawer.reset(seed)
        assert drawer.state is not None
        hands.append(drawer.state[:3])
    np.testing.assert_allclose(np.mean(hands, axis=0), DRAWER.settings.hand, atol=0.05)
    assert np.std(hands, axis=0).min() > 1e-3


def test_a_reward_is_the_success_of_the_last_environment_step(drawer: Simulation) -> None:
    drawer.reset(0)
    env = drawer._simulator._load()
    successes = iter([1.0, 0.0, 0.0, 1.0])
    env.evaluate_state = lambda *_: (7.5, {"success": next(successes)})
    try:
        first, second = (drawer.step(np.zeros(4)) for _ in range(2))
        assert (first.reward, first.success) == (0.0, False)
        assert (second.reward, second.success) == (1.0, True)
        assert not second.terminated
    finally:
        del env.evaluate_state


def test_dense_rewards_and_frozen_layouts_are_settings() -> None:
    pytest.importorskip("metaworld")
    layout = (0.05, 0.9, 0.0)
    simulation = Simulation(changed(reward="dense", frozen_layout=layout))
    goals = []
    for seed in (0, 1):
        simulation.reset(seed)
        assert simulation.state is not None
        goals.append(simulation.state[-3:])
    np.testing.assert_array_equal(goals[0], goals[1])
    assert 0 < simulation.step(np.zeros(4)).reward < 10


def test_the_goals_marker_is_seen_or_hidden_by_a_setting(drawer: Simulation) -> None:
    hidden = Simulation(changed(goal_marker=False))
    drawer.reset(3)
    hidden.reset(3)
    seen, unseen = drawer.render(64).astype(int), hidden.render(64).astype(int)
    green = (seen[..., 1] > 150) & (seen[..., 0] < 100) & (np.abs(seen - unseen).max(-1) > 50)
    assert 3 < green.sum() < 40
    assert np.abs(seen - unseen)[~green].mean() < 0.5
    np.testing.assert_array_equal(drawer.physics_state, hidden.physics_state)
    hidden.close()


def test_what_does_not_fit_is_told(drawer: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"environment: expected one of .*drawer-open-v3"):
        Simulation(changed(environment="drawer-open-v2"))
    with pytest.raises(ValueError, match="reward: expected sparse or dense"):
        Simulation(changed(reward="shaped"))
    with pytest.raises(ValueError, match="non-negative"):
        drawer.reset(-1)
    with pytest.raises(ValueError, match=r"physics state: expected shape \(36,\)"):
        drawer.render_state(np.zeros(37), 64)
    nowhere = Simulation(dataclasses.replace(DRAWER, camera=FixedCamera("nowhere")))
    nowhere.reset(0)
    with pytest.raises(ValueError, match=r"camera: expected one of .*, got 'nowhere'"):
        nowhere.render(64)
    metaworld._environments.cache_clear()
    monkeypatch.setitem(sys.modules, "metaworld.env_dict", None)
    with pytest.raises(MissingDependencyError, match=r"metaworld.*vd4rl-data\[metaworld\]"):
        Simulation(DRAWER).reset(0)
    metaworld._environments.cache_clear()
