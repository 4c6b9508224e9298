"""The renderer: dm_control's bytes, states drawn again, contexts shared and freed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation, View, draw
from vd4rl_data.simulators.dmc import load_suite
from vd4rl_data.simulators.draw import Canvases
from vd4rl_data.simulators.gl import renderer_name
from vd4rl_data.spec import Camera, FixedCamera, FreeCamera

pytestmark = pytest.mark.render
CANVASES = Canvases()


def drawn(physics: Any, size: int, camera: Camera = FixedCamera(0)) -> np.ndarray:  # noqa: B008
    return CANVASES.draw(physics.model.ptr, physics.data.ptr, View(size, camera))


def physics_of(simulation: Simulation) -> Any:
    return simulation._simulator._load().physics


def uniform(simulation: Simulation, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-1.0, 1.0, simulation.task.action_size).astype(np.float32)


@pytest.fixture
def walker() -> Iterator[Simulation]:
    simulation = Simulation("walker_walk")
    simulation.reset(seed=0)
    yield simulation
    simulation.close()


def test_pixels_are_those_of_dm_control(suite_task: str) -> None:
    row = get_task_spec(suite_task)
    environment = load_suite().load(
        row.settings.domain, row.settings.goal, task_kwargs={"random": 1}
    )
    environment.reset()
    rng = np.random.default_rng(0)
    frames: dict[int, list[np.ndarray]] = {64: [], 84: []}
    for steps in (0, 1, 9):
        for _ in range(steps):
            environment.step(rng.uniform(-1.0, 1.0, row.action_size))
        for size, drawn_so_far in frames.items():
            theirs = environment.physics.render(size, size, camera_id=row.camera.id)
            drawn_so_far.append(drawn(environment.physics, size, row.camera))
            np.testing.assert_array_equal(drawn_so_far[-1], theirs)
    for first, *_, last in frames.values():
        assert not np.array_equal(first, last)
    environment.physics.free()


def test_a_recorded_state_gives_the_frame_of_its_visit(task: str) -> None:
    """Far into an episode, so that the cameras have followed the body for a while."""
    visited, drawn = Simulation(task), Simulation(task)
    visited.reset(seed=3)
    if visited.physics_state is None:
        with pytest.raises(ValueError, match="physics state"):
            drawn.render_state(np.zeros(3), 64)
        return
    rng = np.random.default_rng(3)
    states, frames = [visited.physics_state], [visited.render(64)]
    for length in (1, 1, 30, 60):
        for _ in range(length):
            last = visited.step(uniform(visited, rng))
            if last.terminated or last.truncated:
                visited.reset()
        states.append(visited.physics_state)
        frames.append(visited.render(64))
    for index in (4, 0, 2, 1, 3):  # in another order than they were visited
        np.testing.assert_array_equal(drawn.render_state(states[index], 64), frames[index])
    visited.close()
    drawn.close()


def test_float32_states_would_not_do(walker: Simulation) -> None:
    """Why physics states are stored in float64: rounding them moves pixels."""
    rng = np.random.default_rng(0)
    other, differences = Simulation("walker_walk"), 0
    for _ in range(12):
        for _ in range(8):
            walker.step(uniform(walker, rng))
        rounded = walker.physics_state.astype(np.float32).astype(np.float64)
        differences += int(np.sum(other.render_state(rounded, 64) != walker.render(64)))
    assert differences > 0


def test_other_cameras_and_repeated_frames(walker: Simulation) -> None:
    physics = physics_of(walker)
    for camera in (1, 0, "side", 1, "back"):
        theirs = physics.render(64, 64, camera_id=camera)
        np.testing.assert_array_equal(drawn(physics, 64, FixedCamera(camera)), theirs)


def test_a_free_camera_is_where_it_was_put(walker: Simulation) -> None:
    """Where MuJoCo's own renderer puts it."""
    import mujoco

    camera = FreeCamera((0.0, 0.0, 1.0), distance=3.0, azimuth=120.0, elevation=-20.0)
    physics = physics_of(walker)
    placed = mujoco.MjvCamera()
    placed.lookat[:] = camera.lookat
    placed.distance, placed.azimuth, placed.elevation = 3.0, 120.0, -20.0
    with mujoco.Renderer(physics.model.ptr, 64, 64) as theirs:
        theirs.update_scene(physics.data.ptr, placed)
        np.testing.assert_array_equal(drawn(physics, 64, camera), theirs.render())


def test_frames_are_fresh_arrays(walker: Simulation) -> None:
    first = walker.render(64)
    kept = first.copy()
    walker.step(np.ones(6))
    second = walker.render(64)
    np.testing.assert_array_equal(first, kept)
    assert first.dtype == np.uint8
    assert first.flags.c_contiguous
    assert not np.array_equal(first, second)


def test_simulations_of_one_model_share_a_context_and_do_not_mix() -> None:
    first, second = Simulation("walker_walk"), Simulation("walker_walk")
    before = len(draw._ALIVE)
    first.reset(seed=1)
    second.reset(seed=2)
    alone = first.render(48), second.render(48)
    assert len(draw._ALIVE) == before + 1
    for simulation, frame in zip((first, second, first), (*alone, alone[0]), strict=True):
        np.testing.assert_array_equal(simulation.render(48), frame)
    first.render(52)
    assert len(draw._ALIVE) == before + 2
    first.close()
    assert len(draw._ALIVE) == before + 1
    np.testing.assert_array_equal(second.render(48), alone[1])
    second.close()
    assert len(draw._ALIVE) == before


def test_a_closed_simulation_starts_again(walker: Simulation) -> None:
    frame = walker.render(64)
    walker.close()
    walker.close()
    walker.reset(seed=0)
    np.testing.assert_array_equal(walker.render(64), frame)


def test_the_model_keeps_its_own_buffer_size(walker: Simulation) -> None:
    walker.render(64)
    assert physics_of(walker).render(120, 160, camera_id=0).shape == (120, 160, 3)


def test_other_threads_render_the_same(walker: Simulation) -> None:
    """Also if their contexts are left to the main thread, which must not free them."""
    frame = walker.render(64)
    frames: list[np.ndarray] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: frames.append(walker.render(64)))
        thread.start()
        thread.join()
    np.testing.assert_array_equal(frames, [frame, frame])
    walker.close()
    walker.reset(seed=0)
    np.testing.assert_array_equal(walker.render(64), frame)


def test_terrain_may_change_between_frames() -> None:
    load_suite()
    from dm_control.mujoco import Physics

    physics = Physics.from_xml_string(
        """<mujoco>
        <asset><hfield name="hills" nrow="8" ncol="8" size="1 1 1 .1"/></asset><worldbody>
        <light pos="0 0 3"/><camera name="above" pos="0 -2 2" xyaxes="1 0 0 0 .7 .7"/>
        <geom type="hfield" hfield="hills" rgba=".5 .6 .7 1"/></worldbody></mujoco>"""
    )
    drawn(physics, 32)
    physics.model.hfield_data[:] = np.random.default_rng(0).random(64)
    np.testing.assert_array_equal(drawn(physics, 32), physics.render(32, 32, camera_id=0))
    physics.free()


@pytest.mark.parametrize(("size", "camera"), [(0, 0), (64, -1), (64, 2), (64, "top")])
def test_bad_sizes_and_cameras_are_refused(
    walker: Simulation, size: int, camera: int | str
) -> None:
    with pytest.raises(ValueError, match="expected"):
        drawn(physics_of(walker), size, FixedCamera(camera))


def test_a_state_of_another_task_is_refused(walker: Simulation) -> None:
    with pytest.raises(ValueError, match="shape"):
        walker.render_state(np.zeros(3), 64)


def test_the_renderer_has_a_name() -> None:
    device, _, version = renderer_name().partition("; ")
    assert device
    assert version[0].isdigit()


def test_dm_controls_own_pictures_stay_right(walker: Simulation) -> None:
    """Its renderer takes for granted that nobody else made a context current meanwhile."""
    environment = load_suite().load("cheetah", "run", task_kwargs={"random": 1})
    environment.reset()
    expected = {size: environment.physics.render(size, size, camera_id=0) for size in (64, 84)}
    for ours in (64, 84):
        Simulation("hopper_hop").reset(seed=0)
        fresh = load_suite().load("cheetah", "run", task_kwargs={"random": 1})
        fresh.reset()
        for size in (64, 84):
            theirs = fresh.physics.render(size, size, camera_id=0)
            np.testing.assert_array_equal(theirs, expected[size])
            walker.render(ours)
            drawn(fresh.physics, ours)
        fresh.physics.free()
    environment.physics.free()
