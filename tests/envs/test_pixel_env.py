"""The Gymnasium environment."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from tests.tasks import NAMES, simulated
from vd4rl_data.envs import PixelEnv, make_env
from vd4rl_data.errors import InvalidActionError, MediaNotFoundError, UnknownTaskError
from vd4rl_data.registry import DATASETS, get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import EnvironmentSpec

pytestmark = pytest.mark.render

KINDS = {
    (spec.task.name, spec.environment.look): spec
    for spec in DATASETS.values()
    if spec.task.name in NAMES
}


def of(task: str, size: int) -> EnvironmentSpec:
    return EnvironmentSpec(get_task_spec(task), size)


@pytest.fixture
def env() -> Iterator[PixelEnv]:
    env = make_env("walker_walk", 48)
    yield env
    env.close()


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with media of the user's own: one short clip."""
    imageio = pytest.importorskip("imageio.v3")
    monkeypatch.setenv("VD4RL_MEDIA_DIR", str(tmp_path))
    (tmp_path / "kinetics").mkdir()
    frames = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    imageio.imwrite(tmp_path / "kinetics" / "a.mp4", frames, fps=5)
    return tmp_path


@pytest.mark.usefixtures("videos")
@pytest.mark.parametrize("name", [simulated(spec.task, spec.name) for spec in KINDS.values()])
def test_every_registered_environment_passes_gymnasiums_check(name: str) -> None:
    """Once per kind of task and look: others differ in size or length of a limb."""
    check_env(gymnasium.make(name, render_mode="rgb_array").unwrapped)


@pytest.mark.parametrize(
    "name", [name for name, spec in DATASETS.items() if spec.environment.look is not None]
)
def test_no_other_pictures_stand_in_for_media_that_are_not_here(name: str) -> None:
    with (
        contextlib.closing(gymnasium.make(name)) as env,
        pytest.raises(MediaNotFoundError, match="no others are shown in their place"),
    ):
        env.reset(seed=0)


def test_spaces_and_shapes(task: str) -> None:
    env = make_env(task, 48)
    assert env.observation_space.shape == (48, 48, 3)
    assert env.observation_space.dtype == np.uint8
    assert env.action_space.shape == (get_task_spec(task).action_size,)
    assert env.action_space.dtype == np.float32
    observation, info = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    parts = {"physics_state": np.float64, "state": np.float32}
    given = {name: kind for name, kind in parts.items() if name in info}
    assert all(info[name].dtype == kind for name, kind in given.items())
    assert info["discount"] == 1.0
    step = env.step(env.action_space.sample())
    assert env.observation_space.contains(step[0])
    assert [type(part) for part in step[1:4]] == [float, bool, bool]
    assert set(step[4]) - {"success", "completed"} == {"discount", *given} == set(info)
    env.close()


def test_the_environment_is_its_simulation(env: PixelEnv) -> None:
    simulation = Simulation("walker_walk")
    observation, info = env.reset(seed=9)
    simulation.reset(seed=9)
    rng = np.random.default_rng(0)
    for _ in range(3):
        np.testing.assert_array_equal(observation, simulation.render(48))
        np.testing.assert_array_equal(info["physics_state"], simulation.physics_state)
        np.testing.assert_array_equal(info["state"], simulation.state)
        action = rng.uniform(-1.0, 1.0, 6).astype(np.float32)
        observation, reward, terminated, truncated, info = env.step(action)
        result = simulation.step(action)
        assert (reward, terminated, truncated) == (
            result.reward,
            result.terminated,
            result.truncated,
        )
    simulation.close()


def test_seeds_make_frames(env: PixelEnv) -> None:
    first = env.reset(seed=1)[0]
    env.step(np.ones(6))
    other = env.reset()[0]
    again = env.reset(seed=1)[0]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_render_returns_the_current_frame() -> None:
    env = PixelEnv(of("cheetah_run", 48), render_mode="rgb_array")
    env.reset(seed=0)
    observation = env.step(np.ones(6))[0]
    frame = env.render()
    assert frame is not None
    np.testing.assert_array_equal(frame, observation)
    observation[:] = 0  # the caller's own array
    np.testing.assert_array_equal(env.render(), frame)
    env.close()


@pytest.mark.parametrize(("task", "fps"), [("walker_walk", 20), ("cheetah_run", 50)])
def test_frame_rates_are_real_time(task: str, fps: int) -> None:
    env = PixelEnv(of(task, 64), render_mode="rgb_array")
    assert env.metadata["render_fps"] == fps
    assert "render_fps" not in PixelEnv.metadata
    env.close()


def test_without_a_render_mode_there_is_no_frame(env: PixelEnv) -> None:
    env.reset(seed=0)
    assert env.render() is None


def test_misuse_has_clear_errors(env: PixelEnv) -> None:
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(6))
    env.reset(seed=0)
    with pytest.raises(InvalidActionError, match=r"\[-1, 1\]"):
        env.step(np.full(6, 2.0))
    env.simulation._steps_left = 0
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(6))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(UnknownTaskError, match="hopper_hop"):
        make_env("hopper_hopp")
    with pytest.raises(ValueError, match="size"):
        PixelEnv(of("walker_walk", 0))
    with pytest.raises(ValueError, match="render_mode"):
        PixelEnv(of("walker_walk", 64), render_mode="human")


def test_the_horizon_truncates(monkeypatch: pytest.MonkeyPatch, env: PixelEnv) -> None:
    row = dataclasses.replace(get_task_spec("walker_walk"), horizon=4)
    monkeypatch.setattr(env.simulation, "task", row)
    env.reset(seed=0)
    assert [env.step(np.zeros(6))[3] for _ in range(2)] == [False, True]
