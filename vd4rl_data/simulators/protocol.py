"""The interface of a simulator. Whatever all simulators share is implemented once, around it.

A new simulator is one class that implements :class:`Simulator`. The action repeat, the horizon, the
checks of actions and the look are added by :class:`~vd4rl_data.simulators.Simulation`.
``docs/extending.md`` has an example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy.typing import NDArray

from vd4rl_data.spec import Camera, TaskSpec


@dataclass(frozen=True, slots=True)
class EnvironmentStep:
    """The outcome of one environment step (one control step of the simulator).

    Attributes:
        reward: reward of this step.
        discount: discount of this step; 0 if the task terminated.
        terminated: the task ended (no bootstrap).
        truncated: the simulator stopped although the task had not ended.
        success: whether the task is solved after this step; ``None`` if the simulator does not say.
        completed: part of the task → whether it is done after this step; empty if it has no parts.
    """

    reward: float
    discount: float = 1.0
    terminated: bool = False
    truncated: bool = False
    success: bool | None = None
    completed: Mapping[str, bool] = field(default_factory=dict[str, bool])


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where a camera of the model is for one frame, in place of its own pose.

    Attributes:
        offset: float64 (3,), in meters, from the center of mass of the robot (the model's first
            body and its children) if ``follows``, else from the origin of the world.
        rotation: float64 (3, 3), from the camera's axes to the world's; it looks along its -z.
        follows: whether the camera follows the robot.
    """

    offset: Float64[np.ndarray, " 3"]
    rotation: Float64[np.ndarray, "3 3"]
    follows: bool


@dataclass(frozen=True, slots=True)
class View:
    """What to draw.

    Attributes:
        size: height and width of the frame, in pixels.
        camera: the camera to draw from.
        textures: numbers of the textures of the model that have changed since the last frame.
        colors: float64 (materials, 4), red, green, blue, alpha from 0 to 1: the colors of the
            model's materials for this frame; ``None``: the model's own.
        pose: where the camera is for this frame, if it is one of the model's; ``None``: where the
            model has it.
        images: number of a texture of the model → uint8 (h, w, 3), its image for this frame (on all
            six faces of a skybox), no larger than the model's own. An array that is handed over
            again must not have changed: it is uploaded once.
    """

    size: int
    camera: Camera
    textures: tuple[int, ...] = field(default=())
    colors: Float64[np.ndarray, "M 4"] | None = field(default=None, compare=False)
    pose: Pose | None = field(default=None, compare=False)
    images: Mapping[int, UInt8[np.ndarray, "h w 3"]] = field(
        default_factory=dict[int, NDArray[np.uint8]], compare=False
    )


class Simulator(Protocol):
    """One task, simulated. Nothing heavy is imported or built before the first use."""

    Settings: ClassVar[type[Any]]
    """The frozen dataclass of :attr:`TaskSpec.settings`; its fields are plain values."""

    PACKAGES: ClassVar[tuple[str, ...]]
    """Packages whose versions affect the results, e.g. ``mujoco``; manifests record them."""

    def __init__(self, task: TaskSpec) -> None:
        """Remember the task.

        Raises:
            ValueError: the task's settings are not of this simulator's class.
        """
        ...

    def reset(self, seed: int | None) -> None:
        """Start an episode that depends on the seed alone, whatever happened before; ``None``
        continues the simulator's own random stream.
        """
        ...

    def step(self, control: Float64[np.ndarray, " A"]) -> EnvironmentStep:
        """Take one environment step; control is float64 (A,), finite, in [-1, 1]."""
        ...

    @property
    def control_timestep(self) -> float:
        """Simulated time of one environment step, in seconds."""
        ...

    @property
    def state(self) -> Float32[np.ndarray, " P"] | None:
        """float32 (P,): proprioception; ``None`` if there is none."""
        ...

    @property
    def state_layout(self) -> tuple[tuple[str, int], ...]:
        """Name and size of each part of :attr:`state`, in order."""
        ...

    @property
    def physics_state(self) -> Float64[np.ndarray, " S"] | None:
        """float64 (S,), a copy: enough to draw the frame again in another simulator of this task,
        so whatever an episode's reset writes into the model (where its goal is, say) belongs to it.
        ``None`` if there is no such state; frames are then drawn only while the episode is played.
        """
        ...

    def set_physics_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Set the simulation to a recorded state, to draw it or to read :attr:`state`.

        Raises:
            ValueError: it is not a physics state of this task.
        """
        ...

    @property
    def model(self) -> Any:
        """The compiled ``mujoco.MjModel``, which looks may change; ``None`` if there is none."""
        ...

    def draw(self, view: View) -> UInt8[np.ndarray, "size size 3"]:
        """Draw the current state, uint8 (size, size, 3), upright."""
        ...

    def close(self) -> None:
        """Free everything. A later reset builds it again."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """What a simulator has as well if it can go on from a recorded state.

    The same actions then lead to the states that they led to before, bit for bit on the same
    machine. A simulator without these methods is played from the start of an episode alone.
    """

    def solver_state(self) -> Float64[np.ndarray, " V"]:
        """float64 (V,), a copy: what the next step depends on besides
        :attr:`Simulator.physics_state` and the action.
        """
        ...

    def resume(
        self, physics_state: Float64[np.ndarray, " S"], solver_state: Float64[np.ndarray, " V"]
    ) -> None:
        """Go on from a recorded state. The simulator's random stream stays as it is.

        Raises:
            ValueError: it is not a state of this task.
        """
        ...


def check_seed(seed: int | None) -> None:
    """Refuse what is no seed of an episode.

    Raises:
        ValueError: it is negative.
    """
    if seed is not None and seed < 0:
        raise ValueError(f"seed: expected a non-negative integer, got {seed}")
