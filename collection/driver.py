"""A scripted driver for car racing: it steers toward the road ahead, and holds a speed of its own.

It needs no training: it sees what a trained policy would see, the state of
:mod:`vd4rl_data.simulators.car_racing`, which tells the car's speed and the middle of the road. How
far it gets in an episode's time is a matter of its speed, so LQV-D4RL's levels (SeMOPO, Table 3)
are ranges of speeds, and its actions are noisy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from collection.errors import InvalidSettingError
from collection.rolled import Rolled
from collection.rollout import Policy
from vd4rl_data.simulators.car_racing import ROAD_POINTS, ROAD_SCALE, STATE_LAYOUT
from vd4rl_data.spec import TaskSpec

SKILLED: Final = "driver"
LEARNING: Final = "learning_driver"
LEARNED_BY: Final = 400
"""Episodes after which the learning driver has learned: those of LQV-D4RL's medium_replay."""

_SPEEDS: Final = (25.0, 34.5)
"""Of the skilled driver, per episode, in units of the simulation. Without noise, 30 gives a return
of about 420."""
_NOISE: Final = 0.2
_BEGINNER: Final = (0.0, 1.0)
"""Speed and noise of the learning driver's first episode."""
_ADVANCED: Final = (24.0, 0.3)
"""Speed and noise of its last one."""

_LOOKAHEAD: Final = 12.0
"""Speed per road point that is looked ahead."""
_STEERING: Final = 2.0
_BEND: Final = 0.5
"""Share of the speed that is given up before a bend of a radian."""


@dataclass(frozen=True, slots=True)
class DriverBehavior(Rolled):
    """Plays car racing: another speed in every episode.

    Attributes:
        kind: :data:`SKILLED`, LQV-D4RL's medium, or :data:`LEARNING`, its medium_replay: speed
            grows and noise falls from episode to episode.
    """

    kind: str

    @property
    def name(self) -> str:
        """See :class:`collection.players.Behavior`."""
        return self.kind

    @property
    def description(self) -> Mapping[str, Any]:
        """See :class:`collection.players.Behavior`."""
        how = {
            SKILLED: {"speeds": [*_SPEEDS], "noise": _NOISE},
            LEARNING: {
                "first": dict(zip(("speed", "noise"), _BEGINNER, strict=True)),
                "last": dict(zip(("speed", "noise"), _ADVANCED, strict=True)),
                "episodes": LEARNED_BY,
            },
        }
        return {"name": self.name, "scripted": True, **how[self.kind]}

    def make_policy(self, task: TaskSpec, episode: int, rng: np.random.Generator) -> Policy:
        """See :class:`collection.rolled.Rolled`.

        Raises:
            InvalidSettingError: the task is not car racing.
        """
        if task.state_layout != STATE_LAYOUT:
            raise InvalidSettingError(f"task: the driver knows car racing alone, got {task.name}")
        if self.kind == SKILLED:
            speed, noise = float(rng.uniform(*_SPEEDS)), _NOISE
        else:
            share = min(1.0, episode / (LEARNED_BY - 1))
            speed, noise = (
                first + share * (last - first)
                for first, last in zip(_BEGINNER, _ADVANCED, strict=True)
            )

        def act(state: Float32[np.ndarray, " P"]) -> Float32[np.ndarray, " A"]:
            chosen = drive(state, speed) + noise * rng.standard_normal(3)
            return chosen.clip(-1.0, 1.0).astype(np.float32)

        return act


def drive(state: Float32[np.ndarray, " P"], speed: float) -> Float32[np.ndarray, " A"]:
    """Steering, gas and brake, float32 (3,) in [-1, 1], that hold a speed along the road.

    Args:
        state: float32 (P,), as :data:`vd4rl_data.simulators.car_racing.STATE_LAYOUT` tells.
        speed: to hold on a straight road, in units of the simulation.
    """
    road = state[-2 * ROAD_POINTS :].reshape(ROAD_POINTS, 2)
    own = float(np.hypot(*state[:2])) * ROAD_SCALE
    near = min(max(round(own / _LOOKAHEAD), 1), 5)
    bend = min(abs(_angle(road[min(near + 3, ROAD_POINTS - 1)])), 1.0)
    missing = speed * (1 - _BEND * bend) - own
    steering = np.clip(_STEERING * _angle(road[near]), -1.0, 1.0)
    gas, brake = np.clip(missing / 10, 0.0, 1.0), np.clip(-missing / 20 - 0.1, 0.0, 0.8)
    return np.array([steering, 2 * gas - 1, 2 * brake - 1], np.float32)


def _angle(point: Float32[np.ndarray, " 2"]) -> float:
    """How far to the right a point lies, in radians; the car looks along the second axis."""
    return math.atan2(float(point[0]), float(point[1]))
