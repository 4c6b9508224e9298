"""Keyframes: states of an episode every few time steps, from which those in between are simulated.

MuJoCo is deterministic: from the same state, the same actions lead to the same states, bit for bit
with the same versions on the same kind of processor. A keyframe is all that the next step depends
on. On another processor the last bits differ, and grow until the next keyframe puts an end to it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from collection.errors import OtherRoundingWarning
from collection.rollout import Trajectory
from vd4rl_data.simulators import Simulation

EVERY: Final = 25
"""Time steps between keyframes. Roundings of another processor stay below 1e-8 over so many steps,
and come to anything within 100: ``docs/behavior_policies.md``, "Files".
"""


@dataclass(frozen=True, slots=True)
class Keyframes:
    """The keyframes of one episode, the first and the last state among them.

    Attributes:
        every: time steps between two of them; the last one may come earlier.
        physics_states: float64 (K, S).
        solver_states: float64 (K, V), see :attr:`vd4rl_data.simulators.Simulation.solver_state`.
    """

    every: int
    physics_states: Float64[np.ndarray, "K S"]
    solver_states: Float64[np.ndarray, "K V"]


@dataclass(frozen=True, slots=True)
class Simulated:
    """An episode as it was simulated from its keyframes.

    Attributes:
        physics_states: float64 (T+1, S); where there is a keyframe, the recorded one.
        states: float32 (T+1, P), proprioception.
        deviation: largest difference between a number of a keyframe and what the simulation came
            to there; 0 if it is the same bit for bit.
    """

    physics_states: Float64[np.ndarray, "T1 S"]
    states: Float32[np.ndarray, "T1 P"]
    deviation: float


def keyframe_steps(length: int, every: int) -> list[int]:
    """The time steps of an episode that have a keyframe."""
    return [*range(0, length, every), length]


def num_keyframes(length: int, every: int) -> int:
    """How many keyframes an episode has."""
    return len(keyframe_steps(length, every))


def simulate(
    keyframes: Keyframes, actions: Float32[np.ndarray, "T A"], simulation: Simulation
) -> Simulated:
    """Simulate the states between keyframes; ends a running episode.

    Where the simulation comes to something else than the next keyframe, it goes on from that.

    Raises:
        ValueError: the keyframes are not of the simulation's task.
    """
    steps = keyframe_steps(len(actions), keyframes.every)
    physics_states = [keyframes.physics_states[0]]
    states: list[NDArray[np.float32]] = []
    deviation = 0.0
    for number, step in enumerate(steps):
        expected, arrived = keyframes.physics_states[number], physics_states[-1]
        as_recorded = np.array_equal(expected, arrived)
        if step == len(actions) and as_recorded:
            break
        simulation.resume(expected, keyframes.solver_states[number])
        if step == 0 or not as_recorded:
            deviation = max(deviation, _distance(expected, arrived))
            physics_states[step:], states[step:] = [expected], [_known(simulation.state)]
        for action in actions[step : step + keyframes.every]:
            simulation.step(action)
            physics_states.append(_known(simulation.physics_state))
            states.append(_known(simulation.state))
    return Simulated(np.stack(physics_states), np.stack(states), deviation)


@dataclass(frozen=True, slots=True)
class Found:
    """What :func:`find_keyframes` found.

    Attributes:
        episodes: the keyframes of each episode.
        gives_states: whether proprioception also comes out as it was recorded, bit for bit.
    """

    episodes: tuple[Keyframes, ...]
    gives_states: bool


def warn_about(deviation: float, what: str) -> None:
    """Tell of states that are not the recorded ones bit for bit; nothing if they are."""
    if deviation:
        warnings.warn(
            f"{what}: physics states that are simulated from keyframes came to other numbers than"
            f" were recorded, by up to {deviation:.1e} where the next keyframe ended it: this"
            " processor or MuJoCo rounds otherwise. Actions and rewards are the recorded ones",
            OtherRoundingWarning,
            stacklevel=2,
        )


def find_keyframes(
    episodes: Iterable[Trajectory], simulation: Simulation, every: int = EVERY
) -> Found | None:
    """Keyframes from which each episode is simulated as it was recorded, bit for bit.

    Returns:
        ``None`` if an episode does not come out as it was recorded, e.g. because it was played on
        another processor, or if the simulator cannot go on from a state.
    """
    simulation.reset(0)
    if simulation.solver_state is None:
        return None
    found: list[Keyframes] = []
    gives_states = True
    for episode in episodes:
        keyframes = _keyframes_of(episode, simulation, every)
        if keyframes is None:
            return None
        found.append(keyframes[0])
        gives_states = gives_states and keyframes[1]
    return Found(tuple(found), gives_states)


def _keyframes_of(
    episode: Trajectory, simulation: Simulation, every: int
) -> tuple[Keyframes, bool] | None:
    """The keyframes of one episode, and whether proprioception comes out; ``None`` if it does not.

    Each piece between two keyframes is simulated as :func:`simulate` will, from what the solver had
    come to at the end of the piece before.
    """
    physics_states, states = episode.recorded()
    steps = keyframe_steps(len(episode.actions), every)
    first = episode.solver_state
    if first is None:  # most tasks' episodes start from nothing
        first = np.zeros_like(_known(simulation.solver_state))
    noted = [first]
    gives_states = True
    for start, end in pairwise(steps):
        ends = Keyframes(every, physics_states[[start, end]], np.stack([noted[-1], noted[-1]]))
        piece = simulate(ends, episode.actions[start:end], simulation)
        if (
            not np.array_equal(piece.physics_states, physics_states[start : end + 1])
            or piece.deviation
        ):
            return None
        new = start + (start > 0)  # a piece arrives at its start, only the first one begins there
        same = np.array_equal(piece.states[new - start :], states[new : end + 1])
        gives_states = gives_states and same
        noted.append(_known(simulation.solver_state))
    return Keyframes(every, physics_states[steps], np.stack(noted)), gives_states


def _known(values: NDArray[Any] | None) -> NDArray[Any]:
    if values is None:
        raise ValueError("expected a simulator with physics states and proprioception")
    return values


def _distance(expected: NDArray[np.float64], arrived: NDArray[np.float64]) -> float:
    return float(np.abs(expected - arrived).max())
