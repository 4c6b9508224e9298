"""The D'Claw turns a valve: LOMPO's screw task on the models of ROBEL (Ahn et al., 2019).

Three fingers stand around a valve and are to turn it as fast as they can. Of ROBEL are the model,
the pose at the start, the way from actions to joints and the costs; of LOMPO the reward for speed.
The valve's joint, which ends after one turn each way in ROBEL's model, turns freely here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from gymnasium.utils.seeding import np_random
from jaxtyping import Float32, Float64, UInt8

from vd4rl_data.simulators.dclaw_model import load_claw
from vd4rl_data.simulators.draw import Canvases
from vd4rl_data.simulators.drawing import simplify
from vd4rl_data.simulators.gl import load_mujoco
from vd4rl_data.simulators.protocol import EnvironmentStep, View, check_seed
from vd4rl_data.simulators.wrapped import GoesOn, check_actions, joined, place, write
from vd4rl_data.spec import TaskSpec

STATE_LAYOUT: Final = (
    ("claw_position", 9),
    ("claw_velocity", 9),
    ("valve_direction", 2),
    ("valve_velocity", 1),
)
"""Joints in rad and rad/s, and cosine and sine of the valve's angle. The first two are LOMPO's
proprioception."""

_JOINTS: Final = 9
_SUBSTEPS: Final = 40
_PI: Final = float(np.pi)
_START: Final = np.array([0.0, -_PI / 3, _PI / 3] * 3)
_REACH: Final = np.array([0.48, _PI / 3, _PI / 2] * 3)
"""An action of 1 asks for this angle, in rad, and one of -1 for the opposite."""

_FASTEST: Final = 2 * _PI / 3
"""No joint is asked to turn faster, in rad/s."""

_SLOW: Final = 0.5
"""Joints that turn slower cost nothing, in rad/s."""

_SPEED: Final = 5.0
_VALVE: Final = "valve_OBJRx"
_MARK: Final = "tmark"


@dataclass(frozen=True, slots=True)
class DClawSettings:
    """Settings of the claw.

    Attributes:
        direction: which way the valve is to be turned: 1, as LOMPO's v0, or -1, as its v1.
        spread: the valve starts at an angle between this and its opposite, in rad.
    """

    direction: int = 1
    spread: float = _PI

    def __str__(self) -> str:
        return f"ROBEL: D'Claw screw, direction {self.direction:+d}"


class DClawSimulator(GoesOn):
    """The claw; an action is the angle that each joint is asked for."""

    Settings: ClassVar[type[Any]] = DClawSettings
    PACKAGES: ClassVar[tuple[str, ...]] = ("mujoco",)

    def __init__(self, task: TaskSpec) -> None:
        """Remember the task; see :class:`~vd4rl_data.simulators.protocol.Simulator`.

        Raises:
            ValueError: there is no such direction.
        """
        self._task = task
        self._settings: DClawSettings = task.settings
        if self._settings.direction not in (1, -1):
            raise ValueError(
                f"task {task.name!r}: direction: expected 1 or -1, got {self._settings.direction}"
            )
        self._random: np.random.Generator | None = None
        self._model: Any = None
        self._data: Any = None
        self._canvases = Canvases()

    def reset(self, seed: int | None) -> None:
        """Start an episode.

        Raises:
            MissingRobotError: the wheel with the model is not there.
            ValueError: the seed is negative, or the row disagrees with the model.
        """
        check_seed(seed)
        mujoco, model, data = load_mujoco(), self.model, self._built_data()
        if self._random is None or seed is not None:
            self._random = np_random(seed)[0]
        mujoco.mj_resetData(model, data)
        data.qpos[:_JOINTS] = _START
        data.qpos[-1] = self._random.uniform(-self._settings.spread, self._settings.spread)
        mujoco.mj_forward(model, data)

    def step(self, control: Float64[np.ndarray, " A"]) -> EnvironmentStep:
        """Take one environment step of 100 ms."""
        mujoco, data = load_mujoco(), self._data
        here, most = data.qpos[:_JOINTS], _FASTEST * self.control_timestep
        data.ctrl[:] = here + np.clip(control * _REACH - here, -most, most)
        mujoco.mj_step(self._model, data, nstep=_SUBSTEPS)
        return EnvironmentStep(reward=self._reward())

    @property
    def control_timestep(self) -> float:
        """Seconds between two environment steps. Builds the simulator."""
        return float(self.model.opt.timestep * _SUBSTEPS)

    @property
    def state(self) -> Float32[np.ndarray, " P"]:
        """float32 (P,): :data:`STATE_LAYOUT`."""
        data = self._built_data()
        angle = data.qpos[-1]
        valve = (np.cos(angle), np.sin(angle), data.qvel[-1])
        parts = (data.qpos[:_JOINTS], data.qvel[:_JOINTS], valve)
        return np.concatenate(parts).astype(np.float32)

    @property
    def state_layout(self) -> tuple[tuple[str, int], ...]:
        """Name and size of each part of :attr:`state`."""
        return STATE_LAYOUT

    @property
    def physics_state(self) -> Float64[np.ndarray, " S"]:
        """float64 (S,): qpos and qvel, a copy."""
        data = self._built_data()
        return joined((data.qpos, data.qvel))

    def set_physics_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Set the simulation to a recorded state.

        Raises:
            ValueError: the state has the wrong number of entries for this model.
        """
        data = self._built_data()
        write(physics_state, (data.qpos, data.qvel))

    @property
    def model(self) -> Any:
        """``mujoco.MjModel``. Builds the simulator."""
        if self._model is None:
            model = load_claw()
            check_actions(self._task, (model.nu,))
            model.jnt_limited[model.joint(_VALVE).id] = 0
            model.site_rgba[model.site(_MARK).id, 3] = 0.0  # of other tasks' goals
            simplify(model, self._task.drawing)
            self._canvases.adopt(model)
            self._model, self._data = model, load_mujoco().MjData(model)
        return self._model

    @property
    def data(self) -> Any:
        """``mujoco.MjData`` of the current state, where everything is, too."""
        place(self.model, self._data)
        return self._data

    def draw(self, view: View) -> UInt8[np.ndarray, "size size 3"]:
        """Draw the current state; raises the same errors as :meth:`Canvases.draw`."""
        return self._canvases.draw(self.model, self.data, view)

    def close(self) -> None:
        """Free the model and its OpenGL context."""
        self._canvases.release()
        self._model = self._data = None

    def _built_data(self) -> Any:
        return self._data if self.model is not None else None

    def _reward(self) -> float:
        """Costs of leaving the pose at the start and of fast joints, and the valve's speed."""
        data = self._data
        speed = data.qvel[:_JOINTS]
        away = np.linalg.norm(data.qpos[:_JOINTS] - _START)
        fast = np.linalg.norm(speed[np.abs(speed) >= _SLOW])
        return float(_SPEED * self._settings.direction * data.qvel[-1] - away - fast)
