"""LOMPO's robots: the door that never moves, the pen with a fixed goal, the claw out of a wheel."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vd4rl_data.errors import MissingDependencyError, MissingRobotError
from vd4rl_data.paths import ROBEL_WHEEL, robel_wheel
from vd4rl_data.registry import get_dataset_spec, get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import FixedCamera, TaskSpec
from vd4rl_data.suites.lompo import ADROIT_PEN, DCLAW_SCREW, DOOR_OPEN, DOOR_OPEN_DENSE
from vd4rl_data.ways import ways_to_get

pytestmark = pytest.mark.render


def changed(task: TaskSpec, **settings: Any) -> TaskSpec:
    return dataclasses.replace(task, settings=dataclasses.replace(task.settings, **settings))


def test_the_door_always_starts_alike_and_its_twin_differs_in_the_reward_alone() -> None:
    pytest.importorskip("metaworld")
    door, dense = Simulation(DOOR_OPEN), Simulation(DOOR_OPEN_DENSE)
    states = []
    for simulation, seed in ((door, 0), (door, 7), (dense, 1)):
        simulation.reset(seed)
        states.append(simulation.physics_state)
    np.testing.assert_array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])
    sparse, paid = (each.step(np.full(4, 0.5)) for each in (door, dense))
    np.testing.assert_array_equal(door.physics_state, dense.physics_state)
    assert (sparse.reward, sparse.success) == (0.0, False)
    assert paid.reward > 0
    assert get_task_spec("door_open") is not DOOR_OPEN  # MetaWorld's keeps its name


def test_the_pen_has_to_be_flipped_and_its_goal_can_be_drawn() -> None:
    pytest.importorskip("gymnasium_robotics")
    directions, states = [], []
    for task in (ADROIT_PEN, changed(ADROIT_PEN, goal=())):
        simulation = Simulation(dataclasses.replace(task, drawing=None))
        for seed in (0, 1):
            simulation.reset(seed)
            assert simulation.state is not None
            states.append(simulation.state)
            directions.append(float(simulation.state[33:36] @ simulation.state[36:39]))
        simulation.close()
    np.testing.assert_array_equal(states[0], states[1])
    assert directions[0] < -0.8
    assert directions[2] != directions[3]
    with pytest.raises(ValueError, match="goal: expected two angles"):
        Simulation(changed(ADROIT_PEN, goal=(1.0,)))


def test_a_pen_of_another_camera_or_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gymnasium_robotics")
    nowhere = Simulation(dataclasses.replace(ADROIT_PEN, camera=FixedCamera("nowhere")))
    nowhere.reset(0)
    with pytest.raises(ValueError, match=r"camera: expected one of .*'nowhere'"):
        nowhere.render(32)
    with pytest.raises(ValueError, match=r"physics state: expected shape \(64,\)"):
        nowhere.render_state(np.zeros(3), 32)
    nowhere.close()
    monkeypatch.setitem(sys.modules, "gymnasium_robotics.envs.adroit_hand.adroit_pen", None)
    with pytest.raises(MissingDependencyError, match=r"vd4rl-data\[hands\]"):
        Simulation(ADROIT_PEN).reset(0)


def test_the_claw_is_paid_for_turning_the_valve_its_way() -> None:
    if not robel_wheel().is_file():
        pytest.skip(f"needs {robel_wheel().name}")
    rewards = []
    for direction in (1, -1):
        simulation = Simulation(changed(DCLAW_SCREW, direction=direction))
        simulation.reset(2)
        assert simulation.state is not None
        assert simulation.state.shape == (21,)
        start = simulation.state[18:20].copy()
        spinning = simulation.physics_state
        assert spinning is not None
        spinning[[18, -1]] = (20.0, 3.0)  # beyond the turn at which ROBEL's model stops it
        simulation._simulator.set_physics_state(spinning)
        rewards.append(simulation.step(np.zeros(9)).reward)
        angle = float(simulation.physics_state[18])  # pyright: ignore[reportOptionalSubscript]
        assert angle > 20.0
        simulation.reset(3)
        assert not np.array_equal(simulation.state[18:20], start)
        simulation.close()
    assert rewards[0] > rewards[1] + 1
    with pytest.raises(ValueError, match="direction: expected 1 or -1, got 0"):
        Simulation(changed(DCLAW_SCREW, direction=0))


@pytest.mark.parametrize("content", [None, b"another file"])
def test_a_wheel_that_is_missing_or_another_says_how_to_get_it(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "robel.whl"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(ROBEL_WHEEL, str(path))
    with pytest.raises(MissingRobotError, match=r"robel\.whl: expected the wheel of robel 0\.1\.2"):
        Simulation(DCLAW_SCREW).reset(0)
    (way, _) = ways_to_get(get_dataset_spec("LOMPO/dclaw_screw-expert-128px-v0"))
    assert any("pip download --no-deps robel==0.1.2 --dest" in line for line in way.commands)
