"""Tasks of the dm_control suite (Tunyasuvunakool et al., 2020)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.simulators.bodies import edited_model
from vd4rl_data.simulators.dmc_layout import EpisodeLayout
from vd4rl_data.simulators.draw import Canvases
from vd4rl_data.simulators.gl import backend_errors, load_mujoco
from vd4rl_data.simulators.protocol import EnvironmentStep, View, check_seed
from vd4rl_data.simulators.versions import PACKAGES, check_domain, installed_pair, nearest_pair
from vd4rl_data.simulators.wrapped import GoesOn
from vd4rl_data.spec import Body, TaskSpec
from vd4rl_data.version import versions_of

_WORD = 1 << 32


@dataclass(frozen=True, slots=True)
class DMCSettings:
    """The two names by which the dm_control suite knows a task.

    Attributes:
        domain: e.g. ``walker``.
        goal: e.g. ``walk``.
    """

    domain: str
    goal: str

    def __str__(self) -> str:
        return f"dm_control: {self.domain} {self.goal}"


@cache
def load_suite() -> ModuleType:
    """Import ``dm_control.suite``, after MuJoCo.

    Raises:
        MissingDependencyError: mujoco or dm_control is not installed.
        IncompatibleVersionsError: they do not go together, or draw other pixels.
        RenderBackendError: ``MUJOCO_GL`` names a library that cannot be loaded.
    """
    load_mujoco()
    if "dm_control" not in sys.modules and importlib.util.find_spec("dm_control") is None:
        pair = nearest_pair(versions_of(PACKAGES).get("mujoco"), None)
        raise MissingDependencyError(
            "dm_control is not installed, and its tasks need it:"
            ' `pip install "vd4rl-data[dmc]"`. On Python 3.13 it takes another step:'
            f" `{pair.command}`."
        )
    installed_pair()
    with backend_errors():
        from dm_control import suite
    return suite


class DMCSimulator(GoesOn):
    """One task of the suite, without the suite's time limit: the task's row has the horizon.

    For a seed below 2**32, the episode is the one that the suite itself starts when it is loaded
    with ``random=seed``.
    """

    Settings: ClassVar[type[Any]] = DMCSettings
    PACKAGES: ClassVar[tuple[str, ...]] = PACKAGES

    def __init__(self, task: TaskSpec) -> None:
        """Remember the task; see :class:`~vd4rl_data.simulators.protocol.Simulator`."""
        self._task = task
        self._settings: DMCSettings = task.settings
        self._random = np.random.RandomState()
        self._environment: Any = None
        self._layout: Any = None
        self._observation: Any = None
        self._running = False
        self._canvases = Canvases()

    def reset(self, seed: int | None) -> None:
        """Start an episode.

        Raises:
            MissingDependencyError: mujoco or dm_control is not installed.
            IncompatibleVersionsError: they do not go together, or draw other pixels.
            ValueError: the seed is negative, or the row disagrees with the suite.
        """
        if seed is not None:
            self._random.seed(_mersenne_seed(seed))
        self._observation = self._load().reset().observation
        self._running = True

    def step(self, control: Float64[np.ndarray, " A"]) -> EnvironmentStep:
        """Take one control step of the suite."""
        time_step = self._environment.step(control)
        self._observation = time_step.observation
        discount = float(time_step.discount)
        ended = bool(time_step.last())  # the time limit is off, so the task itself has ended
        self._running = not ended
        return EnvironmentStep(
            reward=float(time_step.reward),
            discount=discount,
            terminated=ended and discount == 0.0,
            truncated=ended and discount != 0.0,
        )

    @property
    def control_timestep(self) -> float:
        """Seconds between two control steps. Builds the simulator."""
        return float(self._load().control_timestep())

    @property
    def state(self) -> Float32[np.ndarray, " P"]:
        """float32 (P,): the suite's observations, flattened in their order."""
        parts = [np.ravel(values) for values in self._observed.values()]
        return np.concatenate(parts).astype(np.float32)

    @property
    def state_layout(self) -> tuple[tuple[str, int], ...]:
        """Name and size of each of the suite's observations, in order."""
        return tuple((name, int(np.size(part))) for name, part in self._observed.items())

    @property
    def physics_state(self) -> Float64[np.ndarray, " S"]:
        """float64 (S,): qpos, qvel, act, and the episode's own layout
        (:data:`~vd4rl_data.simulators.dmc_layout.LAYOUTS`), a copy.
        """
        return np.concatenate([self._load().physics.get_state(), self._layout.read()])

    def set_physics_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Set the simulation to a recorded state.

        Raises:
            ValueError: the state has the wrong number of entries for this model.
        """
        self._place(physics_state)
        self._load().physics.forward()

    def _built_data(self) -> Any:
        return self._load().physics.data

    def _place_state(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Be where an episode would be that had started from a state."""
        physics = self._load().physics
        if not self._running:  # the suite takes no step before a reset
            stream = self._random.get_state()
            self._environment.reset()
            self._random.set_state(stream)
            self._running = True
        self._place(physics_state)
        physics.data.qacc_warmstart[:] = 0.0
        physics.after_reset()  # what an episode's first observation is computed by

    def _place(self, physics_state: Float64[np.ndarray, " S"]) -> None:
        """Write a recorded state into the simulation; nothing is computed from it yet."""
        physics = self._load().physics
        moving = physics.get_state().size
        expected = (moving + self._layout.size,)
        if np.shape(physics_state) != expected:
            raise ValueError(
                f"physics state: expected shape {expected}, got {np.shape(physics_state)}"
            )
        self._layout.write(physics_state[moving:])
        physics.set_state(physics_state[:moving])
        self._observation = None

    @property
    def model(self) -> Any:
        """``mujoco.MjModel``. Builds the simulator."""
        return self._load().physics.model.ptr

    def draw(self, view: View) -> UInt8[np.ndarray, "size size 3"]:
        """Draw the current state; raises the same errors as :meth:`Canvases.draw`."""
        physics = self._load().physics
        return self._canvases.draw(physics.model.ptr, physics.data.ptr, view)

    def close(self) -> None:
        """Free the physics and its OpenGL context."""
        self._canvases.release()
        if self._environment is not None:
            self._environment.physics.free()
        self._environment = self._layout = self._observation = None
        self._running = False

    @property
    def _observed(self) -> Mapping[str, Any]:
        """The task's observations; after :meth:`set_physics_state` they are computed on demand."""
        if self._observation is None:
            environment = self._load()
            self._observation = environment.task.get_observation(environment.physics)
        return self._observation

    def _load(self) -> Any:
        if self._environment is None:
            suite = load_suite()
            check_domain(self._settings.domain)
            environment = suite.load(
                self._settings.domain,
                self._settings.goal,
                task_kwargs={"random": self._random, "time_limit": float("inf")},
            )
            if self._task.body is not None:
                environment = _with_body(environment, self._settings.domain, self._task.body)
            _check_row(self._task, environment.action_spec())
            self._environment = environment
            model = environment.physics.model.ptr
            self._layout = EpisodeLayout(self._settings.domain, model)
        return self._environment


def _with_body(environment: Any, domain: str, body: Body) -> Any:
    """The same task with a changed model."""
    from dm_control.rl import control

    module = importlib.import_module(f"dm_control.suite.{domain}")
    xml, assets = module.get_model_and_assets()
    physics = type(environment.physics).from_xml_string(edited_model(xml, body, assets), assets)
    return control.Environment(
        physics,
        environment.task,
        time_limit=float("inf"),
        control_timestep=environment.control_timestep(),
    )


def _check_row(task: TaskSpec, spec: Any) -> None:
    if spec.shape != (task.action_size,):
        raise ValueError(
            f"task {task.name!r}: the row says {task.action_size} action dimensions,"
            f" the suite says {spec.shape}"
        )
    if not (np.all(spec.minimum == -1.0) and np.all(spec.maximum == 1.0)):
        raise ValueError(
            f"task {task.name!r}: expected actions in [-1, 1], the suite says"
            f" {spec.minimum} to {spec.maximum}"
        )


def _mersenne_seed(seed: int) -> int | list[int]:
    """One 32-bit word unchanged, so that small seeds act as in dm_control; else a list of words."""
    check_seed(seed)
    if seed < _WORD:
        return seed
    words: list[int] = []
    while seed:
        seed, word = divmod(seed, _WORD)
        words.append(word)
    return words
