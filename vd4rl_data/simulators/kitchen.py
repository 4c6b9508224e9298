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
from jaxtyping import Bool, Float32, Float64, UInt8

from vd4rl_data.simulators.draw import Canvases
from vd4rl_data.simulators.drawing import simplify
from vd4rl_data.simulators.gl import load_mujoco
from vd4rl_data.simulators.protocol import EnvironmentStep, View
from vd4rl_data.simulators.robotics import robotics_module
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


class KitchenSimulator:
    """The kitchen; an action is the speed of each joint, in units of 2 rad/s."""

    Settings: ClassVar[type[Any]] = KitchenSettings
    PACKAGES: ClassVar[tuple[str, ...]] = ("gymnasium-robotics", "mujoco", "gymnasium")

    def __init__(self, task: TaskSpec) -> None:
        """Remember the task; see :class:`~vd4rl_data.simulators.protocol.Simulator`."""
        self._task = task
        self._settings: KitchenSettings = task.settings
        self._env: Any = None
        self._canvases = Canvases()

    def reset(self, seed: int | None) -> None:
        """Start an episode.

        Raises:
            MissingDependencyError: gymnasium-robotics is not installed.
            ValueError: the seed is negative, or an element is not known.
        """
        if seed is not None and seed < 0:
            raise ValueError(f"seed: expected a non-negative integer, got {seed}")
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
    def control_timestep(self) -> float:
        """Seconds between two environment steps. Builds the simulator."""
        return float(self._load().robot_env.dt)

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
        return np.concatenate([data.qpos, data.qvel])

    def set_physics_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Set the simulation to a recorded state.

        Raises:
            ValueError: the state has the wrong number of entries for this model.
        """
        env = self._load()
        model, data = env.model, env.data
        expected = (model.nq + model.nv,)
        if np.shape(physics_state) != expected:
            raise ValueError(
                f"physics state: expected shape {expected}, got {np.shape(physics_state)}"
            )
        data.qpos[:], data.qvel[:] = np.split(physics_state, [model.nq])

    @property
    def model(self) -> Any:
        """``mujoco.MjModel``. Builds the simulator."""
        return self._load().model

    @property
    def data(self) -> Any:
        """``mujoco.MjData`` of the current state, where everything is, too."""
        mujoco, env = load_mujoco(), self._load()
        # What a step leaves is where things were before its last hundredth; this does not touch
        # what the next step starts from.
        mujoco.mj_kinematics(env.model, env.data)
        mujoco.mj_comPos(env.model, env.data)
        mujoco.mj_camlight(env.model, env.data)
        return env.data

    def draw(self, view: View) -> UInt8[np.ndarray, "size size 3"]:
        """Draw the current state; raises the same errors as :meth:`Canvases.draw`."""
        return self._canvases.draw(self.model, self.data, view)

    def close(self) -> None:
        """Free the environment and its OpenGL context."""
        self._canvases.release()
        self._env = None

    def _load(self) -> Any:
        if self._env is None:
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
            if env.action_space.shape != (self._task.action_size,):
                raise ValueError(
                    f"task {self._task.name!r}: the row says {self._task.action_size} action"
                    f" dimensions, the environment says {env.action_space.shape}"
                )
            simplify(env.model, self._task.drawing)
            self._canvases.adopt(env.model)
            self._env = env
        return self._env


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
