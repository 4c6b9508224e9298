"""Behavior policy × simulation → one trajectory of physics; no frame is drawn here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Float64

from collection.errors import NoPhysicsStateError
from vd4rl_data import seeding
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import TaskSpec

Policy = Callable[[Float32[np.ndarray, " P"]], Float32[np.ndarray, " A"]]
"""From the proprioceptive state, float32 (P,), to an action, float32 (A,), in [-1, 1]."""

PolicyFactory = Callable[[TaskSpec, np.random.Generator], Policy]
"""Makes the policy of one episode; all its randomness comes from the given generator."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One episode without its pixels.

    Attributes:
        actions: float32 (T, A), in [-1, 1].
        rewards: float32 (T,), summed over the action repeat in float64 and then rounded.
        discounts: float32 (T,), the simulator's own.
        physics_states: float64 (T+1, S), qpos, qvel and act: enough to draw every frame.
        states: float32 (T+1, P), proprioception.
        terminated: the task ended; else the time limit was met.
    """

    actions: Float32[np.ndarray, "T A"]
    rewards: Float32[np.ndarray, " T"]
    discounts: Float32[np.ndarray, " T"]
    physics_states: Float64[np.ndarray, "T1 S"]
    states: Float32[np.ndarray, "T1 P"]
    terminated: bool

    @property
    def episode_return(self) -> float:
        """Undiscounted; summed in float64."""
        return float(self.rewards.sum(dtype=np.float64))


def rollout(
    simulation: Simulation,
    make_policy: PolicyFactory,
    *,
    behavior: str,
    seed: int,
    episode: int,
) -> Trajectory:
    """Play one episode: a function of task, behavior, policy, seed and episode number alone.

    How it starts and what the policy draws are streams of :mod:`vd4rl_data.seeding`, of this task,
    behavior, seed and number alone.
    """
    keys = (seed, simulation.task.name, behavior, episode)
    rng = seeding.generator(seeding.Purpose.COLLECTION_ACTIONS, *keys)
    policy = make_policy(simulation.task, rng)
    simulation.reset(seed=seeding.word(seeding.Purpose.COLLECTION_RESET, *keys))
    record = TrajectoryRecord()
    record.observe(simulation)
    while not record.ended:
        record.act(simulation, policy(record.states[-1]))
    return record.trajectory()


@dataclass(slots=True)
class TrajectoryRecord:
    """A trajectory being written down: :meth:`observe` once, then :meth:`act` until ``ended``."""

    actions: list[Float32[np.ndarray, " A"]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    discounts: list[float] = field(default_factory=list)
    physics_states: list[Float64[np.ndarray, " S"]] = field(default_factory=list)
    states: list[Float32[np.ndarray, " P"]] = field(default_factory=list)
    ended: bool = False
    terminated: bool = False

    def observe(self, simulation: Simulation) -> None:
        """Note where the simulation is."""
        physics_state, state = simulation.physics_state, simulation.state
        if physics_state is None or state is None:
            raise NoPhysicsStateError(
                f"task {simulation.task.name!r}: its simulator has no physics state or no"
                " proprioception to record"
            )
        self.physics_states.append(physics_state)
        self.states.append(state)

    def act(self, simulation: Simulation, action: Float32[np.ndarray, " A"]) -> None:
        """Take one time step and note what came of it."""
        step = simulation.step(action)
        self.actions.append(action)
        self.rewards.append(step.reward)
        self.discounts.append(step.discount)
        self.ended, self.terminated = step.terminated or step.truncated, step.terminated
        self.observe(simulation)

    def trajectory(self) -> Trajectory:
        """What was noted."""
        return Trajectory(
            actions=np.stack(self.actions),
            rewards=np.asarray(self.rewards, dtype=np.float32),
            discounts=np.asarray(self.discounts, dtype=np.float32),
            physics_states=np.stack(self.physics_states),
            states=np.stack(self.states),
            terminated=self.terminated,
        )
