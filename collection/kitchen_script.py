"""A script for the Franka kitchen: pushes the kettle, the light switch and the slide cabinet.

The hand is led through points in space by the damped least squares of its Jacobian, while it keeps
its rotation and its elbow. Points are drawn anew around their places for every episode, so that
episodes differ, which start alike. The microwave and the burner, which need a grip, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Float64

from collection.rollout import Policy, Trajectory
from vd4rl_data.simulators.gl import load_mujoco
from vd4rl_data.simulators.kitchen import ROBOT, kitchen_module, model_path
from vd4rl_data.spec import TaskSpec

LEAST: Final = 2
"""Elements that a demonstration has in place at its end."""

_ARM: Final = 7
_GAIN: Final = 15.0  # 1/s
_SPEED: Final = 1.5  # m/s in each direction
_ELBOW: Final = 0.5  # 1/s
_DAMPING: Final = 0.002
_FINGERS: Final = 6.0  # 1/s
_RAD_PER_S: Final = 2.0  # of an action of 1
_NEAR: Final = 0.02  # m
_SPREAD: Final = 0.005  # m
_TURN: Final = 12.0  # 1/s
_SURE: Final = 0.25
_TRIES: Final = 2
_HOME: Final = ((-0.3, 0.3, 2.1), 20)


@dataclass(frozen=True, slots=True)
class Push:
    """How an element is pushed.

    Attributes:
        points: places of the fingers' tip, in meters, and the most time steps for each.
        turn: how fast the hand turns back to its rotation, in 1/s.
    """

    points: tuple[tuple[tuple[float, float, float], int], ...]
    turn: float = _TURN


PUSHES: Final = {
    "kettle": Push(
        (
            ((-0.27, 0.16, 1.95), 20),
            ((-0.27, 0.17, 1.84), 12),
            ((-0.27, 0.75, 1.86), 40),
            ((-0.25, 0.30, 1.98), 14),
        ),
        turn=2.0,
    ),
    "light switch": Push(
        (
            ((-0.31, 0.42, 2.28), 25),
            ((-0.31, 0.63, 2.28), 15),
            ((-0.70, 0.67, 2.28), 30),
            ((-0.40, 0.35, 2.25), 12),
        )
    ),
    "slide cabinet": Push(
        (
            ((-0.30, 0.30, 2.45), 30),
            ((-0.25, 0.58, 2.62), 25),
            ((0.30, 0.62, 2.62), 25),
            ((0.00, 0.40, 2.50), 10),
        )
    ),
}
"""In the order in which they are pushed, if they are among the task's elements. The kettle comes
first: from where the cabinet leaves the arm, it is missed three times of four."""


def make_kitchen_policy(task: TaskSpec, rng: np.random.Generator) -> Policy:
    """The script of one episode."""
    return _Script(task.settings.elements, rng).act


def keeps(trajectory: Trajectory) -> bool:
    """Whether at least :data:`LEAST` elements are in place at the end."""
    return bool(trajectory.rewards[-1] >= LEAST)


class _Script:
    """Where the script of an episode has got to."""

    def __init__(self, elements: tuple[str, ...], rng: np.random.Generator) -> None:
        self._elements, self._rng = elements, rng
        self._hand = _Hand()
        self._joints = np.zeros(0)
        self._plan = self._points()
        self._left, self._turn = 0, 0.0
        self._point = np.zeros(3)

    def act(self, state: Float32[np.ndarray, " P"]) -> Float32[np.ndarray, " A"]:
        """The action at a state of the kitchen."""
        self._joints = state[: self._hand.joints].astype(np.float64)
        place = self._hand.place(self._joints)
        if self._left <= 0 or np.linalg.norm(self._point - place) < _NEAR:
            self._point, self._left, self._turn = next(self._plan)
        self._left -= 1
        return self._hand.towards(self._joints, self._point, self._turn)

    def _points(self) -> Iterator[tuple[Float64[np.ndarray, " 3"], int, float]]:
        """Points, time steps for each, and how fast the hand turns; endless."""
        for element in (name for name in PUSHES if name in self._elements):
            push = PUSHES[element]
            for _ in range(_TRIES):
                for point, steps in push.points if self._distance(element) > _SURE else ():
                    noise = _SPREAD * self._rng.standard_normal(3)
                    yield np.array(point) + noise, steps, push.turn
        place, steps = _HOME
        while True:
            yield np.array(place), steps, _TURN

    def _distance(self, element: str) -> float:
        """How far an element is from its goal; less than 0.3 is in place."""
        kitchen = kitchen_module()
        found = self._joints[kitchen.OBS_ELEMENT_INDICES[element]]
        return float(np.linalg.norm(found - kitchen.OBS_ELEMENT_GOALS[element]))


@cache
def _model() -> Any:
    return load_mujoco().MjModel.from_xml_path(str(model_path()))


class _Hand:
    """The arm's kinematics, from the positions of the joints alone."""

    def __init__(self) -> None:
        self._mujoco, self._model = load_mujoco(), _model()
        self._data: Any = self._mujoco.MjData(self._model)
        self._tip = self._model.site("end_effector").id
        self._rotation: Float64[np.ndarray, "3 3"] | None = None
        self._elbow = np.zeros(_ARM)
        self.joints = int(self._model.nq)

    def place(self, joints: Float64[np.ndarray, " Q"]) -> Float64[np.ndarray, " 3"]:
        """Where the fingers' tip is."""
        self._data.qpos[:] = joints
        self._mujoco.mj_kinematics(self._model, self._data)
        self._mujoco.mj_comPos(self._model, self._data)
        if self._rotation is None:
            self._rotation, self._elbow = self._axes().copy(), joints[:_ARM].copy()
        return self._data.site_xpos[self._tip].copy()

    def towards(
        self, joints: Float64[np.ndarray, " Q"], point: Float64[np.ndarray, " 3"], turn: float
    ) -> Float32[np.ndarray, " A"]:
        """The action, with closed fingers, that leads from the last :meth:`place` to a point."""
        assert self._rotation is not None
        ahead = np.clip(_GAIN * (point - self._data.site_xpos[self._tip]), -_SPEED, _SPEED)
        around = np.cross(self._axes().T, self._rotation.T).sum(axis=0) / 2 * turn
        moves = np.zeros((2, 3, self._model.nv))
        self._mujoco.mj_jacSite(self._model, self._data, moves[0], moves[1], self._tip)
        jacobian = moves.reshape(6, -1)[:, :_ARM]
        inverse = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + _DAMPING * np.eye(6))
        rest = (np.eye(_ARM) - inverse @ jacobian) @ (_ELBOW * (self._elbow - joints[:_ARM]))
        speeds = inverse @ np.concatenate([ahead, around]) + rest
        speeds /= max(1.0, float(np.abs(speeds).max()) / _RAD_PER_S)
        fingers = -_FINGERS * joints[_ARM:ROBOT]
        action = np.concatenate([speeds, fingers]) / _RAD_PER_S
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _axes(self) -> Float64[np.ndarray, "3 3"]:
        return self._data.site_xmat[self._tip].reshape(3, 3)
