"""Gymnasium's CarRacing-v3, on Box2D.

LQV-D4RL has this task, but its settings were never published, so these are choices of ours:

- An action is (steering, gas, brake), each in [-1, 1]; gas and brake are mapped linearly to [0, 1],
  as SeMOPO's code maps the actions of every task. So zeros are half the gas and half the brake.
- The camera has zoomed in when an episode starts: Gymnasium zooms during the first second.
- Frames are Gymnasium's own, 96 × 96 with the panel at the bottom, resized by antialiased
  interpolation.
- An episode ends with the lap (a success) or on leaving the field, otherwise at the row's horizon.

Box2D keeps forces that no state holds, so frames are drawn while an episode is played, not later.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.simulators.protocol import EnvironmentStep, View, check_seed
from vd4rl_data.spec import TaskSpec

ROAD_POINTS: Final = 10
"""Points of the road ahead that the state tells."""

_ROAD_STRIDE: Final = 3
_ZOOMED: Final = 1.0
"""Seconds after which Gymnasium's camera no longer moves in."""

STATE_LAYOUT: Final = (
    ("velocity", 2),
    ("rotation", 1),
    ("steering", 1),
    ("wheels", 4),
    ("road", 2 * ROAD_POINTS),
)
"""Proprioception of ours, in the car's frame: velocity, angular velocity, angle of the front
wheels, speed of each wheel, and the middle of the road at every third of the next thirty tiles; in
units of Gymnasium's own simulation, scaled to the order of 1."""

ROAD_SCALE: Final = 50.0
"""What velocities and the points of the road are divided by."""

_SCALES: Final = (ROAD_SCALE, 5.0, 0.4, 100.0, ROAD_SCALE)


@dataclass(frozen=True, slots=True)
class CarRacingSettings:
    """Settings of the track.

    Attributes:
        lap_complete_percent: share of the tiles that must have been visited to finish the lap.
    """

    lap_complete_percent: float = 0.95

    def __str__(self) -> str:
        return "Gymnasium: CarRacing-v3"


class CarRacingSimulator:
    """The car on a track that is drawn anew for every episode."""

    Settings: ClassVar[type[Any]] = CarRacingSettings
    PACKAGES: ClassVar[tuple[str, ...]] = ("gymnasium", "box2d", "pygame-ce")

    def __init__(self, task: TaskSpec) -> None:
        """Remember the task; see :class:`~vd4rl_data.simulators.protocol.Simulator`."""
        self._settings: CarRacingSettings = task.settings
        self._random: np.random.Generator | None = None
        self._game: Any = None

    def reset(self, seed: int | None) -> None:
        """Start an episode on the track of this seed.

        The game is made anew, because Box2D's world remembers what was in it.

        Raises:
            MissingDependencyError: Box2D or pygame is not installed.
            ValueError: the seed is negative.
        """
        check_seed(seed)
        game = _game_class()(lap_complete_percent=self._settings.lap_complete_percent)
        self.close()
        if seed is None and self._random is not None:
            game.np_random = self._random
        game.reset(seed=seed)
        self._random = game.np_random
        game.t = _ZOOMED
        game.state = game._render("state_pixels")
        self._game = game

    def step(self, control: Float64[np.ndarray, " A"]) -> EnvironmentStep:
        """Take one step of 1/50 s."""
        steering, gas, brake = control
        action = np.array([steering, (gas + 1) / 2, (brake + 1) / 2])
        _, reward, terminated, truncated, info = self._game.step(action)
        return EnvironmentStep(
            reward=float(reward),
            discount=0.0 if terminated else 1.0,
            terminated=bool(terminated),
            truncated=bool(truncated),
            success=bool(info.get("lap_finished", False)),
        )

    @property
    def control_timestep(self) -> float:
        """Seconds between two steps."""
        return 1.0 / _game_class().metadata["render_fps"]

    @property
    def state(self) -> Float32[np.ndarray, " P"]:
        """float32 (P,): :data:`STATE_LAYOUT`."""
        car = self._game.car
        hull = car.hull
        velocity = hull.GetLocalVector(hull.linearVelocity)
        parts = (
            tuple(velocity),
            (hull.angularVelocity,),
            (car.wheels[0].joint.angle,),
            tuple(wheel.omega for wheel in car.wheels),
            self._road_ahead(),
        )
        scaled = [np.ravel(part) / scale for part, scale in zip(parts, _SCALES, strict=True)]
        return np.concatenate(scaled).astype(np.float32)

    @property
    def state_layout(self) -> tuple[tuple[str, int], ...]:
        """Name and size of each part of :attr:`state`."""
        return STATE_LAYOUT

    @property
    def physics_state(self) -> None:
        """There is none."""
        return

    def set_physics_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Refused: nothing that Box2D tells is enough to draw a frame again.

        Raises:
            ValueError: always.
        """
        del physics_state
        raise ValueError(
            "physics state: car racing has none, its frames are drawn while it is played"
        )

    @property
    def model(self) -> None:
        """There is no MuJoCo model."""
        return

    def draw(self, view: View) -> UInt8[np.ndarray, "size size 3"]:
        """The frame of the current moment; the game has one camera."""
        from PIL import Image

        frame = Image.fromarray(np.ascontiguousarray(self._game.state))
        size = (view.size, view.size)
        return np.array(frame.resize(size, Image.Resampling.BILINEAR), dtype=np.uint8)

    def close(self) -> None:
        """Free the game."""
        if self._game is not None:
            self._game.close()
        self._game = None

    def _road_ahead(self) -> Float64[np.ndarray, "N 2"]:
        """The middle of the road at the next tiles, as the car sees it."""
        game = self._game
        hull = game.car.hull
        points = np.array([point[2:4] for point in game.track])
        nearest = int(np.argmin(((points - np.array(hull.position)) ** 2).sum(axis=1)))
        ahead = nearest + _ROAD_STRIDE * np.arange(1, ROAD_POINTS + 1)
        cosine, sine = np.cos(hull.angle), np.sin(hull.angle)
        turned = np.array([[cosine, -sine], [sine, cosine]])
        return (points[ahead % len(points)] - np.array(hull.position)) @ turned


@cache
def _game_class() -> Any:
    """Import the game.

    Raises:
        MissingDependencyError: Box2D or pygame is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Raised as an error, Box2D's own (about its types) would end the process.
            warnings.simplefilter("ignore")
            importlib.import_module("Box2D")
            importlib.import_module("pygame")
            from gymnasium.envs.box2d.car_racing import CarRacing
    except ImportError as error:
        raise MissingDependencyError(
            f"{error.name} is not installed, and car racing needs it:"
            ' `pip install "vd4rl-data[car]"`'
        ) from error
    return CarRacing
