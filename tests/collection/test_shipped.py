"""Policies and replays that come with the repository are what they are said to be."""

from __future__ import annotations

import pytest

from collection.behaviors import BehaviorOptions, find_behavior
from collection.errors import NotCollectableError
from collection.fidelity import rollout_record
from collection.policy_files import FOLDER, read_policy, shipped_policy
from collection.replay_files import open_replay, shipped_replay
from collection.tiers import TIERS
from tests.tasks import simulated
from vd4rl_data.registry import TASKS, get_task_spec, list_datasets
from vd4rl_data.simulators import Simulation

NEEDED = {(task, tier) for task in ("walker_walk", "cheetah_run", "hopper_hop") for tier in TIERS}
FOUND = [read_policy(path) for path in FOLDER.glob("*.safetensors")]
SHIPPED = [
    simulated(TASKS[task], task, tier)
    for task, tier in sorted(NEEDED | {(policy.task, policy.tier) for policy in FOUND})
]


def test_what_is_not_shipped_says_how_to_make_it() -> None:
    with pytest.raises(NotCollectableError) as told:
        find_behavior(get_task_spec("walker_walk_short"), "medium")
    assert "python -m collection train walker_walk_short" in str(told.value)
    assert "python -m collection select" in str(told.value)


@pytest.mark.parametrize(("task", "tier"), SHIPPED)
def test_shipped_policies_are_sound_and_good(task: str, tier: str) -> None:
    """Sound files, and in an episode roughly the return that they promise."""
    path = shipped_policy(task, tier)
    assert path is not None
    policy = read_policy(path)
    assert (policy.task, policy.tier) == (task, tier)
    assert policy.training["settings"]["task"] == task
    _, summaries, _ = rollout_record(
        task,
        behavior=tier,
        episodes=1,
        options=BehaviorOptions(deterministic=True),
        show_progress=False,
    )
    (played,) = summaries
    promised = policy.training["checkpoint"]["evaluation_mean"]
    assert played.episode_return == pytest.approx(promised, rel=0.5)


@pytest.mark.parametrize("task", ["walker_walk", "cheetah_run"])
def test_shipped_replays_make_whole_datasets(task: str) -> None:
    path = shipped_replay(task)
    assert path is not None
    replay = open_replay(path)
    rows = list_datasets(suite="VD4RL", task=task, behavior="medium_replay")
    assert rows
    for spec in rows:
        assert len(replay) == spec.num_episodes
        assert sum(replay.lengths) == spec.num_transitions
    simulation = Simulation(task)
    first = replay.trajectory(0, simulation)
    assert abs(float(first.actions.mean())) < 0.1  # the random warm-up
    assert replay.returns[:5].max() < 100
    assert replay.returns.max() > 300
    simulation.close()
