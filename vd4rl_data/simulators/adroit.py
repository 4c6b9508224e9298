"""The Adroit hand and its pen: AdroitHandPen-v1 of gymnasium-robotics (Rajeswaran et al., 2018).

Hand and pen start alike in every episode, so with a goal that is fixed a seed decides nothing. The
goal stands in the model, so a physics state is qpos, qvel and the rotation of the goal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final

import numpy as np
from jaxtyping import Float32, Float64

from vd4rl_data.simulators.gl import load_mujoco
from vd4rl_data.simulators.protocol import EnvironmentStep, check_seed
from vd4rl_data.simulators.robotics import robotics_module
from vd4rl_data.simulators.wrapped import GoesOn, WrappedSimulator, joined, place, write
from vd4rl_data.spec import TaskSpec

_MODULE: Final = "gymnasium_robotics.envs.adroit_hand.adroit_pen"

STATE_LAYOUT: Final = (
    ("hand", 24),
    ("pen_position", 3),
    ("pen_velocity", 6),
    ("pen_direction", 3),
    ("goal_direction", 3),
    ("position_difference", 3),
    ("direction_difference", 3),
)
"""The library's observation: joints of the hand in rad, positions in m, unit vectors."""


@dataclass(frozen=True, slots=True)
class AdroitPenSettings:
    """Settings of the pen.

    Attributes:
        goal: the goal's rotations about the axes x and y, in rad; empty if they are drawn from
            [-1, 1] for every episode, as in the library.
    """

    goal: tuple[float, ...] = ()

    def __str__(self) -> str:
        return "gymnasium-robotics: AdroitHandPen-v1"


class AdroitPenSimulator(WrappedSimulator, GoesOn):
    """The hand turns the pen; an action is the target of each joint, within the joint's range."""

    Settings: ClassVar[type[Any]] = AdroitPenSettings
    PACKAGES: ClassVar[tuple[str, ...]] = ("gymnasium-robotics", "mujoco", "gymnasium")

    def __init__(self, task: TaskSpec) -> None:
        """Remember the task; see :class:`~vd4rl_data.simulators.protocol.Simulator`.

        Raises:
            ValueError: the goal does not have two angles.
        """
        super().__init__(task)
        self._settings: AdroitPenSettings = task.settings
        if len(self._settings.goal) not in (0, 2):
            raise ValueError(
                f"task {task.name!r}: goal: expected two angles, or none, got {self._settings.goal}"
            )

    def reset(self, seed: int | None) -> None:
        """Start an episode.

        Raises:
            MissingDependencyError: gymnasium-robotics is not installed.
            ValueError: the seed is negative, or the row disagrees with the environment.
        """
        check_seed(seed)
        env = self._load()
        env.reset(seed=seed)
        if self._settings.goal:
            angles = np.array([*self._settings.goal, 0.0])
            self._goal[:] = _rotations().euler2quat(angles)
        load_mujoco().mj_forward(env.model, env.data)

    def step(self, control: Float64[np.ndarray, " A"]) -> EnvironmentStep:
        """Take one environment step of 10 ms."""
        env = self._env
        _, reward, _, _, info = env.step(control)
        place(env.model, env.data)
        return EnvironmentStep(reward=float(reward), success=bool(info["success"]))

    @property
    def state(self) -> Float32[np.ndarray, " P"]:
        """float32 (P,): :data:`STATE_LAYOUT`."""
        return self._load()._get_obs().astype(np.float32)

    @property
    def state_layout(self) -> tuple[tuple[str, int], ...]:
        """Name and size of each part of :attr:`state`."""
        return STATE_LAYOUT

    @property
    def physics_state(self) -> Float64[np.ndarray, " S"]:
        """float64 (S,): qpos, qvel and the goal's quaternion, a copy."""
        return joined(self._parts())

    def set_physics_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Set the simulation to a recorded state.

        Raises:
            ValueError: the state has the wrong number of entries for this model.
        """
        write(physics_state, self._parts())
        place(self._env.model, self._env.data)

    def _parts(self) -> tuple[Any, ...]:
        """Views of everything that a physics state holds."""
        data = self._load().data
        return data.qpos, data.qvel, self._goal

    @property
    def _goal(self) -> Any:
        """The goal's quaternion in the model, to be read and written."""
        return self._env.model.body_quat[self._env.target_obj_body_id]

    def _build(self) -> Any:
        env = robotics_module(_MODULE, what="the pen", extra="hands").AdroitHandPenEnv()
        env.reset(seed=0)  # the lengths that its observation is divided by
        return env


@cache
def _rotations() -> Any:
    return robotics_module("gymnasium_robotics.utils.rotations", what="the pen", extra="hands")
