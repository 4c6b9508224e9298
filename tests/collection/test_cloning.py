"""Policies cloned from a replay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collection.actor import Actor
from collection.cli import main
from collection.policy_files import read_policy
from collection.replay_files import open_replay
from collection.replay_writing import write_replay
from collection.rollout import Policy, rollout
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import TaskSpec

TASK = "walker_walk_short"


@pytest.fixture
def replay(make_actor: Callable[..., Actor], tmp_path: Path) -> Path:
    """Six episodes of a known policy, which always takes its mean."""
    actor = make_actor(3)

    def make(task: TaskSpec, rng: np.random.Generator) -> Policy:
        return lambda state: actor.mode(state[None])[0]

    simulation = Simulation(TASK)
    episodes = [
        rollout(simulation, make, behavior="medium_replay", seed=0, episode=number)
        for number in range(6)
    ]
    simulation.close()
    path = tmp_path / "tiers" / "replays" / f"{TASK}.h5"
    write_replay(path, TASK, episodes, {"algorithm": "SAC"})
    return path


def test_a_clone_does_what_was_done(replay: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["clone", str(replay), "--first", "1", "--last", "5", "--level", "7"]
    command += ["--steps", "150"]
    assert main(command) == 0
    path = replay.parents[1] / "policies" / f"{TASK}-medium.safetensors"
    assert f"python -m collection judge {path}" in capsys.readouterr().out
    policy, source = read_policy(path), open_replay(replay)
    assert policy.training["replay"]["sha256"] == source.sha256
    assert policy.training["checkpoint"]["rule"]["level"] == 7
    assert main(command) == 0  # the same bytes again, so nothing is replaced
    assert main([*command, "--seed", "1"]) == 1
    assert "--replace" in capsys.readouterr().err
    simulation = Simulation(TASK)
    episode = source.trajectory(2, simulation)
    simulation.close()
    _, states = episode.recorded()
    cloned = policy.actor.mode(states[:-1])
    error = np.abs(cloned - episode.actions).mean()
    assert error < 0.5 * np.abs(episode.actions).mean()


@pytest.mark.parametrize(("first", "last"), [(0, 6), (3, 2), (-1, 2)])
def test_episodes_that_are_not_there(
    first: int, last: int, replay: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["clone", str(replay), "--level", "7", "--first", str(first), "--last", str(last)]
    assert main(command) == 1
    assert "error: --" in capsys.readouterr().err
    assert not (replay.parents[1] / "policies").exists()
