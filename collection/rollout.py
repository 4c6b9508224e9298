"""Behavior policy × simulation → one trajectory. Frames are rendered here only if the simulator has
no physics state to render from later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from numpy.typing import NDArray

from collection.errors import NoPhysicsStateError
from vd4rl_data import seeding
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import TaskSpec

Policy = Callable[[Float32[np.ndarray, " P"]], Float32[np.ndarray, " A"]]
"""Maps the proprioceptive state, float32 (P,), to an action, float32 (A,), in [-1, 1]."""

PolicyFactory = Callable[[TaskSpec, np.random.Generator], Policy]
"""Makes the policy of one episode; all its randomness comes from the given generator."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One episode without its pixels.

    Attributes:
        actions: float32 (T, A), in [-1, 1].
        rewards: float32 (T,), summed over the action repeat in float64 and then rounded.
        discounts: float32 (T,), the simulator's own.
        physics_states: float64 (T+1, S), enough to render every frame; ``None`` if the simulator
            has none.
        states: float32 (T+1, P), proprioception; ``None`` if the simulator has none.
        terminated: whether the task ended; otherwise the time limit was reached.
        look_episode: the episode number that a look is given, see
            :class:`vd4rl_data.simulators.Moment`.
        frames: uint8 (T+1, H, W, 3), rendered while playing; ``None`` if they can be rendered from
            the physics states.
        successes: bool (T,), whether the task was solved at the end of each time step; ``None``
            if the simulator does not say.
        completed: part of the task → bool (T,), whether it was done at the end of each time step;
            empty if the task has no parts.
        failed_attempts: how many attempts at this demonstration were dropped; ``None`` if it was
            none.
        solver_state: float64 (V,), what the first step started from besides the physics state, see
            :attr:`vd4rl_data.simulators.Simulation.solver_state`; ``None`` if nobody recorded it.
        deviation: largest difference between a recorded physics state and the one that was
            simulated here in its place; 0 if none was, or it is the same bit for bit.
    """

    actions: Float32[np.ndarray, "T A"]
    rewards: Float32[np.ndarray, " T"]
    discounts: Float32[np.ndarray, " T"]
    physics_states: Float64[np.ndarray, "T1 S"] | None
    states: Float32[np.ndarray, "T1 P"] | None
    terminated: bool
    look_episode: int = 0
    frames: UInt8[np.ndarray, "T1 H W 3"] | None = None
    successes: Bool[np.ndarray, " T"] | None = None
    completed: Mapping[str, Bool[np.ndarray, " T"]] = field(
        default_factory=dict[str, NDArray[np.bool_]]
    )
    failed_attempts: int | None = None
    solver_state: Float64[np.ndarray, " V"] | None = None
    deviation: float = 0.0

    @property
    def episode_return(self) -> float:
        """Undiscounted; summed in float64."""
        return float(self.rewards.sum(dtype=np.float64))

    def recorded(
        self,
    ) -> tuple[Float64[np.ndarray, "T1 S"], Float32[np.ndarray, "T1 P"]]:
        """Physics states and proprioceptive states, for callers that need both.

        Raises:
            NoPhysicsStateError: the simulator has no physics states or no proprioception.
        """
        if self.physics_states is None or self.states is None:
            raise NoPhysicsStateError(
                "expected a trajectory with physics states and proprioception, got one from a"
                " simulator that lacks them"
            )
        return self.physics_states, self.states


def rollout(
    simulation: Simulation,
    make_policy: PolicyFactory,
    *,
    behavior: str,
    seed: int,
    episode: int,
    size: int | None = None,
    attempt: int = 0,
) -> Trajectory:
    """Play one episode, determined by task, behavior, policy, seed and episode number alone.

    The initial state and the policy's randomness come from streams of :mod:`vd4rl_data.seeding`
    that belong to this task, behavior, seed and number. With a ``size``, frames are rendered while
    playing if the simulator has no physics state to render from later. Another attempt at the
    same episode has streams of its own.
    """
    keys = (seed, simulation.task.name, behavior, episode)
    played = f"{behavior}, attempt {attempt}" if attempt else behavior
    own = (seed, simulation.task.name, played, episode)
    rng = seeding.generator(seeding.Purpose.COLLECTION_ACTIONS, *own)
    policy = make_policy(simulation.task, rng)
    simulation.reset(seed=reset_seed(*own))
    record = TrajectoryRecord(size)
    record.observe(simulation)
    while not record.ended:
        record.act(simulation, policy(record.state))
    return record.trajectory(look_episode=reset_seed(*keys))


def reset_seed(seed: int, task: str, behavior: str, episode: int) -> int:
    """The seed that resets the simulation for a collected episode, in [0, 2**32)."""
    return seeding.word(seeding.Purpose.COLLECTION_RESET, seed, task, behavior, episode)


@dataclass(slots=True)
class TrajectoryRecord:
    """A trajectory being recorded: call :meth:`observe` once, then :meth:`act` until ``ended``.

    Attributes:
        size: height and width of the frames to render if the simulator has no physics state;
            ``None`` renders none.
    """

    size: int | None = None
    actions: list[Float32[np.ndarray, " A"]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    discounts: list[float] = field(default_factory=list)
    physics_states: list[Float64[np.ndarray, " S"]] = field(default_factory=list)
    states: list[Float32[np.ndarray, " P"]] = field(default_factory=list)
    frames: list[UInt8[np.ndarray, "H W 3"]] = field(default_factory=list)
    successes: list[bool] = field(default_factory=list)
    completed: dict[str, list[bool]] = field(default_factory=dict)
    solver_state: Float64[np.ndarray, " V"] | None = None
    ended: bool = False
    terminated: bool = False

    def observe(self, simulation: Simulation) -> None:
        """Record the current state of the simulation."""
        physics_state, state = simulation.physics_state, simulation.state
        if not self.actions:
            self.solver_state = simulation.solver_state
        if physics_state is not None:
            self.physics_states.append(physics_state)
        elif self.size is not None:
            self.frames.append(simulation.render(self.size))
        if state is not None:
            self.states.append(state)

    @property
    def state(self) -> Float32[np.ndarray, " P"]:
        """The proprioception recorded last, float32 (P,); empty if the simulator has none."""
        return self.states[-1] if self.states else np.zeros(0, np.float32)

    def act(self, simulation: Simulation, action: Float32[np.ndarray, " A"]) -> None:
        """Take one time step and record its outcome."""
        step = simulation.step(action)
        self.actions.append(action)
        self.rewards.append(step.reward)
        self.discounts.append(step.discount)
        if step.success is not None:
            self.successes.append(step.success)
        for part, done in step.completed.items():
            self.completed.setdefault(part, []).append(done)
        self.ended, self.terminated = step.terminated or step.truncated, step.terminated
        self.observe(simulation)

    def trajectory(self, look_episode: int = 0) -> Trajectory:
        """Everything recorded so far, as a trajectory."""
        return Trajectory(
            actions=np.stack(self.actions),
            rewards=np.asarray(self.rewards, dtype=np.float32),
            discounts=np.asarray(self.discounts, dtype=np.float32),
            physics_states=np.stack(self.physics_states) if self.physics_states else None,
            states=np.stack(self.states) if self.states else None,
            terminated=self.terminated,
            look_episode=look_episode,
            frames=np.stack(self.frames) if self.frames else None,
            successes=np.array(self.successes) if self.successes else None,
            completed={part: np.array(done) for part, done in self.completed.items()},
            solver_state=self.solver_state,
        )
