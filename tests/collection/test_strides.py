"""Writers of this room take arrays of any layout in memory, and check what they wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from collection import weight_files
from collection.actor import Actor
from collection.errors import PolicyFileError
from collection.policy_files import read_policy, write_policy
from collection.replay_files import open_replay
from collection.replay_writing import write_replay
from collection.rollout import Trajectory
from collection.sac.recording import read_recording, write_recording
from collection.sac.run_folder import RunFolder
from collection.sac.simulations import FinishedEpisode
from tests.disk import snapshot
from tests.strides import LAYOUTS, strided
from vd4rl_data.simulators import Simulation

TASK = "walker_walk"
ARRAYS = ("actions", "rewards", "discounts", "physics_states", "states")
MakeActor = Callable[..., Actor]


def _write_policy(path: Path, actor: Actor) -> None:
    layout = (("orientations", 14), ("height", 1), ("velocity", 9))
    write_policy(path, actor, task=TASK, tier="medium", observations=layout, training={})


def _laid_out(actor: Actor, layout: str) -> Actor:
    return Actor(
        tuple(strided(weight, layout) for weight in actor.weights),
        tuple(strided(bias, layout) for bias in actor.biases),
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_policies(tmp_path: Path, make_actor: MakeActor, layout: str) -> None:
    """The shipped form, to the byte what contiguous arrays give."""
    plain, other = (tmp_path / f"{name}.safetensors" for name in ("plain", "other"))
    actor = make_actor()
    _write_policy(plain, actor)
    _write_policy(other, _laid_out(actor, layout))
    assert other.read_bytes() == plain.read_bytes()
    states = np.random.default_rng(0).normal(size=(5, actor.state_size)).astype(np.float32)
    np.testing.assert_array_equal(read_policy(other).actor.mode(states), actor.mode(states))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_checkpoints_of_a_training_run(tmp_path: Path, make_actor: MakeActor, layout: str) -> None:
    actor = make_actor()
    run = RunFolder(tmp_path)
    episode = FinishedEpisode(_episode(), 0)
    tensor: Any = {"learner": 1}
    run.save(200, _laid_out(actor, layout), [episode], [{"environment_steps": 200}], tensor)
    for name, array in run.actor(200).tensors().items():
        np.testing.assert_array_equal(array, actor.tensors()[name])


def _episode() -> Trajectory:
    simulation = Simulation(TASK)
    rng = np.random.default_rng(0)
    simulation.reset(0)
    physics_states, states, rewards = [simulation.physics_state], [simulation.state], []
    actions = rng.uniform(-1, 1, (4, 6)).astype(np.float32)
    for action in actions:
        rewards.append(simulation.step(action).reward)
        physics_states.append(simulation.physics_state)
        states.append(simulation.state)
    simulation.close()
    found: Any = (np.stack(physics_states), np.stack(states))
    return Trajectory(
        actions=actions,
        rewards=np.array(rewards, np.float32),
        discounts=np.ones(4, np.float32),
        physics_states=found[0],
        states=found[1],
        terminated=False,
    )


def _episode_laid_out(episode: Trajectory, layout: str) -> Trajectory:
    arrays = {name: strided(getattr(episode, name), layout) for name in ARRAYS}
    return Trajectory(**arrays, terminated=episode.terminated)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_recordings(tmp_path: Path, layout: str) -> None:
    episode = _episode()
    path = tmp_path / "r.npz"
    write_recording(path, [FinishedEpisode(_episode_laid_out(episode, layout), 3)])
    (found,) = read_recording(path)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found.trajectory, name), getattr(episode, name))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_replays(tmp_path: Path, layout: str) -> None:
    episode = _episode()
    plain, other = tmp_path / "plain.h5", tmp_path / "other.h5"
    write_replay(plain, TASK, [episode], {})
    write_replay(other, TASK, [_episode_laid_out(episode, layout)], {})
    assert other.read_bytes() == plain.read_bytes()
    found = open_replay(other).trajectory(0, Simulation(TASK))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(episode, name))


def _rotated(tensors: Any) -> bytes:
    """A library that writes something else than it was given."""
    return _SAVE({name: np.roll(array, 1) for name, array in tensors.items()})


def _swapped(tensors: Any) -> bytes:
    names = sorted(tensors)
    same = [n for n in names if tensors[n].shape == tensors[names[0]].shape]
    return _SAVE({**tensors, same[0]: tensors[same[-1]], same[-1]: tensors[same[0]]})


_SAVE = safetensors.numpy.save


@pytest.mark.parametrize("wrong", [_rotated, _swapped])
def test_what_was_written_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_actor: MakeActor, wrong: Any
) -> None:
    biases = make_actor().biases
    same = Actor(
        (make_actor().weights[0], np.eye(8, dtype=np.float32), np.ones((12, 8), np.float32)),
        (biases[0], biases[0] + 1, np.arange(12, dtype=np.float32)),
    )
    monkeypatch.setattr(safetensors.numpy, "save", wrong)
    before = snapshot(tmp_path)
    for write in (_write_policy, weight_files.write_weights):
        with pytest.raises(PolicyFileError, match=r"differ when read back.*layers\."):
            write(tmp_path / "x.safetensors", same)
    assert snapshot(tmp_path) == before
