"""Colors and camera: the reference's numbers, and nothing is left behind."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vd4rl_data.ids import LEVELS
from vd4rl_data.look_words import PUBLISHED_SEEDS
from vd4rl_data.simulators import Moment, Simulation
from vd4rl_data.simulators.looks.camera import Rest, camera_walk
from vd4rl_data.simulators.looks.colors import color_walk
from vd4rl_data.simulators.looks.levels import SCALES
from vd4rl_data.simulators.table import make_look
from vd4rl_data.spec import FreeCamera, Look

pytestmark = pytest.mark.render
REFERENCE = json.loads((Path(__file__).parent / "distracting_control.json").read_text())
BESIDE = ("cheetah_run", "hopper_hop", "walker_walk")
"""Tasks whose camera stands beside the robot."""

FREE = FreeCamera((0.0, 0.0, 1.0), distance=3.0, azimuth=120.0, elevation=-20.0)
STATIC = Look("distracting", level="easy", parts=("colors", "camera"))


def model_of(simulation: Simulation) -> Any:
    return simulation._simulator.model


def poses(simulation: Simulation, level: str, *, dynamic: bool) -> list[Any]:
    rest = Rest.of(model_of(simulation), 0)
    walk = camera_walk(rest, SCALES[level], PUBLISHED_SEEDS[level], dynamic=dynamic)
    return list(itertools.islice(walk, 21))


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("task", BESIDE)
def test_camera_poses_are_the_references(
    simulations: dict[str, Simulation], task: str, level: str, dynamic: bool
) -> None:
    found = poses(simulations[task], level, dynamic=dynamic)
    domain = simulations[task].task.settings.domain
    rows = REFERENCE["camera"][f"{domain} {level} {'dynamic' if dynamic else 'static'}"]
    assert len(rows) >= 2
    for step, *numbers in rows:
        pose = found[step]
        ours = [*pose.offset, *pose.rotation.ravel()]
        np.testing.assert_allclose(ours, numbers, atol=2e-8)
        assert pose.follows


@pytest.mark.parametrize("level", LEVELS)
def test_a_camera_behind_the_robot_stays_there(
    simulations: dict[str, Simulation], level: str
) -> None:
    """Height and distance are the reference's, which puts it before the robot at any level."""
    (pose, *_) = poses(simulations["humanoid_walk"], level, dynamic=False)
    (_, *numbers), *_ = REFERENCE["camera"][f"humanoid {level} static"]
    flat = np.hypot(*pose.offset[:2])
    np.testing.assert_allclose([flat, pose.offset[2]], [numbers[0], numbers[2]], atol=1e-8)
    yaw = np.arctan2(pose.offset[1], -pose.offset[0])
    assert 0 < abs(yaw) < np.pi / 2 * SCALES[level]


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("level", LEVELS)
def test_colors_are_the_references(
    simulations: dict[str, Simulation], level: str, dynamic: bool
) -> None:
    original = np.array(model_of(simulations["walker_walk"]).mat_rgba[:, :3], np.float64)
    walk = color_walk(original, SCALES[level], PUBLISHED_SEEDS[level], dynamic=dynamic)
    found = list(itertools.islice(walk, 21))
    for step, *numbers in REFERENCE["colors"][f"{level} {'dynamic' if dynamic else 'static'}"]:
        np.testing.assert_allclose(found[step].ravel(), numbers, atol=1e-7)
    assert np.abs(found - original).max() <= SCALES[level] + 1e-12
    assert np.min(found) >= 0
    assert np.max(found) <= 1


def test_a_look_changes_frames_and_leaves_nothing_behind(
    simulations: dict[str, Simulation], states: dict[str, np.ndarray], dmc_task: str
) -> None:
    """Also not for another look of the same simulation, whose canvas has the textures."""
    simulation = simulations[dmc_task]
    state, moment = states[dmc_task][1], Moment(3, 10)
    plain = simulation.render_state(state, 64)
    before = [model_of(simulation).mat_rgba.copy(), simulation._simulator.physics_state]
    frames = []
    for look in (STATIC, dataclasses.replace(STATIC, level="hard", dynamic=True)):
        drawn = make_look(look, model_of(simulation))
        simulation._simulator.set_physics_state(state)
        view = drawn.before(_view(simulation), moment)
        frames.append(drawn.after(simulation._simulator.draw(view), moment))
        assert np.any(frames[-1] != plain)
    assert np.any(frames[0] != frames[1])
    np.testing.assert_array_equal(simulation._simulator.draw(_view(simulation)), plain)
    np.testing.assert_array_equal(model_of(simulation).mat_rgba, before[0])
    np.testing.assert_array_equal(simulation._simulator.physics_state, before[1])


def _view(simulation: Simulation) -> Any:
    from vd4rl_data.simulators import View

    return View(64, simulation.task.camera)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": "low"}, "level: expected one of easy, medium, hard, got 'low'"),
        ({"level": None}, "level: expected one of"),
        ({"parts": ()}, "parts: expected some of colors, camera, background, got none"),
        ({"parts": ("sound",)}, "parts: expected some of"),
    ],
)
def test_settings_that_do_not_apply_are_refused(
    simulations: dict[str, Simulation], changes: dict[str, Any], message: str
) -> None:
    look = dataclasses.replace(STATIC, **changes)
    with pytest.raises(ValueError, match=message):
        make_look(look, model_of(simulations["walker_walk"]))


def test_a_task_without_a_model_is_refused() -> None:
    with pytest.raises(ValueError, match="changes a MuJoCo model"):
        make_look(STATIC, None)


def test_a_camera_that_cannot_be_moved_is_refused(simulations: dict[str, Simulation]) -> None:
    model = model_of(simulations["humanoid_walk"])
    with pytest.raises(ValueError, match="camera 'egocentric' does neither"):
        Rest.of(model, 2)
    drawn = make_look(STATIC, model)
    view = dataclasses.replace(_view(simulations["humanoid_walk"]), camera=FREE)
    with pytest.raises(ValueError, match="expected a camera of the model"):
        drawn.before(view, Moment(0, 0))
