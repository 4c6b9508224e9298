"""Demonstrations by scripts: what is kept, what is dropped, and that numbers decide episodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from collection import scripted
from collection.behaviors import BehaviorOptions, find_behavior
from collection.cli import main
from collection.errors import InvalidSettingError, NotCollectableError, ScriptFailedError
from collection.players import make_uniform_policy
from collection.rollout import Trajectory
from collection.scripted import SCRIPTS, Script
from vd4rl_data.ids import parse_id
from vd4rl_data.registry import DATASETS, TASKS, get_dataset_spec, get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import open_dataset
from vd4rl_data.suites.metaworld import DATASETS as DEMONSTRATIONS

pytestmark = pytest.mark.render


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    simulation = Simulation("walker_walk_short")
    yield simulation
    simulation.close()


@pytest.fixture
def luck(monkeypatch: pytest.MonkeyPatch) -> dict[str, Script]:
    """A script of dm_control's tasks that succeeds now and then, by its first action."""

    def lucky(trajectory: Trajectory) -> bool:
        return bool(trajectory.actions[0, 0] > 0.5)

    table = {"dmc": Script(make_uniform_policy, lucky, "luck")}
    monkeypatch.setattr(scripted, "SCRIPTS", table)
    return table


def test_failed_attempts_are_dropped_and_counted(
    simulation: Simulation, luck: dict[str, Script]
) -> None:
    behavior = find_behavior(simulation.task, "scripted", BehaviorOptions(seed=3))
    played = [behavior.play(simulation, episode=number) for number in range(6)]
    assert all(luck["dmc"].keeps(trajectory) for trajectory in played)
    failed = [trajectory.failed_attempts for trajectory in played]
    assert max(failed) > 0
    other = find_behavior(simulation.task, "scripted", BehaviorOptions(seed=4))
    assert (behavior.arguments, other.arguments) == (("--seed", "3"), ("--seed", "4"))
    assert not np.array_equal(other.play(simulation, episode=0).actions, played[0].actions)
    again = behavior.play(simulation, episode=4)
    np.testing.assert_array_equal(again.actions, played[4].actions)
    assert again.failed_attempts == failed[4]


def test_a_script_that_never_succeeds_is_given_up(
    simulation: Simulation, luck: dict[str, Script]
) -> None:
    luck["dmc"] = dataclasses.replace(luck["dmc"], keeps=lambda _: False)
    behavior = find_behavior(simulation.task, "scripted")
    with pytest.raises(ScriptFailedError, match=r"episode 2: none of 50 attempts .*luck"):
        behavior.play(simulation, episode=2)


def test_tasks_without_a_script_and_options_that_do_not_apply() -> None:
    task = get_task_spec("walker_walk")
    with pytest.raises(NotCollectableError, match="no script for walker_walk"):
        find_behavior(task, "scripted")
    with pytest.raises(InvalidSettingError, match="source: does not apply to scripted"):
        find_behavior(task, "scripted", BehaviorOptions(source=Path("x")))


@pytest.fixture
def short_demonstrations(monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    """One demonstration of the drawer, which ends when it has just succeeded."""
    pytest.importorskip("metaworld")
    row = get_dataset_spec("MetaWorld/drawer_open-scripted-16px-v0")
    task = dataclasses.replace(row.task, name="drawer_open_test", horizon=130)
    row = dataclasses.replace(
        row.with_environments(lambda made: dataclasses.replace(made, task=task)),
        id=parse_id("Test/drawer_open_test-scripted-16px-v0"),
        num_episodes=1,
        num_transitions=65,
    )
    monkeypatch.setitem(TASKS, task.name, task)
    monkeypatch.setitem(DATASETS, row.name, row)
    return row


def test_demonstrations_are_collected_and_each_succeeds(
    short_demonstrations: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = short_demonstrations.name
    arguments = ["collect", name, "--workers", "1", "--no-progress", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert "1, of which 0 failed and were dropped" in capsys.readouterr().out
    stored = open_dataset(tmp_path / f"{name}.h5")
    assert stored.manifest.complete
    episode = stored.episode(0)
    assert episode.observations.shape == (66, 16, 16, 3)
    assert episode.infos["success"].any()
    assert 5 < episode.episode_return < 40  # of 48 in a whole episode, MOTO's Table 1
    np.testing.assert_array_equal(episode.rewards, episode.infos["success"])
    assert set(episode.infos) == {"physics_state", "state", "success", "failed_attempts"}
    assert stored.manifest.provenance.behavior_policy["keeps"] == "solved at any time step"
    assert stored.manifest.provenance.recipe["task"]["drawing"].startswith("shadow maps of 1024")


def test_every_task_of_the_suite_has_a_script() -> None:
    assert len(DEMONSTRATIONS) == 10
    for spec in DEMONSTRATIONS:
        assert spec.task.simulator in SCRIPTS
        assert (spec.num_episodes, spec.task.time_steps) == (10, 100)
