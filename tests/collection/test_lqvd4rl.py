"""What LQV-D4RL asks of the pipeline: policies of random weights, other levels, a game's frames."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from collection.behaviors import BehaviorOptions, find_behavior
from collection.bodies import find_behavior_of
from collection.collect import collect
from collection.driver import LEARNED_BY, LEARNING, SKILLED, DriverBehavior, drive
from collection.errors import InvalidSettingError, NotCollectableError
from collection.rollout import Trajectory
from tests.tasks import simulated
from vd4rl_data.errors import Vd4rlError
from vd4rl_data.ids import parse_id
from vd4rl_data.registry import DATASETS, TASKS, get_dataset_spec, get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.car_racing import ROAD_POINTS
from vd4rl_data.storage import open_dataset
from vd4rl_data.suites.rows import plain_dataset


def _played(seed: int, episode: int, task: str = "walker_walk_short") -> Trajectory:
    behavior = find_behavior(get_task_spec(task), "random_weights", BehaviorOptions(seed=seed))
    simulation = Simulation(task)
    try:
        return behavior.play(simulation, episode=episode)
    finally:
        simulation.close()


@pytest.mark.render
def test_each_episode_has_a_policy_of_its_own_that_its_seed_decides() -> None:
    first, again, next_one, other = (
        _played(seed, episode).actions for seed, episode in ((0, 0), (0, 0), (0, 1), (1, 0))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, next_one)
    assert not np.array_equal(first, other)
    assert first.std() > 0.2
    assert np.abs(first).max() <= 1.0


def test_without_a_state_no_policy_can_act() -> None:
    task = dataclasses.replace(get_task_spec("walker_walk_short"), state_layout=())
    behavior = find_behavior(task, "random_weights")
    with pytest.raises(InvalidSettingError, match="no proprioceptive state"):
        behavior.play(Simulation(task), episode=0)


@pytest.mark.parametrize("behavior", ["medium", "medium_replay"])
def test_another_level_has_files_of_its_own(behavior: str, tmp_path: Path) -> None:
    spec = dataclasses.replace(get_dataset_spec(f"VD4RL/cheetah_run-{behavior}-64px-v0"), level=7.0)
    with pytest.raises(NotCollectableError, match="--tiers medium --level 7"):
        find_behavior_of(spec, behavior, BehaviorOptions())
    with pytest.raises(Vd4rlError, match=r"cheetah_run(-medium)?_7\."):
        find_behavior_of(spec, behavior, BehaviorOptions(tmp_path))


def test_the_usual_level_is_what_is_shipped() -> None:
    spec = get_dataset_spec("LQVD4RL/hopper_hop-medium-64px-v0")
    assert find_behavior_of(spec, "medium", BehaviorOptions()).name == "medium"


def test_the_driver_steers_and_holds_its_speed() -> None:
    ahead = np.arange(1, ROAD_POINTS + 1, dtype=np.float32) / 10
    left, straight, right = (
        np.concatenate(
            [np.array([0, speed, *[0] * 6]), np.stack([side * ahead, ahead], 1).ravel()]
        ).astype(np.float32)
        for side, speed in ((-1, 0.6), (0, 0.6), (1, 0.0))
    )
    assert drive(left, 30.0)[0] < -0.5
    assert drive(right, 30.0)[0] > 0.5
    assert drive(straight, 30.0)[0] == 0
    assert drive(right, 30.0)[1] == 1  # full gas from a standstill
    assert drive(straight, 60.0)[1] > drive(straight, 29.9)[1] == -1  # 0.6 is a speed of 30
    assert drive(straight, 10.0)[2] > -1  # too fast: the brake


@pytest.mark.parametrize("name", [SKILLED, LEARNING])
def test_each_episode_is_driven_in_another_way(name: str) -> None:
    task, state = get_task_spec("car_racing"), np.full(8 + 2 * ROAD_POINTS, 0.3, np.float32)
    behavior = DriverBehavior(name)

    def actions(episode: int, seed: int) -> np.ndarray:
        policy = behavior.make_policy(task, episode, np.random.default_rng(seed))
        return np.stack([policy(state) for _ in range(50)])

    assert behavior.lengths(task, 2) == (500, 500)
    np.testing.assert_array_equal(actions(3, 0), actions(3, 0))
    assert not np.array_equal(actions(3, 0), actions(3, 1))
    if name == LEARNING:
        assert actions(0, 0).std() > actions(LEARNED_BY, 0).std()


def test_the_driver_knows_car_racing_alone() -> None:
    with pytest.raises(InvalidSettingError, match="car racing alone, got walker_walk_short"):
        _simulated_driver("walker_walk_short")


def _simulated_driver(task: str) -> Trajectory:
    simulation = Simulation(task)
    try:
        return DriverBehavior(SKILLED).play(simulation, episode=0)
    finally:
        simulation.close()


@pytest.mark.render
@pytest.mark.parametrize("name", [simulated(TASKS["car_racing"], "car_racing")])
def test_the_driver_keeps_to_the_road(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = dataclasses.replace(get_task_spec(name), name=f"{name}_driven", horizon=300)
    monkeypatch.setitem(TASKS, task.name, task)
    trajectory = _simulated_driver(task.name)
    assert trajectory.episode_return > 60
    assert not trajectory.terminated


@pytest.mark.render
@pytest.mark.parametrize("name", [simulated(TASKS["car_racing"], "car_racing")])
def test_frames_of_a_game_are_collected_while_it_is_played(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = dataclasses.replace(get_task_spec(name), name=f"{name}_short", horizon=12)
    row = plain_dataset(
        parse_id(f"Test/{task.name}-random-24px-v0"),
        task,
        num_episodes=2,
        score=None,
        license="MIT",
        citation="nobody",
        source="made by a test",
        collected_by="random_weights",
    )
    monkeypatch.setitem(TASKS, task.name, task)
    monkeypatch.setitem(DATASETS, row.name, row)
    made = collect(row.name, tmp_path, show_progress=False)
    stored = open_dataset(made.path)
    episode = stored.episode(1)
    assert episode.observations.shape == (7, 24, 24, 3)
    assert episode.infos["success"].tolist() == [False] * 6
    assert "physics_state" not in episode.infos
    again = collect(row.name, tmp_path / "again", workers=2, show_progress=False)
    assert again.manifest.content_sha256 == made.manifest.content_sha256
    assert made.manifest.provenance.recipe["behavior"] == "random_weights"
