"""Tasks of the dm_control suite as Gymnasium environments that show pixels."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box
from jaxtyping import UInt8
from numpy.typing import ArrayLike, NDArray

from vd4rl_data.envs.simulation import DMCSimulation

ENTRY_POINT = "vd4rl_data.envs.dmc:DMCEnv"


class DMCEnv(gymnasium.Env[NDArray[np.uint8], NDArray[np.float32]]):
    """One task, observed as frames, at the benchmark's action repeat, horizon and camera.

    Observations are uint8 (size, size, 3); actions float32 (A,) in [-1, 1], and anything outside is
    an :class:`~vd4rl_data.errors.InvalidActionError` instead of being clipped in silence. ``reset``
    and ``step`` return in ``info``: ``physics_state`` (float64, enough to draw the frame again),
    ``state`` (float32, proprioception) and ``discount`` (float; 0 after termination).

    Making an environment imports no simulator unless a ``render_mode`` is given, and never OpenGL;
    both come with the first ``reset``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - Gymnasium's way

    def __init__(self, task: str, size: int = 64, render_mode: str | None = None) -> None:
        """Args:
            task: a task name of the registry, e.g. ``walker_walk``.
            size: height and width of an observation in pixels.
            render_mode: ``"rgb_array"`` makes ``render()`` return the current frame.

        Raises:
            UnknownTaskError: there is no such task.
            ValueError: the size is not positive, or the render mode is unknown.
        """
        if size < 1:
            raise ValueError(f"size: expected at least 1 pixel, got {size}")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode: expected None or 'rgb_array', got {render_mode!r}")
        self.simulation = DMCSimulation(task)
        self.size = size
        self.render_mode = render_mode
        self.observation_space = Box(0, 255, (size, size, 3), np.uint8)
        self.action_space = Box(-1.0, 1.0, (self.simulation.task.action_size,), np.float32)
        if render_mode is not None:
            # Wrappers that record videos read the frame rate before the first reset.
            fps = round(1.0 / self.simulation.seconds_per_time_step)
            self.metadata = {**self.metadata, "render_fps": fps}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[UInt8[np.ndarray, "size size 3"], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: makes the episode a function of the seed alone, whatever happened before. Without
                one, the random stream goes on; the first reset without one takes entropy from the
                system.
            options: none are known; accepted because Gymnasium passes it.

        Returns:
            The first frame, uint8 (size, size, 3), and ``info``.

        Raises:
            MissingDependencyError: mujoco or dm_control is not installed.
            ForkAfterRenderError: this process was forked from one that had rendered.
            RenderBackendError: there is no OpenGL library, or it refuses.
        """
        super().reset(seed=seed, options=options)
        self.simulation.reset(seed)
        return self.simulation.render(self.size), self._info(1.0)

    def step(
        self, action: ArrayLike
    ) -> tuple[UInt8[np.ndarray, "size size 3"], float, bool, bool, dict[str, Any]]:
        """Take one time step: ``action_repeat`` environment steps with rewards summed.

        Raises:
            ResetNeeded: no episode is running.
            InvalidActionError: wrong shape, not finite, or outside [-1, 1].
        """
        result = self.simulation.step(action)
        frame = self.simulation.render(self.size)
        info = self._info(result.discount)
        return frame, result.reward, result.terminated, result.truncated, info

    def render(self) -> NDArray[np.uint8] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The current frame, uint8 (size, size, 3); ``None`` without a render mode."""
        return None if self.render_mode is None else self.simulation.render(self.size)

    def close(self) -> None:
        """Free the physics and its OpenGL context."""
        self.simulation.close()

    def _info(self, discount: float) -> dict[str, Any]:
        return {
            "physics_state": self.simulation.physics_state,
            "state": self.simulation.state,
            "discount": discount,
        }


def make_env(task: str, size: int = 64) -> DMCEnv:
    """An environment for any task of the registry, also one that no dataset was collected in.

    It carries a spec, so :func:`vd4rl_data.evaluate` takes it, but no dataset methods.

    Args:
        task: a task name of the registry, e.g. ``hopper_hop``.
        size: height and width of an observation in pixels.

    Raises:
        UnknownTaskError: there is no such task.
        ValueError: the size is not positive.
    """
    env = DMCEnv(task, size)
    env.spec = EnvSpec(
        id=f"{task}-{size}px-v0",
        entry_point=ENTRY_POINT,
        kwargs={"task": task, "size": size},
        order_enforce=False,
        disable_env_checker=True,
    )
    return env
