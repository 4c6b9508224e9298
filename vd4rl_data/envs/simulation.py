"""A task of the dm_control suite as physics: reset, step, states; frames only when asked for.

The environment wraps this class. Data collection uses it directly, rolls out without rendering, and
renders the recorded physics states afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from jaxtyping import Float32, Float64, UInt8
from numpy.typing import ArrayLike

from vd4rl_data.envs.actions import checked_actions
from vd4rl_data.envs.backend import load_suite
from vd4rl_data.envs.render import release, render_frame, render_state
from vd4rl_data.registry import TaskSpec, get_task_spec

SIMULATOR = "dmc"
_WORD = 1 << 32


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one time step brought.

    Attributes:
        reward: sum over the environment steps of the time step.
        discount: the simulator's discount, multiplied over them; 0 after termination.
        terminated: the task ended (no bootstrap).
        truncated: the horizon was reached.
    """

    reward: float
    discount: float
    terminated: bool
    truncated: bool


class DMCSimulation:
    """One simulated task. Nothing is imported or built before the first reset.

    The horizon is counted here from the task's row; the simulator's own time limit is switched off.
    """

    def __init__(self, task: str | TaskSpec) -> None:
        """Args:
            task: a task name of the registry, or its row.

        Raises:
            UnknownTaskError: there is no such task.
            ValueError: the task belongs to another simulator.
        """
        self.task = get_task_spec(task) if isinstance(task, str) else task
        if self.task.simulator != SIMULATOR:
            raise ValueError(
                f"task {self.task.name!r}: expected simulator {SIMULATOR!r},"
                f" got {self.task.simulator!r}"
            )
        self._random = np.random.RandomState()
        self._environment: Any = None
        self._observation: Any = None
        self._steps_left = 0

    def reset(self, seed: int | None = None) -> None:
        """Start an episode.

        Args:
            seed: makes the episode a function of the seed alone, the same bytes whatever happened
                before: below 2**32, the episode that the suite itself starts when loaded with
                ``random=seed``. ``None`` goes on with the current random stream (first use: entropy
                of the system).

        Raises:
            MissingDependencyError: mujoco or dm_control is not installed.
            ValueError: the seed is negative, or the row disagrees with the suite.
        """
        if seed is not None:
            self._random.seed(_mersenne_seed(seed))
        self._observation = self._load().reset().observation
        self._steps_left = self.task.horizon

    def step(self, action: ArrayLike) -> StepResult:
        """Take one time step: the action held for ``action_repeat`` environment steps, or to the
        end.

        Args:
            action: (A,), finite, in [-1, 1]; it is rounded to float32.

        Raises:
            ResetNeeded: no episode is running.
            InvalidActionError: wrong shape, not finite, or outside [-1, 1].
        """
        if not self._steps_left:
            raise ResetNeeded("step() was called with no episode running; call reset() first")
        control = checked_actions(action, (self.task.action_size,), "action")
        reward, discount, terminated = 0.0, 1.0, False
        for _ in range(min(self.task.action_repeat, self._steps_left)):
            time_step = self._environment.step(control.astype(np.float64))
            self._steps_left -= 1
            reward += float(time_step.reward)
            discount *= float(time_step.discount)
            self._observation = time_step.observation
            if time_step.last():  # the time limit is off, so the task itself has ended
                terminated = discount == 0.0
                truncated = not terminated
                self._steps_left = 0
                return StepResult(reward, discount, terminated, truncated)
        return StepResult(reward, discount, terminated, truncated=not self._steps_left)

    @property
    def physics_state(self) -> Float64[np.ndarray, " S"]:
        """float64 (S,): qpos, qvel and act, a copy. Enough to draw the frame again."""
        return np.array(self._physics.get_state(), dtype=np.float64)

    @property
    def state(self) -> Float32[np.ndarray, " P"]:
        """float32 (P,): proprioception, the suite's observations flattened in their order."""
        self._check_started()
        return _flat(self._observation)

    @property
    def state_layout(self) -> tuple[tuple[str, int], ...]:
        """Names and sizes of what :attr:`state` is made of, in order."""
        self._check_started()
        return tuple((name, int(np.size(part))) for name, part in self._observation.items())

    @property
    def seconds_per_time_step(self) -> float:
        """Simulated time between two decisions, in seconds. Builds the simulator."""
        return float(self._load().control_timestep()) * self.task.action_repeat

    def render(self, size: int) -> UInt8[np.ndarray, "size size 3"]:
        """Draw the current frame, uint8 (size, size, 3); raises what :func:`render_frame` does."""
        return render_frame(self._physics, size, self.task.camera_id)

    def render_state(
        self, physics_state: Float64[np.ndarray, " S"], size: int
    ) -> UInt8[np.ndarray, "size size 3"]:
        """Draw a recorded state; ends a running episode. Raises what :func:`render_state` does."""
        self._steps_left, self._observation = 0, None
        return render_state(self._load().physics, physics_state, size, self.task.camera_id)

    def state_at(self, physics_state: Float64[np.ndarray, " S"]) -> Float32[np.ndarray, " P"]:
        """float32 (P,): :attr:`state` as it was at a recorded physics state.

        The same bits where the task observes nothing but positions and velocities; touch sensors
        (hopper) feel the forces of the step that led there, which no physics state holds. Ends a
        running episode.

        Raises:
            ValueError: it is not a physics state of this task.
        """
        self._steps_left, self._observation = 0, None
        environment = self._load()
        physics = environment.physics
        size = physics.get_state().shape
        if physics_state.shape != size:
            raise ValueError(f"physics state: expected shape {size}, got {physics_state.shape}")
        with physics.reset_context():
            physics.set_state(physics_state)
        return _flat(environment.task.get_observation(physics))

    def close(self) -> None:
        """Free the physics and its OpenGL context. A later reset builds them anew."""
        if self._environment is not None:
            release(self._environment.physics)
            self._environment.physics.free()
        self._environment = self._observation = None
        self._steps_left = 0

    @property
    def _physics(self) -> Any:
        self._check_started()
        return self._environment.physics

    def _check_started(self) -> None:
        if self._observation is None:
            raise ResetNeeded("there is no state yet; call reset() first")

    def _load(self) -> Any:
        if self._environment is None:
            self._environment = load_suite().load(
                self.task.domain,
                self.task.goal,
                task_kwargs={"random": self._random, "time_limit": float("inf")},
            )
            self._check_row()
        return self._environment

    def _check_row(self) -> None:
        spec = self._environment.action_spec()
        if spec.shape != (self.task.action_size,):
            raise ValueError(
                f"task {self.task.name!r}: the row says {self.task.action_size} action dimensions,"
                f" the suite says {spec.shape}"
            )
        if not (np.all(spec.minimum == -1.0) and np.all(spec.maximum == 1.0)):
            raise ValueError(
                f"task {self.task.name!r}: expected actions in [-1, 1], the suite says"
                f" {spec.minimum} to {spec.maximum}"
            )


def _flat(observation: Mapping[str, Any]) -> Float32[np.ndarray, " P"]:
    parts = [np.ravel(values) for values in observation.values()]
    return np.concatenate(parts).astype(np.float32)


def _mersenne_seed(seed: int) -> int | list[int]:
    """One word as it is, so that small seeds mean what they mean in dm_control; else all words."""
    if seed < 0:
        raise ValueError(f"seed: expected a non-negative integer, got {seed}")
    if seed < _WORD:
        return seed
    words: list[int] = []
    while seed:
        seed, word = divmod(seed, _WORD)
        words.append(word)
    return words
