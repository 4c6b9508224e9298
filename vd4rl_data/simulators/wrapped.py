"""What simulators share whose MuJoCo model comes from another library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from vd4rl_data.simulators.draw import Canvases
from vd4rl_data.simulators.drawing import simplify
from vd4rl_data.simulators.gl import load_mujoco
from vd4rl_data.simulators.protocol import View
from vd4rl_data.spec import TaskSpec


class WrappedSimulator(ABC):
    """An environment of another library, which is built when it is first used."""

    def __init__(self, task: TaskSpec) -> None:
        """Remember the task; see :class:`~vd4rl_data.simulators.protocol.Simulator`."""
        self._task = task
        self._env: Any = None
        self._canvases = Canvases()

    @abstractmethod
    def _build(self) -> Any:
        """Make the library's environment, which has ``model``, ``data`` and ``action_space``."""

    @property
    def control_timestep(self) -> float:
        """Seconds between two environment steps. Builds the simulator."""
        return float(self._load().dt)

    @property
    def model(self) -> Any:
        """``mujoco.MjModel``. Builds the simulator."""
        return self._load().model

    @property
    def data(self) -> Any:
        """``mujoco.MjData`` of the current state, where everything is, too."""
        env = self._load()
        place(env.model, env.data)
        return env.data

    def draw(self, view: View) -> UInt8[np.ndarray, "size size 3"]:
        """Draw the current state; raises the same errors as :meth:`Canvases.draw`."""
        return self._canvases.draw(self.model, self.data, view)

    def close(self) -> None:
        """Free the environment and its OpenGL context."""
        self._canvases.release()
        self._env = None

    def _built_data(self) -> Any:
        return self._load().data

    def _load(self) -> Any:
        if self._env is None:
            env = self._build()
            check_actions(self._task, env.action_space.shape)
            simplify(env.model, self._task.drawing)
            self._canvases.adopt(env.model)
            self._env = env
        return self._env


def place(model: Any, data: Any) -> None:
    """Put everything where the joints say: a step leaves it where it was before its last part.

    The next step does not depend on it.
    """
    mujoco = load_mujoco()
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_camlight(model, data)


def check_actions(task: TaskSpec, shape: tuple[int, ...]) -> None:
    """Compare a row with the shape of what it controls.

    Raises:
        ValueError: they differ.
    """
    if shape != (task.action_size,):
        raise ValueError(
            f"task {task.name!r}: the row says {task.action_size} action dimensions, the"
            f" environment says {shape}"
        )


def joined(parts: Sequence[Any]) -> Float64[np.ndarray, " S"]:
    """A physics state, a copy, of its parts."""
    return np.concatenate([np.ravel(part) for part in parts])


def write(physics_state: Float64[np.ndarray, " S"], parts: Sequence[Any]) -> None:
    """Set the parts of a simulation, arrays that are written into, to those of a physics state.

    Raises:
        ValueError: the state has the wrong number of entries for this model.
    """
    sizes = [part.size for part in parts]
    expected = (sum(sizes),)
    if np.shape(physics_state) != expected:
        raise ValueError(f"physics state: expected shape {expected}, got {np.shape(physics_state)}")
    for part, values in zip(parts, np.split(physics_state, np.cumsum(sizes)[:-1]), strict=True):
        part[...] = values.reshape(part.shape)


class GoesOn(ABC):
    """A simulator of MuJoCo that goes on from recorded states.

    See :class:`~vd4rl_data.simulators.protocol.Resumable`.
    """

    @abstractmethod
    def _built_data(self) -> Any:
        """``mujoco.MjData``. Builds the simulator."""

    @abstractmethod
    def set_physics_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Set the simulation to a recorded state, or refuse it."""

    def _place_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Be where the next step can start from a recorded state."""
        self.set_physics_state(physics_state)

    def solver_state(self) -> Float64[np.ndarray, " V"]:
        """float64 (V,), a copy: the accelerations that the solver starts the next step from."""
        return np.array(self._built_data().qacc_warmstart, dtype=np.float64)

    def resume(
        self, physics_state: Float64[np.ndarray, " S"], solver_state: Float64[np.ndarray, " V"]
    ) -> None:
        """Let the next step start from a recorded state.

        Args:
            physics_state: float64 (S,).
            solver_state: float64 (V,), see :meth:`solver_state`.

        Raises:
            ValueError: a state has the wrong number of entries for this model.
        """
        data = self._built_data()
        expected = data.qacc_warmstart.shape
        if np.shape(solver_state) != expected:
            raise ValueError(
                f"solver state: expected shape {expected}, got {np.shape(solver_state)}"
            )
        self._place_state(physics_state)
        data.qacc_warmstart[:] = solver_state
