"""The figures of ``docs/fidelity.md`` follow from raw numbers, which today's code gives again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collection.errors import InvalidSettingError
from collection.fidelity import judge_record
from collection.players import make_uniform_policy
from collection.policy_files import read_policy, shipped_policy
from collection.rollout import rollout
from collection.statistics import EpisodeSummary, fidelity_record
from tests.tasks import simulated
from vd4rl_data import load_dataset
from vd4rl_data.registry import get_dataset_spec, get_task_spec
from vd4rl_data.seeding import Purpose, word
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.dmc import load_suite
from vd4rl_data.suites.policies import TRAINING_RUNS, policy_name

TASKS = ("walker_walk", "cheetah_run", "humanoid_walk")
FOLDER = Path(__file__).parents[2] / "docs" / "fidelity"


def _record(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_statistics_follow_from_the_episodes(path: Path) -> None:
    record = json.loads(path.read_text())
    episodes = [EpisodeSummary(**episode) for episode in record["episodes"]]
    spec = get_dataset_spec(record["dataset_id"]) if record["dataset_id"] else None
    again = fidelity_record(spec, episodes)
    for key in ("statistics", "published", "std"):
        assert record.get(key) == pytest.approx(again.get(key)), key
    text = (FOLDER.parent / "fidelity.md").read_text()
    assert f"{record['statistics']['mean']:.2f}" in text
    assert sum(episode.impossible_rewards for episode in episodes) == 0
    if spec is not None and spec.published_returns is not None:
        ours, verdict = dict(record["mean"]), record["mean"]["verdict"]
        assert again["mean"].pop("verdict") == ours.pop("verdict")
        assert ours == pytest.approx(again["mean"])
        interval = f"{ours['low']:+.2f} to {ours['high']:+.2f}"
        row = next(line for line in text.splitlines() if interval in line)
        assert f"{ours['difference']:+.2f}" in row or path.stem.endswith("seed1")
        assert verdict in row or path.stem.endswith("seed1")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_records_name_their_recipe(path: Path) -> None:
    recipe = json.loads(path.read_text())["recipe"]
    rolled = recipe.get("rollout", recipe)  # of states, apart from how they are drawn
    assert rolled.get("recipe_version") == (None if "replay_sha256" in rolled else 2)
    assert recipe["command"].startswith("python -m collection ")
    assert ("--seed" in recipe["command"]) == ("seed" in rolled)


@pytest.mark.parametrize("task", TASKS)
def test_rendered_episodes_have_the_rewards_of_simulated_ones(task: str) -> None:
    rendered, simulated = _record(f"{task}-rendered"), _record(f"{task}-rollouts")
    count = rendered["num_episodes"]
    assert count >= 6
    assert rendered["episodes"] == simulated["episodes"][:count]


@pytest.mark.parametrize("task", TASKS)
def test_the_first_recorded_episode_is_what_we_simulate_today(task: str) -> None:
    """Up to the rounding of another processor, which chaos lets grow: hence the tolerance."""
    recorded = _record(f"{task}-rollouts")
    spec = get_dataset_spec(recorded["dataset_id"])
    simulation = Simulation(spec.task)
    try:
        trajectory = rollout(simulation, make_uniform_policy, behavior="random", seed=0, episode=0)
    finally:
        simulation.close()
    expected = recorded["episodes"][0]["episode_return"]
    assert float(trajectory.rewards.sum()) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("task", TASKS)
def test_a_bare_dm_control_loop_gives_the_same_rewards(task: str) -> None:
    spec = get_dataset_spec(f"VD4RL/{task}-random-64px-v0")
    settings, short = spec.task.settings, dataclasses.replace(spec.task, horizon=100)
    simulation = Simulation(short)
    try:
        trajectory = rollout(simulation, make_uniform_policy, behavior="random", seed=0, episode=3)
    finally:
        simulation.close()
    seed = word(Purpose.COLLECTION_RESET, 0, task, "random", 3)
    environment = load_suite().load(settings.domain, settings.goal, task_kwargs={"random": seed})
    environment.reset()
    rewards = [
        sum(environment.step(action.astype(np.float64)).reward for _ in range(2))
        for action in trajectory.actions
    ]
    environment.physics.free()
    assert len(rewards) == 50
    np.testing.assert_array_equal(trajectory.rewards, np.asarray(rewards, dtype=np.float32))


_SHIPPED = [
    simulated(get_task_spec(run.task), run.task, tier, run.level if tier == "medium" else None)
    for run in TRAINING_RUNS
    for tier in (*run.shipped, *run.lent)
]


@pytest.mark.parametrize(("task", "tier", "level"), _SHIPPED)
def test_every_shipped_policy_has_been_judged(task: str, tier: str, level: float | None) -> None:
    """Its record is of its present weights, and its first episode is played again."""
    record = _record(policy_name(task, tier, level))
    path = shipped_policy(task, tier, level)
    assert path is not None
    assert record["recipe"]["policy_sha256"] == read_policy(path).sha256
    assert record["num_episodes"] >= 100
    _, episodes, again = judge_record(path, task=task, episodes=1, show_progress=False)
    assert again["recipe"]["policy_sha256"] == record["recipe"]["policy_sha256"]
    assert again["dataset_id"] == record["dataset_id"]
    expected = record["episodes"][0]["episode_return"]
    assert episodes[0].episode_return == pytest.approx(expected, rel=1e-3)


def test_a_policy_is_not_compared_with_data_of_another_task() -> None:
    path = shipped_policy("walker_walk", "medium", None)
    assert path is not None
    with pytest.raises(InvalidSettingError, match="dataset: expected a dataset of walker_walk"):
        judge_record(path, dataset="VD4RL/cheetah_run-medium-64px-v0", episodes=1)


def test_the_bundled_sample_is_what_we_simulate_today() -> None:
    sample = load_dataset("VD4RL/walker_walk-random-sample-64px-v0")
    simulation = Simulation(sample.spec.task)
    try:
        for number in range(2):
            episode = sample[number]
            trajectory = rollout(
                simulation, make_uniform_policy, behavior="random", seed=0, episode=number
            )
            np.testing.assert_array_equal(trajectory.actions, episode.actions)
            states = episode.infos["physics_state"]
            np.testing.assert_allclose(trajectory.physics_states[0], states[0], atol=1e-9)
            np.testing.assert_allclose(trajectory.rewards[:50], episode.rewards[:50], atol=1e-6)
    finally:
        simulation.close()
