"""Any simulated task as a Gymnasium environment with pixel observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box
from jaxtyping import UInt8
from numpy.typing import ArrayLike, NDArray

from vd4rl_data.arguments import checked_count
from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.plain import environment_from_plain, environment_to_plain
from vd4rl_data.spec import ORIGINAL, EnvironmentSpec, Look, TaskSpec

ENTRY_POINT = "vd4rl_data.envs.pixel:make_pixel_env"
"""The entry point in the Gymnasium specs of this package."""


class PixelEnv(gymnasium.Env[NDArray[np.uint8], NDArray[np.float32]]):
    """One task, observed as frames, at the benchmark's action repeat, horizon, camera and look.

    Observations are uint8 (size, size, 3). Actions are float32 (A,) in [-1, 1]; anything outside
    raises :class:`~vd4rl_data.errors.InvalidActionError` instead of being clipped silently. The
    ``info`` of ``reset`` and ``step`` holds ``discount`` (float; 0 after termination) and, if the
    simulator has them, ``physics_state`` (float64, enough to draw the frame again), ``state``
    (float32, proprioception), ``success`` (bool, of the current moment; not at a reset) and
    ``completed`` (part of the task → bool, likewise).

    Making an environment imports no simulator unless a ``render_mode`` is given, and never OpenGL;
    the first ``reset`` imports both.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - Gymnasium's way

    def __init__(
        self, environment: EnvironmentSpec | Mapping[str, Any], render_mode: str | None = None
    ) -> None:
        """Args:
            environment: task, look and size, or the same as plain values
                (:func:`~vd4rl_data.simulators.plain.environment_to_plain`).
            render_mode: ``"rgb_array"`` makes ``render()`` return the current frame.

        Raises:
            UnknownSimulatorError: the task's simulator is not known.
            TypeError: the size is not an integer.
            ValueError: the size is not positive, or the render mode is unknown.
        """
        spec = (
            environment
            if isinstance(environment, EnvironmentSpec)
            else environment_from_plain(environment)
        )
        self.size = checked_count("size", spec.size)
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode: expected None or 'rgb_array', got {render_mode!r}")
        self.environment = spec
        self.simulation = Simulation(spec.task, spec.look)
        self.render_mode = render_mode
        self.observation_space = Box(0, 255, spec.observation_shape, np.uint8)
        self.action_space = Box(-1.0, 1.0, (spec.task.action_size,), np.float32)
        if render_mode is not None:
            # Wrappers that record videos read the frame rate before the first reset.
            fps = round(1.0 / self.simulation.seconds_per_time_step)
            self.metadata = {**self.metadata, "render_fps": fps}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[UInt8[np.ndarray, "size size 3"], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: determines the episode, whatever happened before. Without a seed the random stream
                continues; if there is none yet, it starts from the system's entropy.
            options: ignored; accepted because Gymnasium passes it.

        Returns:
            The first frame, uint8 (size, size, 3), and ``info``.

        Raises:
            MissingDependencyError: the simulator is not installed.
            ForkAfterRenderError: this process was forked from one that had rendered.
            RenderBackendError: no OpenGL library works here.
        """
        super().reset(seed=seed, options=options)
        self.simulation.reset(seed)
        return self.simulation.render(self.size), self._info(1.0, None)

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
        info = self._info(result.discount, result.success)
        if result.completed:
            info["completed"] = dict(result.completed)
        return frame, result.reward, result.terminated, result.truncated, info

    def render(self) -> NDArray[np.uint8] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The current frame, uint8 (size, size, 3); ``None`` without a render mode."""
        return None if self.render_mode is None else self.simulation.render(self.size)

    def close(self) -> None:
        """Free the simulator and its OpenGL context."""
        self.simulation.close()

    def _info(self, discount: float, success: bool | None) -> dict[str, Any]:
        found = {
            "physics_state": self.simulation.physics_state,
            "state": self.simulation.state,
            "success": success,
        }
        known = {name: value for name, value in found.items() if value is not None}
        return {"discount": discount, **known}


def make_pixel_env(
    evaluations: Mapping[str, Sequence[Mapping[str, Any]]],
    evaluation: str = ORIGINAL,
    member: int = 0,
    render_mode: str | None = None,
) -> PixelEnv:
    """Make an environment; the function that ``gymnasium.make`` calls.

    Args:
        evaluations: evaluation name → its environments as plain values.
        evaluation: the evaluation to use; ``original`` is the benchmark's own environment.
        member: number of the environment, for an evaluation that has several.
        render_mode: as in :class:`PixelEnv`.

    Raises:
        TypeError: ``member`` is not an integer.
        ValueError: there is no such evaluation, or no such member; the message lists them.
    """
    if evaluation not in evaluations:
        raise ValueError(
            f"evaluation: expected one of {', '.join(evaluations)}, got {evaluation!r}"
        )
    environments = evaluations[evaluation]
    if not 0 <= checked_count("member", member, least=0) < len(environments):
        raise ValueError(
            f"member: expected 0 to {len(environments) - 1} in evaluation {evaluation!r},"
            f" got {member}"
        )
    return PixelEnv(environments[member], render_mode)


def environment_arguments(
    evaluations: Mapping[str, Sequence[EnvironmentSpec]],
) -> dict[str, Any]:
    """The arguments of :func:`make_pixel_env`, as Gymnasium's specs carry them."""
    plain = {
        name: [environment_to_plain(environment) for environment in environments]
        for name, environments in evaluations.items()
    }
    return {"evaluations": plain}


def make_env(task: str | TaskSpec, size: int = 64, look: Look | None = None) -> PixelEnv:
    """Make an environment for any task, even one that has no dataset.

    It carries a spec, so :func:`vd4rl_data.evaluate` accepts it, but it has no dataset methods.

    Args:
        task: the name of a registered task, e.g. ``hopper_hop``, or your own task's row.
        size: height and width of an observation in pixels.
        look: how pixels differ from the simulator's own.

    Raises:
        UnknownTaskError: there is no such task.
        UnknownSimulatorError: the task's simulator is not known.
        TypeError: the size is not an integer.
        ValueError: the size is not positive.
    """
    spec = task if isinstance(task, TaskSpec) else get_task_spec(task)
    environment = EnvironmentSpec(spec, checked_count("size", size), look)
    env = PixelEnv(environment)
    env.spec = EnvSpec(
        id=f"{spec.name}-{environment.size}px-v0",
        entry_point=ENTRY_POINT,
        kwargs=environment_arguments({ORIGINAL: (environment,)}),
        order_enforce=False,
        disable_env_checker=True,
    )
    return env
