"""The Franka arm in a kitchen: FrankaKitchen-v1 of gymnasium-robotics (Gupta et al., 2019).

What differs from the library's own task is MOTO's and D5RL's: every element pays in every step that
it is in place, none is removed once it was, and nothing ends an episode early. Of the library:

- Every episode starts alike. A seed decides the noise of the joints' readings alone; it enters the
  dynamics, because an action is added to the last reading.
- An element is in place if its joints are within 0.3 of their goal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from jaxtyping import Bool, Float32, Float64

from vd4rl_data.simulators.protocol import EnvironmentStep, check_seed
from vd4rl_data.simulators.robotics import robotics_module
from vd4rl_data.simulators.wrapped import WrappedSimulator, joined, write
from vd4rl_data.spec import TaskSpec

_MODULE: Final = "gymnasium_robotics.envs.franka_kitchen.kitchen_env"
ROBOT: Final = 9
"""Joints of the robot: seven of the arm and two fingers; the first of all joints."""

STATE_LAYOUT: Final = (
    ("robot", ROBOT),
    ("objects", 21),
    ("robot_velocity", ROBOT),
    ("objects_velocity", 20),
)
"""The joints without the noise of their readings: positions, then velocities."""


@dataclass(frozen=True, slots=True)
class KitchenSettings:
    """Settings of the kitchen.

    Attributes:
        elements: what is to be brought in place, by the library's names, e.g. ``light switch``.
        robot_noise: scale of the noise of the joints' readings.
    """

    elements: tuple[str, ...]
    robot_noise: float = 0.01

    def __str__(self) -> str:
        return f"gymnasium-robotics: FrankaKitchen-v1, {', '.join(self.elements)}"


class KitchenSimulator(WrappedSimulator):
    """The kitchen; an action is the speed of each joint, in units of 2 rad/s."""

    Settings: ClassVar[type[Any]] = KitchenSettings
    PACKAGES: ClassVar[tuple[str, ...]] = ("gymnasium-robotics", "mujoco", "gymnasium")

    def __init__(self, task: TaskSpec) -> None:
        """Remember the task; see :class:`~vd4rl_data.simulators.protocol.Simulator`."""
        super().__init__(task)
        self._settings: KitchenSettings = task.settings

    def reset(self, seed: int | None) -> None:
        """Start an episode.

        Raises:
            MissingDependencyError: gymnasium-robotics is not installed.
            ValueError: the seed is negative, or an element is not known.
        """
        check_seed(seed)
        self._load().reset(seed=seed)

    def step(self, control: Float64[np.ndarray, " A"]) -> EnvironmentStep:
        """Take one environment step of 80 ms."""
        _, _, _, _, info = self._env.step(control)
        done = info["step_task_completions"]
        return EnvironmentStep(
            reward=float(len(done)),
            success=len(done) == len(self._settings.elements),
            completed={element: element in done for element in self._settings.elements},
        )

    @property
    def state(self) -> Float32[np.ndarray, " P"]:
        """float32 (P,): :data:`STATE_LAYOUT`."""
        return self.physics_state.astype(np.float32)

    @property
    def state_layout(self) -> tuple[tuple[str, int], ...]:
        """Name and size of each part of :attr:`state`."""
        return STATE_LAYOUT

    @property
    def physics_state(self) -> Float64[np.ndarray, " S"]:
        """float64 (S,): qpos and qvel, a copy."""
        data = self._load().data
        return joined((data.qpos, data.qvel))

    def set_physics_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Set the simulation to a recorded state.

        Raises:
            ValueError: the state has the wrong number of entries for this model.
        """
        data = self._load().data
        write(physics_state, (data.qpos, data.qvel))

    def _build(self) -> Any:
        module = kitchen_module()
        unknown = set(self._settings.elements) - set(module.OBS_ELEMENT_GOALS)
        if unknown:
            raise ValueError(
                f"task {self._task.name!r}: elements: expected some of"
                f" {', '.join(sorted(module.OBS_ELEMENT_GOALS))}, got"
                f" {', '.join(sorted(unknown))}"
            )
        env = module.KitchenEnv(
            tasks_to_complete=list(self._settings.elements),
            terminate_on_tasks_completed=False,
            remove_task_when_completed=False,
            robot_noise_ratio=self._settings.robot_noise,
        )
        env.dt = env.robot_env.dt  # the name that it has elsewhere
        return env


@cache
def kitchen_module() -> Any:
    """The library's module of the kitchen.

    Raises:
        MissingDependencyError: gymnasium-robotics is not installed.
    """
    return robotics_module(_MODULE, what="the kitchen", extra="kitchen")


def model_path() -> Path:
    """The file of the kitchen's model."""
    assets = Path(kitchen_module().__file__).parents[1] / "assets" / "kitchen_franka"
    return assets / "kitchen_assets" / "kitchen_env_model.xml"


def in_place(physics_states: Float64[np.ndarray, "R S"], element: str) -> Bool[np.ndarray, " R"]:
    """Whether an element is in place in each of some physics states (R, S)."""
    kitchen = kitchen_module()
    joints = physics_states[:, kitchen.OBS_ELEMENT_INDICES[element]]
    distance = np.linalg.norm(joints - kitchen.OBS_ELEMENT_GOALS[element], axis=1)
    return np.asarray(distance < kitchen.BONUS_THRESH)
