"""Keyframes: simulated states are the recorded ones, or it is told how far they are from them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from collection.behaviors import BehaviorOptions
from collection.cloning import clone
from collection.collect import collect
from collection.errors import OtherRoundingWarning
from collection.players import make_uniform_policy
from collection.provenance import deviation_of
from collection.replay_files import open_replay, shipped_replay
from collection.replay_writing import write_replay
from collection.rollout import Trajectory, rollout
from tests.collection.conftest import REPLAY
from tests.tasks import simulated
from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import DatasetSpec

TASKS = ("walker_walk", "cheetah_run", "humanoid_walk")
GO_ON = [
    simulated(get_task_spec(name), name)
    for name in (*TASKS, "dclaw_screw", "adroit_pen", "sawyer_door_dense")
]
"""Of each simulator that goes on from recorded states."""
ROUNDING = 1e-6
"""What the last bits of another processor come to between two keyframes, at most."""

OF_WHOLE_FILES = {
    ("walker_walk", 0): "10dd992a007ac9c0fe5061da58be87eee25b2028f01a56db4513088e04a42b15",
    ("walker_walk", 77): "d046bf7fd57cfc9e3367ba97633e866c7f938e67a957dd859b48f30feb1e7c6d",
    ("walker_walk", 199): "d029f76f875cd9fbd3456351fe42115b2c8c028760e53684629118f537dc2f76",
    ("cheetah_run", 0): "dcc3bce813d171d35a8f96c5d78cd7bee78081639e93a946e09c93014a52eb82",
    ("cheetah_run", 150): "f95610d4b6bb34e306650c301c340e40d475e1a16d5fb218c5e6066c115def61",
    ("cheetah_run", 399): "14bb5492abb2904c31de8562031996418b6f539a8cf850c1c522292bd204f146",
}
"""SHA-256 of episodes as the files had them that held every state."""


def _episode(task: str, horizon: int = 80) -> Trajectory:
    simulation = Simulation(dataclasses.replace(get_task_spec(task), horizon=horizon))
    try:
        return rollout(simulation, make_uniform_policy, behavior="random", seed=0, episode=1)
    finally:
        simulation.close()


def _another_processor(path: Path) -> None:
    """Change the last bits of what simulating between keyframes starts from."""
    with h5py.File(path, "a") as file:
        keyframes = file["keyframes"][()]
        for number in range(0, len(keyframes), 2):
            keyframes[number] = np.nextafter(keyframes[number], 10.0)
        file["keyframes"][...] = keyframes


@pytest.mark.parametrize(("task", "episode"), OF_WHOLE_FILES)
def test_shipped_replays_give_what_they_were_recorded_as(task: str, episode: int) -> None:
    path = shipped_replay(task)
    assert path is not None
    replay = open_replay(path)
    assert replay.every
    simulation = Simulation(task)
    found = replay.trajectory(episode, simulation)
    simulation.close()
    digest = hashlib.sha256()
    for array in (found.physics_states, found.states, found.actions, found.rewards):
        digest.update(np.ascontiguousarray(array).tobytes())
    assert found.deviation < ROUNDING
    assert found.deviation or digest.hexdigest() == OF_WHOLE_FILES[task, episode]


@pytest.mark.parametrize("task", ["walker_walk", "cheetah_run"])
def test_a_smaller_file_is_known_as_the_one_it_was_made_of(task: str, repository: Path) -> None:
    """So datasets and records that name it stay those of these episodes."""
    path = shipped_replay(task)
    assert path is not None
    record = json.loads((repository / f"docs/fidelity/{task}-medium_replay.json").read_text())
    assert open_replay(path).sha256 == record["recipe"]["replay_sha256"]
    assert open_replay(path).sha256 != hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("task", GO_ON)
def test_a_simulation_goes_on_as_it_did(task: str) -> None:
    """In another simulation, one that never started an episode."""
    episode, simulation = _episode(task), Simulation(task)
    first = Simulation(task)
    first.reset(7)
    first.step(episode.actions[0])
    physics_state, solver_state = first.physics_state, first.solver_state
    assert physics_state is not None
    assert solver_state is not None
    simulation.resume(physics_state, solver_state)
    for action in episode.actions[1:]:
        expected, got = first.step(action), simulation.step(action)
        assert got.reward == pytest.approx(expected.reward, rel=1e-12)  # the pen's last digit
        assert dataclasses.replace(got, reward=expected.reward) == expected
        np.testing.assert_array_equal(simulation.physics_state, first.physics_state)
        np.testing.assert_array_equal(simulation.state, first.state)


def test_going_on_draws_no_random_numbers() -> None:
    played, other = Simulation("walker_walk"), Simulation("walker_walk")
    for simulation in (played, other):
        simulation.reset(3)
    physics_state, solver_state = played.physics_state, played.solver_state
    assert physics_state is not None
    assert solver_state is not None
    played.close()
    played.resume(physics_state, solver_state)
    for simulation in (played, other):
        simulation.reset()
    np.testing.assert_array_equal(played.physics_state, other.physics_state)


def test_states_that_are_none_of_the_task_are_refused() -> None:
    simulation = Simulation("walker_walk")
    simulation.reset(0)
    state = simulation.physics_state
    assert state is not None
    with pytest.raises(ValueError, match="solver state: expected shape"):
        simulation.resume(state, np.zeros(2))
    with pytest.raises(ValueError, match="physics state: expected shape"):
        simulation.resume(state[:-1], np.zeros(9))


@pytest.mark.parametrize("task", TASKS)
def test_another_rounding_ends_at_the_next_keyframe(task: str, tmp_path: Path) -> None:
    episode, path = _episode(task), tmp_path / "r.h5"
    write_replay(path, task, [episode], {}, every=10)
    _another_processor(path)
    replay, simulation = open_replay(path), Simulation(task)
    found = replay.trajectory(0, simulation)
    assert 0 < found.deviation < ROUNDING
    np.testing.assert_array_equal(found.actions, episode.actions)
    np.testing.assert_allclose(found.physics_states, episode.physics_states, atol=ROUNDING, rtol=0)
    np.testing.assert_array_equal(found.physics_states[10::20], episode.physics_states[10::20])
    np.testing.assert_array_equal(found.states[10], simulation.state_at(found.physics_states[10]))


def test_who_reads_another_rounding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    write_replay(path, "walker_walk", [_episode("walker_walk")], {}, every=10)
    _another_processor(path)
    with pytest.warns(OtherRoundingWarning, match=r"r\.h5: .*by up to \d\.\de-\d\d where"):
        clone(open_replay(path), 0, 0, steps=1, told=lambda step, loss: None)


def test_a_dataset_tells_how_far_its_states_are_from_the_recorded_ones(
    rows: list[DatasetSpec], tmp_path: Path
) -> None:
    """Also one that is added to, and one whose episodes all come out as recorded says nothing."""
    name, path = rows[0].task.name, tmp_path / "replays" / "r.h5"
    simulation = Simulation(name)
    episodes = [
        rollout(simulation, make_uniform_policy, behavior="random", seed=0, episode=number)
        for number in range(3)
    ]
    simulation.close()
    for another in (False, True):
        write_replay(path, name, episodes, {}, every=5)
        if another:
            _another_processor(path)
        for count in (1, 3):
            with pytest.warns(OtherRoundingWarning) if another else _silent():
                made = collect(
                    REPLAY,
                    tmp_path / str(another),
                    episodes=count,
                    options=BehaviorOptions(path),
                    states=True,
                    show_progress=False,
                )
            deviation = deviation_of(made.manifest.provenance.behavior_policy)
            assert (0 < deviation < ROUNDING) == another


@contextmanager
def _silent() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", OtherRoundingWarning)
        yield


def test_what_does_not_come_out_is_stored_whole(tmp_path: Path) -> None:
    """Episodes of another processor."""
    episode, path = _episode("cheetah_run"), tmp_path / "r.h5"
    physics_states = np.nextafter(episode.recorded()[0], 10.0)
    elsewhere = dataclasses.replace(episode, physics_states=physics_states)
    write_replay(path, "cheetah_run", [episode, elsewhere], {})
    replay, simulation = open_replay(path), Simulation("cheetah_run")
    assert replay.every == 0
    found = replay.trajectory(1, simulation)
    np.testing.assert_array_equal(found.physics_states, physics_states)
    assert found.deviation == 0
