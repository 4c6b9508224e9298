"""The simulation of one task: action repeat, horizon, checks and look, around any simulator.

The environment wraps this class. Data collection uses it directly: it rolls out without rendering
and renders the recorded physics states afterwards.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from jaxtyping import Float32, Float64, UInt8
from numpy.typing import ArrayLike

from vd4rl_data.registry import get_task_spec
from vd4rl_data.seeding import Purpose, word
from vd4rl_data.simulators.actions import checked_actions
from vd4rl_data.simulators.looks import START, DrawnLook, Moment
from vd4rl_data.simulators.protocol import EnvironmentStep, Resumable, Simulator, View
from vd4rl_data.simulators.table import make_look, make_simulator
from vd4rl_data.spec import Look, TaskSpec


@dataclass(frozen=True, slots=True)
class StepResult:
    """The outcome of one time step.

    Attributes:
        reward: sum of the rewards of its environment steps, or the last one's, as the task's row
            says.
        discount: product of the discounts of its environment steps; 0 after termination.
        terminated: the task ended (no bootstrap).
        truncated: the horizon was reached, or the simulator stopped.
        success: whether the task was solved at its last environment step; ``None`` if the simulator
            does not say.
        completed: part of the task → whether it is done at its last environment step; empty if the
            task has no parts.
    """

    reward: float
    discount: float
    terminated: bool
    truncated: bool
    success: bool | None = None
    completed: Mapping[str, bool] = field(default_factory=dict[str, bool])


class Simulation:
    """One simulated task. Nothing is imported or built before the first reset.

    The horizon of the task's row is counted here; a simulator's own time limit is switched off.
    """

    def __init__(self, task: str | TaskSpec, look: Look | None = None) -> None:
        """Args:
            task: the name of a registered task, or a task's row.
            look: how pixels differ from the simulator's own.

        Raises:
            UnknownTaskError: there is no such task.
            UnknownSimulatorError: the task's simulator or the kind of look is not known.
            ValueError: the task's settings are not of its simulator's class.
        """
        self.task = task if isinstance(task, TaskSpec) else get_task_spec(task)
        self.look = look
        self._simulator: Simulator = make_simulator(self.task)
        self._drawn_looks: list[tuple[Look, DrawnLook]] = []
        self._looked_at: Any = None
        self._moment = START
        self._steps_left = 0
        self._started = False

    def reset(self, seed: int | None = None) -> None:
        """Start an episode.

        Args:
            seed: determines the episode, including looks: the same bytes, whatever happened before.
                ``None`` continues the current random stream, which starts from the system's
                entropy.

        Raises:
            MissingDependencyError: the simulator is not installed.
            ValueError: the seed is negative, or the task's row disagrees with the simulator.
        """
        self._simulator.reset(seed)
        self._moment = Moment(self._unseeded_episode() if seed is None else seed, 0)
        self._steps_left = self.task.horizon
        self._started = True

    def _unseeded_episode(self) -> int:
        """What looks take for the seed of an episode without one: it follows from the last one."""
        if not self._started:
            return secrets.randbits(32)
        return word(Purpose.UNSEEDED_EPISODE, self._moment.episode)

    def step(self, action: ArrayLike) -> StepResult:
        """Take one time step: repeat the action for ``action_repeat`` environment steps, or until
        the episode ends.

        Args:
            action: (A,), finite, in [-1, 1]; it is rounded to float32.

        Raises:
            ResetNeeded: no episode is running.
            InvalidActionError: wrong shape, not finite, or outside [-1, 1].
        """
        if not self._steps_left:
            raise ResetNeeded("step() was called with no episode running; call reset() first")
        control = checked_actions(action, (self.task.action_size,), "action").astype(np.float64)
        self._moment = Moment(self._moment.episode, self._moment.step + 1)
        reward, discount, result = 0.0, 1.0, EnvironmentStep(0.0)
        for _ in range(min(self.task.action_repeat, self._steps_left)):
            result = self._simulator.step(control.copy())
            self._steps_left -= 1
            reward = result.reward if self.task.reward_of == "last" else reward + result.reward
            discount *= result.discount
            if result.terminated or result.truncated:
                self._steps_left = 0
                break
        truncated = result.truncated or not (self._steps_left or result.terminated)
        return StepResult(
            reward, discount, result.terminated, truncated, result.success, result.completed
        )

    @property
    def physics_state(self) -> Float64[np.ndarray, " S"] | None:
        """float64 (S,), a copy, enough to draw the frame again; ``None`` if there is none."""
        self._check_started()
        return self._simulator.physics_state

    @property
    def solver_state(self) -> Float64[np.ndarray, " V"] | None:
        """float64 (V,), a copy: what :meth:`resume` needs beside :attr:`physics_state`; ``None`` if
        the simulator cannot go on from a recorded state.
        """
        self._check_started()
        simulator = self._simulator
        return simulator.solver_state() if isinstance(simulator, Resumable) else None

    def resume(
        self, physics_state: Float64[np.ndarray, " S"], solver_state: Float64[np.ndarray, " V"]
    ) -> None:
        """Go on from a recorded state, without a horizon: who goes on knows what is left of it.

        Ends a running episode. With the same actions, :meth:`step` then leads to the states,
        observations and rewards that were recorded: bit for bit with the same versions on the same
        kind of processor.

        Args:
            physics_state: float64 (S,), a recorded :attr:`physics_state`.
            solver_state: float64 (V,), the :attr:`solver_state` of that time.

        Raises:
            ValueError: it is not a state of this task, or its simulator cannot go on from one.
        """
        if not isinstance(self._simulator, Resumable):
            raise ValueError(
                f"task {self.task.name!r}: its simulator {self.task.simulator!r} cannot go on from"
                " a recorded state"
            )
        self._simulator.resume(physics_state, solver_state)
        self._moment, self._steps_left, self._started = START, sys.maxsize, True

    @property
    def state(self) -> Float32[np.ndarray, " P"] | None:
        """float32 (P,): proprioception; ``None`` if there is none."""
        self._check_started()
        return self._simulator.state

    @property
    def state_layout(self) -> tuple[tuple[str, int], ...]:
        """Name and size of each part of :attr:`state`, in order."""
        self._check_started()
        return self._simulator.state_layout

    @property
    def seconds_per_time_step(self) -> float:
        """Simulated time between two decisions, in seconds. Builds the simulator."""
        return self._simulator.control_timestep * self.task.action_repeat

    @property
    def moment(self) -> Moment:
        """Identifies the current frame, for :meth:`render_state`."""
        return self._moment

    def render(self, size: int) -> UInt8[np.ndarray, "size size 3"]:
        """Draw the current frame, uint8 (size, size, 3).

        Raises:
            ResetNeeded: no episode has been started.
            ForkAfterRenderError: this process was forked from one that had rendered.
            RenderBackendError: no OpenGL library works here.
        """
        self._check_started()
        return self._draw((self.look,), size, self._moment)[0]

    def render_state(
        self,
        physics_state: Float64[np.ndarray, " S"],
        size: int,
        moment: Moment = START,
    ) -> UInt8[np.ndarray, "size size 3"]:
        """Draw a recorded state; ends a running episode.

        Args:
            physics_state: float64 (S,), a recorded :attr:`physics_state`.
            size: height and width of the frame, in pixels.
            moment: :attr:`moment` of that time, which a look needs.

        Raises:
            ValueError: it is not a physics state of this task.
            ForkAfterRenderError, RenderBackendError: as in :meth:`render`.
        """
        return self.render_looks(physics_state, size, (self.look,), moment)[0]

    def render_looks(
        self,
        physics_state: Float64[np.ndarray, " S"],
        size: int,
        looks: Sequence[Look | None],
        moment: Moment = START,
    ) -> list[UInt8[np.ndarray, "size size 3"]]:
        """Draw a recorded state in several looks; ends a running episode.

        Each frame has the bytes that :meth:`render_state` of a simulation with this look gives.
        Looks that only change the finished picture (``video``) share one drawing, also with
        ``None``, so that many of them cost little more than one.

        Args:
            physics_state: float64 (S,), a recorded :attr:`physics_state`.
            size: height and width of the frames, in pixels.
            looks: the looks; ``None`` for the simulator's own picture.
            moment: :attr:`moment` of that time, which looks need.

        Returns:
            One frame per look, uint8 (size, size, 3), each an array of its own.

        Raises:
            ValueError: it is not a physics state of this task, or a setting does not apply.
            ForkAfterRenderError, RenderBackendError: as in :meth:`render`.
        """
        self._steps_left, self._started = 0, False
        self._simulator.set_physics_state(physics_state)
        return self._draw(looks, size, moment)

    def state_at(self, physics_state: Float64[np.ndarray, " S"]) -> Float32[np.ndarray, " P"]:
        """float32 (P,): the :attr:`state` that belongs to a recorded physics state.

        Bit for bit the same if the task observes only positions and velocities; touch sensors
        (hopper) feel the forces of the step that led there, which no physics state holds. Ends a
        running episode.

        Raises:
            ValueError: it is not a physics state of this task, or the task has no such state.
        """
        self._steps_left, self._started = 0, False
        self._simulator.set_physics_state(physics_state)
        state = self._simulator.state
        if state is None:
            raise ValueError(f"task {self.task.name!r} has no proprioceptive state")
        return state

    def close(self) -> None:
        """Free the simulator and its OpenGL context. A later reset builds them again."""
        self._simulator.close()
        self._drawn_looks, self._looked_at = [], None
        self._steps_left, self._started = 0, False

    def _draw(
        self, looks: Sequence[Look | None], size: int, moment: Moment
    ) -> list[UInt8[np.ndarray, "size size 3"]]:
        plain = View(size, self.task.camera)
        drawn = [None if look is None else self._drawn(look) for look in looks]
        views = [plain if one is None else one.before(plain, moment) for one in drawn]
        shared = self._simulator.draw(plain) if any(view is plain for view in views) else None
        frames: list[UInt8[np.ndarray, "size size 3"]] = []
        for one, view in zip(drawn, views, strict=True):
            frame = self._simulator.draw(view) if view is not plain or shared is None else shared
            frames.append(frame.copy() if one is None else one.after(frame, moment))
        return frames

    def _drawn(self, look: Look) -> DrawnLook:
        """A look on the simulator's model, made once for each model."""
        model = self._simulator.model
        if self._looked_at is not model:
            self._drawn_looks, self._looked_at = [], model
        for known, drawn in self._drawn_looks:
            if known == look:
                return drawn
        drawn = make_look(look, model)
        self._drawn_looks.append((look, drawn))
        return drawn

    def _check_started(self) -> None:
        if not self._started:
            raise ResetNeeded("there is no state yet; call reset() first")
