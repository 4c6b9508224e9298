"""D5RL's demonstrations: files of the documented layout, from real states of the kitchen."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.formats.reading import read_here
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats import ReadEpisode, find_format
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.ways import ways_to_get

D5RL = find_format("d5rl-npz")
ONE = get_dataset_spec("Kitchen/microwave_kettle_light_slide-demos-16px-v0")
OTHER = get_dataset_spec("Kitchen/microwave_kettle_bottom_burner_light-demos-16px-v0")
ELEMENTS = sorted({*ONE.task.settings.elements, *OTHER.task.settings.elements})
STEPS = 4

Arrays = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def recorded() -> Arrays:
    """A few steps of the real kitchen, and elements in place as somebody might have put them."""
    pytest.importorskip("gymnasium_robotics")
    simulation, rng = Simulation(ONE.task), np.random.default_rng(0)
    simulation.reset(0)
    actions, frames, joints = [np.zeros(9)], [simulation.render(16)], [simulation.state[:9]]
    for _ in range(STEPS):
        actions.append(rng.uniform(-1, 1, 9))
        simulation.step(actions[-1].astype(np.float32))
        frames.append(simulation.render(16))
        joints.append(simulation.state[:9])
    simulation.close()
    rewards = {f"reward {name}": np.zeros(STEPS + 1) for name in ELEMENTS}
    rewards["reward microwave"][2:] = 1
    rewards["reward bottom burner"][3:] = 1
    return {
        "action": np.array(actions, np.float32),
        "proprio": np.array(joints),
        "extra_image_camera_12_rgb": np.array(frames),
        "extra_image_camera_gripper_rgb": np.array(frames),
        "image_128": np.zeros((STEPS + 1, 2)),
        **rewards,
    }


def read(folder: Path, arrays: Arrays, spec: DatasetSpec = ONE) -> ReadEpisode:
    path = folder / "friday_microwave_kettle_switch_slide_3.npz"
    np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]
    (found,) = read_here(D5RL, [path], spec)
    return found


def test_one_set_of_files_is_the_data_of_both_tasks(recorded: Arrays, tmp_path: Path) -> None:
    for spec, rewards in ((ONE, [0, 1, 1, 1]), (OTHER, [0, 1, 2, 2])):
        found = read(tmp_path, recorded, spec)
        episode = found.episode
        np.testing.assert_array_equal(episode.rewards, rewards)
        np.testing.assert_array_equal(episode.actions, recorded["action"][1:])
        np.testing.assert_array_equal(episode.observations, recorded["extra_image_camera_12_rgb"])
        assert episode.truncated
        assert episode.infos["proprio"].shape == (STEPS + 1, 9)
        assert episode.infos["completed_microwave"].tolist() == [False, True, True, True]
        assert not episode.infos["success"].any()
        assert len(found.repairs) == 1  # it tells no terminations


def test_longer_demonstrations_end_with_the_task(recorded: Arrays, tmp_path: Path) -> None:
    task = dataclasses.replace(ONE.task, horizon=3)
    short = ONE.with_environments(lambda made: dataclasses.replace(made, task=task))
    found = read(tmp_path, recorded, short)
    assert len(found.episode) == 3
    assert "5 rows, longer than the task: the first 4 are kept" in found.repairs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reward kettle": None}, "reward kettle: expected an array of this name"),
        ({"action": np.zeros((STEPS + 1, 7))}, r"action: expected shape \(rows, 9\)"),
        (
            {"extra_image_camera_12_rgb": np.zeros((STEPS + 1, 64, 64, 3), np.uint8)},
            r"extra_image_camera_12_rgb: expected shape \(rows, 16, 16, 3\)",
        ),
        ({"proprio": np.zeros((3, 9))}, "proprio: expected 5 rows"),
        ({"action": np.ones((STEPS + 1, 9))}, "action: expected zeros in the first row"),
    ],
)
def test_files_of_another_layout_are_refused(
    change: dict[str, Any], message: str, recorded: Arrays, tmp_path: Path
) -> None:
    arrays = {key: value for key, value in {**recorded, **change}.items() if value is not None}
    with pytest.raises(DatasetFormatError, match=message):
        read(tmp_path, arrays)


def test_other_tasks_have_no_such_files(recorded: Arrays, tmp_path: Path) -> None:
    with pytest.raises(DatasetFormatError, match="a task of the kitchen"):
        read(tmp_path, recorded, get_dataset_spec("VD4RL/walker_walk-random-64px-v0"))


def test_the_way_is_told() -> None:
    commands = [line for way in ways_to_get(ONE) for line in way.commands]
    assert f"vd4rl import FOLDER --id {ONE.name} --format d5rl-npz" in commands
