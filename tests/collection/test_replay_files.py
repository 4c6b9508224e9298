"""Replays as files: every bit back, the proprioception from the simulator, damage refused."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from collection.errors import ReplayFileError
from collection.players import make_uniform_policy
from collection.replay_files import open_replay
from collection.replay_writing import write_replay
from collection.rollout import Trajectory, rollout
from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.suites.policies import TRAINED_ON

TASK = "walker_walk_short"


@pytest.fixture
def episodes(rows: list[DatasetSpec]) -> list[Trajectory]:
    simulation = Simulation(TASK)
    made = [
        rollout(simulation, make_uniform_policy, behavior="random", seed=0, episode=n)
        for n in range(3)
    ]
    simulation.close()
    return made


@pytest.fixture(params=[0, 4], ids=["whole", "keyframes"])
def path(request: pytest.FixtureRequest, episodes: list[Trajectory], tmp_path: Path) -> Path:
    """A file with every state, and one with every fourth."""
    path = tmp_path / "replay.h5"
    write_replay(path, TASK, episodes, {"algorithm": "SAC"}, every=request.param)
    assert open_replay(path).every == request.param
    return path


def test_round_trip(path: Path, episodes: list[Trajectory]) -> None:
    replay = open_replay(path)
    assert (len(replay), replay.lengths, replay.task) == (3, (10, 10, 10), TASK)
    assert replay.description["training"] == {"algorithm": "SAC"}
    np.testing.assert_array_equal(replay.returns, [e.episode_return for e in episodes])
    for opened in (replay, pickle.loads(pickle.dumps(replay))):
        simulation = Simulation(TASK)
        for number, expected in enumerate(episodes):
            got = opened.trajectory(number, simulation)
            for name in ("physics_states", "states", "actions", "rewards", "discounts"):
                ours, theirs = getattr(got, name), getattr(expected, name)
                assert ours.dtype == theirs.dtype, name
                np.testing.assert_array_equal(ours, theirs, err_msg=name)
            assert got.terminated == expected.terminated
        simulation.close()


def test_a_twin_with_a_sparse_reward_is_paid_for_successes(
    episodes: list[Trajectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Door's policies are trained on a dense reward, its files record the sparse one."""
    solved = [
        dataclasses.replace(episode, successes=episode.rewards > np.median(episode.rewards))
        for episode in episodes
    ]
    path = tmp_path / "replay.h5"
    write_replay(path, TASK, solved, {})
    simulation = Simulation(TASK)
    replay = open_replay(path)
    dense = replay.trajectory(1, simulation)
    np.testing.assert_array_equal(dense.rewards, episodes[1].rewards)
    np.testing.assert_array_equal(dense.successes, solved[1].successes)
    monkeypatch.setitem(TRAINED_ON, TASK, "the same with a dense reward")
    sparse = replay.trajectory(1, simulation)
    np.testing.assert_array_equal(sparse.rewards, solved[1].successes)
    assert sparse.rewards.dtype == np.float32
    simulation.close()


@pytest.mark.parametrize("every", [0, 15])
@pytest.mark.parametrize("task", ["walker_walk", "cheetah_run", "hopper_hop", "humanoid_walk"])
def test_states_are_stored_only_where_the_simulator_forgets(
    task: str, every: int, tmp_path: Path
) -> None:
    """Hopper's touch sensors feel the step before, which is played from keyframes."""
    short = dataclasses.replace(get_task_spec(task), horizon=80)
    simulation = Simulation(short)
    episode = rollout(simulation, make_uniform_policy, behavior="random", seed=0, episode=0)
    write_replay(tmp_path / "r.h5", task, [episode], {}, every)
    replay = open_replay(tmp_path / "r.h5")
    assert replay.every == every
    assert replay.stores_states == (task == "hopper_hop" and not every)
    for _ in range(2):
        played = replay.trajectory(0, simulation)
        np.testing.assert_array_equal(played.states, episode.states)
        np.testing.assert_array_equal(played.physics_states, episode.physics_states)
        assert played.deviation == 0.0
        simulation.reset(0)  # whatever ran before
    with pytest.raises(ValueError, match="physics state: expected shape"):
        simulation.state_at(np.zeros(3))
    simulation.reset(0)
    assert sum(size for _, size in simulation.state_layout) == len(simulation.state)
    simulation.close()


def test_same_episodes_same_bytes(path: Path, episodes: list[Trajectory]) -> None:
    other = path.with_name("other.h5")
    write_replay(other, TASK, episodes, {"algorithm": "SAC"}, open_replay(path).every)
    assert other.read_bytes() == path.read_bytes()
    assert open_replay(other).sha256 == open_replay(path).sha256


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _without_rewards(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["rewards"]


def _other_version(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file.attrs["version"] = 3


def _fewer_rows(path: Path) -> None:
    with h5py.File(path, "a") as file:
        actions = file["actions"][()]
        del file["actions"]
        file["actions"] = actions[:-1]


def _other_type(path: Path) -> None:
    name = _states_in(path)
    with h5py.File(path, "a") as file:
        states = file[name][()]
        del file[name]
        file[name] = states.astype(np.float32)


def _other_distance(path: Path) -> None:
    with h5py.File(path, "a") as file:
        if "every" in file.attrs:
            file.attrs["every"] = 2
        else:
            file.attrs["version"] = 2


def _states_in(path: Path) -> str:
    return "keyframes" if open_replay(path).every else "physics_states"


@pytest.mark.parametrize(
    "damage",
    [_cut, _empty, _without_rewards, _other_version, _fewer_rows, _other_type, _other_distance],
)
def test_damage_is_seen_when_opening(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path)
    with pytest.raises(ReplayFileError, match=f"{path}: not a valid replay"):
        open_replay(path)


def test_an_altered_byte_is_seen_when_reading(path: Path) -> None:
    name = _states_in(path)
    with h5py.File(path, "r") as file:
        info = file[name].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[info.byte_offset + info.size // 2] ^= 4
    path.write_bytes(content)
    replay = open_replay(path)
    with pytest.raises(ReplayFileError, match=f"{name} cannot be read"):
        replay.trajectory(0, Simulation(TASK))
