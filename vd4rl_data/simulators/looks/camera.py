"""Distracting Control Suite: a camera that stands elsewhere, and moves.

The camera stands on a sphere around the robot's center of mass (around the origin of the world, if
the model's camera does not follow) and looks at the point that the model's own looks at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float64
from numpy.random import RandomState

from vd4rl_data.seeding import look_generator
from vd4rl_data.simulators.changes import ROBOT
from vd4rl_data.simulators.gl import load_mujoco
from vd4rl_data.simulators.protocol import Pose

_ANGLE: Final = np.pi / 2
"""Yaw, pitch and roll: the most they depart from the model's camera, in radians per scale."""

_ZOOM_IN, _ZOOM_OUT = 0.5, 1.5
"""The distance: the largest departure, as a share of the model's, per scale."""

_SPEED, _SPEED_STD = 0.4, 0.1
"""Meters per step and per scale, of a camera that is :data:`_USUAL_DISTANCE` away."""

_ROLL_SPEED, _ROLL_SPEED_STD = np.pi / 50, np.pi / 300
"""Radians per step and per scale."""

_USUAL_DISTANCE: Final = 4.0
_EDGE: Final = 1e-6
Vector = Float64[np.ndarray, " 3"]


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """The model's own camera, before the robot has moved.

    Attributes:
        position: float64 (3,), in meters, from the center of mass or the origin of the world.
        target: float64 (3,), the point that it looks at, from the same.
        follows: whether it follows the robot's center of mass.
    """

    position: Vector
    target: Vector
    follows: bool

    @classmethod
    def of(cls, model: Any, camera: int) -> Rest:
        """Args:
            model: ``mujoco.MjModel``.
            camera: number of one of its cameras; -1 for a free one.

        Raises:
            ValueError: a free camera, or one that neither stands still nor follows the robot
                without turning.
        """
        mujoco = load_mujoco()
        if camera < 0:
            raise ValueError(
                "look: expected a camera of the model, which can be moved; got a free one"
            )
        mode = mujoco.mjtCamLight(int(model.cam_mode[camera]))
        follows = mode == mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM
        stands = mode == mujoco.mjtCamLight.mjCAMLIGHT_FIXED and model.cam_bodyid[camera] == 0
        if not (follows or stands):
            raise ValueError(
                f"look: a camera can be moved that follows the robot (trackcom) or stands still;"
                f" camera {model.camera(camera).name!r} does neither ({mode.name})"
            )
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_camlight(model, data)
        center, position = data.subtree_com[ROBOT], data.cam_xpos[camera]
        ahead = -data.cam_xmat[camera].reshape(3, 3)[:, 2] * np.linalg.norm(position - center)
        origin = center if follows else np.zeros(3)
        return cls(position - origin, position + ahead - origin, follows)


def camera_walk(rest: Rest, scale: float, seed: int, *, dynamic: bool) -> Iterator[Pose]:
    """Poses of the camera, step by step; the first one is that of step 0.

    They start uniformly in a box of yaw, pitch, distance and roll around the model's own; dynamic
    ones walk on within, with a velocity that walks, too.

    Args:
        rest: the model's own camera.
        scale: scale of all departures.
        seed: of the episode, in [0, 2**32).
        dynamic: whether the camera moves.
    """
    random = look_generator(seed)
    walk = _Walk(rest, scale, random, moving=scale * dynamic)
    while True:
        walk.move(random)
        yield walk.pose(rest)


class _Walk:
    """Where the camera is, and how fast it goes."""

    def __init__(self, rest: Rest, scale: float, random: RandomState, moving: float) -> None:
        distance, yaw, pitch = _spherical(rest.position)
        turn = _ANGLE * scale
        yaws = (yaw - turn, yaw + turn)
        if -np.pi + _EDGE < yaw < -_EDGE:  # never behind the scene
            yaws = (max(yaws[0], -np.pi), min(yaws[1], 0.0))
        pitches = (max(pitch - turn, 0.0), min(pitch + turn, np.pi / 2))  # never below the floor
        distances = (distance * max(0.0, 1 - _ZOOM_IN * scale), distance * (1 + _ZOOM_OUT * scale))
        self._box = np.array([distances, yaws, pitches])
        self._most_roll = turn
        self._speed = _SPEED * moving * distance / _USUAL_DISTANCE
        self._speed_std = _SPEED_STD * moving * distance / _USUAL_DISTANCE
        self._roll_speed, self._roll_std = _ROLL_SPEED * moving, _ROLL_SPEED_STD * moving
        # The order of the draws is that of the reference.
        drawn_yaw = random.uniform(*yaws)
        drawn_pitch = random.uniform(*pitches)
        self._place = np.array([random.uniform(*distances), drawn_yaw, drawn_pitch])
        self._roll = random.uniform(-turn, turn)
        direction = random.standard_normal(3)
        self._velocity = direction / np.linalg.norm(direction) * random.uniform(0, _SPEED * moving)
        self._rolling = random.uniform(-self._roll_speed, self._roll_speed)

    def move(self, random: RandomState) -> None:
        """Take one step."""
        self._velocity = self._velocity + random.standard_normal(3) * self._speed_std
        self._rolling += random.standard_normal() * self._roll_std
        speed = float(np.linalg.norm(self._velocity))
        if speed > self._speed:
            self._velocity *= self._speed / speed
        before = _cartesian(self._place)
        wanted = _spherical(before + self._velocity)
        wanted[1] += 2 * np.pi * np.round((self._box[1].mean() - wanted[1]) / (2 * np.pi))
        self._place = np.clip(wanted, self._box[:, 0], self._box[:, 1])
        self._velocity = _cartesian(self._place) - before
        rolling = np.clip(self._rolling, -self._roll_speed, self._roll_speed)
        roll = float(np.clip(self._roll + rolling, -self._most_roll, self._most_roll))
        self._roll, self._rolling = roll, roll - self._roll

    def pose(self, rest: Rest) -> Pose:
        """The pose at this step."""
        offset = _cartesian(self._place)
        toward = _look(rest.target - offset)
        return Pose(offset, toward @ _turn(self._roll), rest.follows)


def _spherical(point: Vector) -> Vector:
    """Distance, angle around the z axis, and angle from it."""
    x, y, z = point
    flat = np.hypot(x, y)
    return np.array([np.hypot(flat, z), np.arctan2(y, x), np.arctan2(flat, z)])


def _cartesian(place: Vector) -> Vector:
    distance, around, down = place
    flat = distance * np.sin(down)
    return np.array([flat * np.cos(around), flat * np.sin(around), distance * np.cos(down)])


def _turn(angle: float) -> Float64[np.ndarray, "3 3"]:
    """Rotation around the z axis."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _look(direction: Vector) -> Float64[np.ndarray, "3 3"]:
    """Rotation of an upright camera that looks in a direction."""
    backward = -direction / np.linalg.norm(direction)
    right = np.cross([0.0, 0.0, 1.0], backward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(backward, right), backward], axis=1)
