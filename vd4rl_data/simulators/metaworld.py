"""Tasks of MetaWorld 3.1.1 (Yu et al., 2019), with layouts that are drawn anew in every episode.

What the library leaves to its users is decided here:

- Its ``reset(seed=)`` ignores the seed. Here a seed is the whole story: layout and hand follow it.
- Success is of the moment, the environment goes on after it, and its own limit of 500 steps is off.
- Where things are stands in the model, not in the positions of joints. So a physics state is qpos,
  qvel, the pose of the mocap body that pulls the gripper, the goal, and that layout.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final

import numpy as np
from gymnasium.utils.seeding import np_random
from jaxtyping import Float32, Float64

from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.simulators.gl import load_mujoco
from vd4rl_data.simulators.protocol import EnvironmentStep, check_seed
from vd4rl_data.simulators.wrapped import GoesOn, WrappedSimulator, joined, write
from vd4rl_data.spec import TaskSpec

_NO_LIMIT: Final = 1 << 62
_DIGITS: Final = slice(0, 18)
"""The library's observation begins with the current moment; the rest repeats the one before."""

STATE_LAYOUT: Final = (("hand", 3), ("gripper", 1), ("objects", 14), ("goal", 3))
"""The library's observation without its history: position of the hand, how far the gripper is open
(1 is open), position and rotation of up to two objects, and the goal; in meters."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What a reset writes into the model, and the sites that mark the goal.

    In coffee-push, neither of them is where the goal is: one is fixed, the other moves with the
    mug.
    """

    bodies: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()


_GOAL: Final = ("goal",)
_LAYOUTS: Final = {
    "assembly-v3": _Layout(("peg",), ("pegTop",), ("pegTop",)),
    "bin-picking-v3": _Layout(),
    "box-close-v3": _Layout(("boxbody",), _GOAL, _GOAL),
    "coffee-push-v3": _Layout(("coffee_machine",), ("mug_goal",), ("mug_goal", "coffee_goal")),
    "disassemble-v3": _Layout(("peg",), ("pegTop",)),
    "door-open-v3": _Layout(("door",), _GOAL, _GOAL),
    "drawer-open-v3": _Layout(("drawer",), _GOAL, _GOAL),
    "hammer-v3": _Layout(("box",), (), _GOAL),
    "plate-slide-v3": _Layout(("puck_goal",), _GOAL, _GOAL),
    "window-open-v3": _Layout(("window",), _GOAL, _GOAL),
}
"""The environments that are known here."""


@dataclass(frozen=True, slots=True)
class MetaWorldSettings:
    """Settings of one environment.

    Attributes:
        environment: the library's name, e.g. ``door-open-v3``.
        reward: ``sparse``, 1 while the task is solved and else 0, or ``dense``, the library's own.
        goal_marker: whether the ball that marks the goal is seen, as the library draws it.
        frozen_layout: the vector that a reset would draw; empty if it is drawn for every episode.
        hand: where the hand starts, in meters; empty for the library's own place.
        hand_spread: standard deviation around it, in meters.
        settle_steps: environment steps without an action before the first observation.
    """

    environment: str
    reward: str = "sparse"
    goal_marker: bool = True
    frozen_layout: tuple[float, ...] = ()
    hand: tuple[float, ...] = ()
    hand_spread: float = 0.0
    settle_steps: int = 0

    def __str__(self) -> str:
        return f"MetaWorld: {self.environment}"


class MetaWorldSimulator(WrappedSimulator, GoesOn):
    """The Sawyer arm at its table; an action is the hand's motion (3) and the gripper's force.

    After :meth:`resume` the states are the recorded ones. Rewards and successes that are counted
    from where an episode began are so only if the layout is frozen: the state does not tell it.
    """

    Settings: ClassVar[type[Any]] = MetaWorldSettings
    PACKAGES: ClassVar[tuple[str, ...]] = ("metaworld", "mujoco", "gymnasium")

    def __init__(self, task: TaskSpec) -> None:
        """Remember the task; see :class:`~vd4rl_data.simulators.protocol.Simulator`.

        Raises:
            ValueError: the environment or the reward of the settings is not known.
        """
        super().__init__(task)
        self._settings: MetaWorldSettings = task.settings
        if self._settings.environment not in _LAYOUTS:
            raise ValueError(
                f"task {task.name!r}: environment: expected one of {', '.join(_LAYOUTS)}, got"
                f" {self._settings.environment!r}"
            )
        if self._settings.reward not in ("sparse", "dense"):
            raise ValueError(
                f"task {task.name!r}: reward: expected sparse or dense, got"
                f" {self._settings.reward!r}"
            )
        self._layout = _LAYOUTS[self._settings.environment]
        self._random: np.random.Generator | None = None

    def reset(self, seed: int | None) -> None:
        """Start an episode.

        Raises:
            MissingDependencyError: metaworld is not installed.
            ValueError: the seed is negative, or the row disagrees with the environment.
        """
        check_seed(seed)
        env, settings = self._load(), self._settings
        random = self._random
        if random is None or seed is not None:
            random = self._random = np_random(seed)[0]
        env.np_random = random
        if settings.hand:
            noise = settings.hand_spread * random.standard_normal(3)
            env.hand_init_pos = np.array(settings.hand) + noise
        env.reset()
        for _ in range(settings.settle_steps):
            env.step(np.zeros(4, np.float32))
        load_mujoco().mj_forward(env.model, env.data)

    def step(self, control: Float64[np.ndarray, " A"]) -> EnvironmentStep:
        """Take one environment step of 12.5 ms."""
        _, reward, _, _, info = self._env.step(control)
        success = bool(info["success"])
        return EnvironmentStep(
            reward=float(success) if self._settings.reward == "sparse" else float(reward),
            success=success,
        )

    @property
    def state(self) -> Float32[np.ndarray, " P"]:
        """float32 (P,): :data:`STATE_LAYOUT`."""
        env = self._env
        moment = env._get_curr_obs_combined_no_goal()[_DIGITS]
        return np.concatenate([moment, env._target_pos]).astype(np.float32)

    @property
    def state_layout(self) -> tuple[tuple[str, int], ...]:
        """Name and size of each part of :attr:`state`."""
        return STATE_LAYOUT

    @property
    def physics_state(self) -> Float64[np.ndarray, " S"]:
        """float64 (S,): qpos, qvel, mocap position and rotation, the goal, and the layout."""
        return joined(self._parts())

    def set_physics_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Set the simulation to a recorded state.

        Raises:
            ValueError: the state has the wrong number of entries for this model.
        """
        env = self._load()
        if env._target_pos is None:
            self.reset(0)  # the constant parts of a layout
        write(physics_state, self._parts())
        load_mujoco().mj_forward(env.model, env.data)

    def _parts(self) -> list[Any]:
        """Views of everything that a physics state holds."""
        env = self._env
        model, data = env.model, env.data
        bodies = [model.body_pos[model.body(name).id] for name in self._layout.bodies]
        sites = [model.site_pos[model.site(name).id] for name in self._layout.sites]
        return [
            data.qpos,
            data.qvel,
            data.mocap_pos,
            data.mocap_quat,
            env._target_pos,
            *bodies,
            *sites,
        ]

    def _build(self) -> Any:
        env = _environments()[self._settings.environment]()
        env._set_task_called = True
        env._partially_observable = False
        env.__dict__.pop("sawyer_observation_space", None)  # computed again, with the goal
        env.max_path_length = _NO_LIMIT
        env._freeze_rand_vec = bool(self._settings.frozen_layout)
        env.seeded_rand_vec = True
        if self._settings.frozen_layout:
            env._last_rand_vec = np.array(self._settings.frozen_layout)
        for marker in () if self._settings.goal_marker else self._layout.markers:
            env.model.site_rgba[env.model.site(marker).id, 3] = 0.0
        return env


@cache
def _environments() -> Any:
    """The library's environments by name.

    Raises:
        MissingDependencyError: metaworld is not installed.
    """
    load_mujoco()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("metaworld.env_dict").ALL_V3_ENVIRONMENTS
    except ImportError as error:
        raise MissingDependencyError(
            f"{error.name} is not installed, and MetaWorld's tasks need it:"
            ' `pip install "vd4rl-data[metaworld]"`'
        ) from error
