"""Datasets of several bodies: each is played by the policy of its own, in equal parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collection.actor import Actor
from collection.behaviors import BehaviorOptions
from collection.bodies import find_behavior_of
from collection.collect import collect, parts_to_collect
from collection.errors import InvalidSettingError, NotCollectableError
from collection.policy_files import policy_in, write_policy
from collection.rollout import reset_seed
from collection.tiers import usual_level
from vd4rl_data.envs import check_fingerprint
from vd4rl_data.ids import parse_id
from vd4rl_data.registry import DATASETS, TASKS, get_dataset_spec, get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import open_dataset
from vd4rl_data.suites.dmc_bodies import BODY_TASKS, GROUPS, with_bodies

pytestmark = pytest.mark.render
_LAYOUT = (("orientations", 14), ("height", 1), ("velocity", 9))


def _row(behavior: str, known: DatasetSpec) -> DatasetSpec:
    """Eight episodes of four time steps, two of each training body."""
    tasks = {
        letter: dataclasses.replace(task, name=f"{task.name}_short", horizon=8)
        for letter, task in BODY_TASKS["walker_walk"].items()
    }
    row_id = dataclasses.replace(
        parse_id("VD4RL/walker_walk-random-multitask-64px-v0"), suite="Test", behavior=behavior
    )
    row = dataclasses.replace(known, id=row_id, num_episodes=8, num_transitions=32, parts=())
    return with_bodies(dataclasses.replace(row, id=dataclasses.replace(row_id, size=16)), tasks)


@pytest.fixture
def random(rows: list[DatasetSpec], monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    return _registered(_row("random", rows[0]), monkeypatch)


@pytest.fixture
def medium(rows: list[DatasetSpec], monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    return _registered(_row("medium", rows[0]), monkeypatch)


def _registered(spec: DatasetSpec, monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    for share in spec.mixture:
        monkeypatch.setitem(TASKS, share.environment.task.name, share.environment.task)
    monkeypatch.setitem(DATASETS, spec.name, spec)
    return spec


@pytest.fixture
def policies(medium: DatasetSpec, make_actor: Callable[..., Actor], tmp_path: Path) -> Path:
    """A folder with the policy of each training body, as ``select`` names them."""
    folder = tmp_path / "policies"
    for seed, share in enumerate(medium.mixture):
        task = share.environment.task.name
        write_policy(
            policy_in(folder, task, "medium"),
            make_actor(seed),
            task=task,
            tier="medium",
            observations=_LAYOUT,
            training={"algorithm": "SAC", "seed": seed},
        )
    return folder


def test_bodies_take_turns(random: DatasetSpec, tmp_path: Path) -> None:
    made = collect(random.name, tmp_path, episodes=2, show_progress=False)
    stored = open_dataset(made.path)
    task, episode = random.mixture[1].environment.task, stored.episode(1)
    simulation = Simulation(task)
    simulation.reset(seed=reset_seed(0, task.name, "random", 1))
    np.testing.assert_array_equal(episode.infos["physics_state"][0], simulation.physics_state)
    np.testing.assert_array_equal(episode.observations[0], simulation.render(16))
    simulation.close()
    assert [item["task"][-7:-6] for item in made.manifest.provenance.recipe["mixture"]] == list(
        GROUPS["train_tasks"]
    )
    fingerprint = stored.fingerprint()  # of one body alone
    assert fingerprint is not None
    assert check_fingerprint(fingerprint, random.task) == 0.0
    assert check_fingerprint(fingerprint, random.mixture[1].environment.task) > 0.0


def test_each_body_is_played_by_its_own_policy(
    medium: DatasetSpec, policies: Path, tmp_path: Path
) -> None:
    options = BehaviorOptions(policies)
    made = collect(medium.name, tmp_path, episodes=2, options=options, show_progress=False)
    behavior = find_behavior_of(medium, "medium", options)
    stored = open_dataset(made.path)
    for number in (0, 1):
        task = medium.mixture[number].environment.task
        simulation = Simulation(task)
        played = behavior.play(simulation, episode=number)
        np.testing.assert_array_equal(stored.episode(number).actions, played.actions)
        simulation.close()
    about = made.manifest.provenance.behavior_policy
    assert about["name"] == "medium"
    assert len(set(about["sha256"].values())) == 4
    assert "--source policies" in made.manifest.provenance.recipe["command"]
    assert find_behavior_of(medium, "medium", options).identity["seed"] == 0


def test_a_body_without_a_policy_is_named(medium: DatasetSpec, policies: Path) -> None:
    with pytest.raises(NotCollectableError, match="no medium policy for walker_walk_foot_b_short"):
        find_behavior_of(medium, "medium", BehaviorOptions())
    (only,) = policies.glob("*foot_b*.safetensors")
    with pytest.raises(InvalidSettingError, match="expected a policy of walker_walk_foot_c_short"):
        find_behavior_of(medium, "medium", BehaviorOptions(only))


def test_a_folder_of_policies_serves_both_parts_of_a_composite(tmp_path: Path) -> None:
    name = "VD4RL/walker_walk-medium_expert-multitask-64px-v0"
    parts = get_dataset_spec(name).parts
    assert parts_to_collect(name, BehaviorOptions(tmp_path)) == parts
    with pytest.raises(InvalidSettingError, match="or give a folder that holds both"):
        parts_to_collect(name, BehaviorOptions(tmp_path / "one.safetensors"))


@pytest.mark.parametrize("task", BODY_TASKS)
def test_the_rule_of_tiers_holds_for_each_body(task: str) -> None:
    levels = {usual_level(found.name) for found in BODY_TASKS[task].values()}
    assert levels == {usual_level(get_task_spec(task).name)} == {500.0}
