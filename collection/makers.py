"""Makers of whole episodes, in a worker process: play them and draw them, or draw old ones anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from jaxtyping import Bool, Float64, Int32, UInt8
from numpy.typing import NDArray

from collection.errors import NoPhysicsStateError, OtherStatesError
from collection.mixtures import environment_numbers
from collection.players import Behavior
from collection.rollout import Trajectory, reset_seed
from vd4rl_data.episode import NO_PIXELS, Episode
from vd4rl_data.processes import Report
from vd4rl_data.simulators import Moment, Simulation
from vd4rl_data.spec import DatasetSpec, Share
from vd4rl_data.storage import StoredDataset, open_dataset

PHYSICS_STATE: Final = "physics_state"
STATE: Final = "state"
SUCCESS: Final = "success"
FAILED_ATTEMPTS: Final = "failed_attempts"
"""How many attempts at this episode were dropped before it succeeded, the same in every row."""


@dataclass(frozen=True, slots=True)
class MadeEpisode:
    """An episode, and what a maker has to tell of it.

    Attributes:
        episode: the episode.
        deviation: see :attr:`collection.rollout.Trajectory.deviation`.
    """

    episode: Episode
    deviation: float = 0.0


class EpisodeMaker(Protocol):
    """Makes whole episodes, including their pixels."""

    def make(self, number: int, report: Report) -> MadeEpisode:
        """Make one episode; reports how many frames were rendered as it goes."""
        ...

    def close(self) -> None:
        """Free the simulation."""
        ...


class _Simulations:
    """One simulation for each environment of a mixture, made when first needed."""

    def __init__(self, mixture: Sequence[Share]) -> None:
        self._mixture = mixture
        self._made: dict[int, Simulation] = {}

    def of(self, episode: int) -> Simulation:
        number = environment_numbers(self._mixture, episode + 1)[-1]
        if number not in self._made:
            environment = self._mixture[number].environment
            self._made[number] = Simulation(environment.task, environment.look)
        return self._made[number]

    def close(self) -> None:
        for simulation in self._made.values():
            simulation.close()


class Collector:
    """Plays episodes and, with a size, draws them."""

    def __init__(self, mixture: Sequence[Share], behavior: Behavior, size: int | None) -> None:
        """Args:
        mixture: what episodes are played in.
        behavior: chooses the actions.
        size: height and width of the frames, in pixels; ``None`` draws none.

        Raises:
            NoPhysicsStateError: nothing is to be drawn, and there is no state to keep instead.
        """
        self._behavior, self._size = behavior, size
        self._simulations = _Simulations(mixture)
        if size is None:
            _check_keepable(self._simulations.of(0))

    def make(self, number: int, report: Report) -> MadeEpisode:
        """See :class:`EpisodeMaker`."""
        size, simulation = self._size, self._simulations.of(number)
        trajectory = self._behavior.play(simulation, episode=number, size=size)
        frames = _frames_of(trajectory, simulation, size, report)
        infos = {
            PHYSICS_STATE: trajectory.physics_states,
            STATE: trajectory.states,
            SUCCESS: trajectory.successes,
            **_by_part(trajectory.completed),
            FAILED_ATTEMPTS: _in_every_row(trajectory.failed_attempts, len(trajectory.actions)),
        }
        episode = Episode(
            observations=frames,
            actions=trajectory.actions,
            rewards=trajectory.rewards,
            discounts=trajectory.discounts,
            terminated=trajectory.terminated,
            truncated=not trajectory.terminated,
            infos={name: values for name, values in infos.items() if values is not None},
        )
        return MadeEpisode(episode, trajectory.deviation)

    def close(self) -> None:
        """Free the simulations."""
        self._simulations.close()


class Renderer:
    """Draws the physics states of a file."""

    def __init__(
        self, spec: DatasetSpec, source: Path, rolled_out_with: tuple[int, str] | None
    ) -> None:
        """Args:
        spec: the row of what is drawn.
        source: a file with physics states.
        rolled_out_with: seed and behavior of its episodes; ``None`` of a replay's.
        """
        self._size, self._rolled_out_with = spec.size, rolled_out_with
        self._simulations = _Simulations(spec.mixture)
        self._source: StoredDataset = open_dataset(source)

    def make(self, number: int, report: Report) -> MadeEpisode:
        """See :class:`EpisodeMaker`.

        Raises:
            OtherStatesError: the states are not of this model.
        """
        episode, simulation = self._source.episode(number), self._simulations.of(number)
        _check_size(episode, simulation, f"{self._source.path}: episode {number}")
        look_episode = number
        if self._rolled_out_with is not None:
            seed, behavior = self._rolled_out_with
            look_episode = reset_seed(seed, simulation.task.name, behavior, number)
        states = np.array(episode.infos[PHYSICS_STATE], dtype=np.float64)
        frames = _draw(simulation, states, self._size, look_episode, report)
        return MadeEpisode(dataclasses.replace(episode, observations=frames))

    def close(self) -> None:
        """Close the file and free the simulations."""
        self._source.close()
        self._simulations.close()


def _by_part(completed: Mapping[str, Bool[np.ndarray, " T"]]) -> dict[str, NDArray[np.bool_]]:
    return {f"completed_{part.replace(' ', '_')}": done for part, done in completed.items()}


def _in_every_row(value: int | None, rows: int) -> Int32[np.ndarray, " T"] | None:
    return None if value is None else np.full(rows, value, np.int32)


def _check_size(episode: Episode, simulation: Simulation, where: str) -> None:
    """Refuse states of another model."""
    simulation.reset(seed=0)
    expected, states = simulation.physics_state, episode.infos[PHYSICS_STATE]
    if expected is None or states.shape[1:] != expected.shape:
        raise OtherStatesError(
            f"{where}: {PHYSICS_STATE}: expected states of {simulation.task.name}, of shape"
            f" {None if expected is None else expected.shape}, got {states.shape[1:]}"
        )


def _frames_of(
    trajectory: Trajectory, simulation: Simulation, size: int | None, report: Report
) -> UInt8[np.ndarray, "T1 size size 3"]:
    """The frames that were drawn while playing, or are drawn now; without a size none."""
    if size is None:
        states = _renderable(trajectory.physics_states, simulation)
        report(len(states))
        return np.empty((len(states), NO_PIXELS, NO_PIXELS, 3), np.uint8)
    if trajectory.frames is not None:
        report(len(trajectory.frames))
        return trajectory.frames
    return _draw(simulation, trajectory.physics_states, size, trajectory.look_episode, report)


def _draw(
    simulation: Simulation,
    physics_states: Float64[np.ndarray, "T1 S"] | None,
    size: int,
    look_episode: int,
    report: Report,
) -> UInt8[np.ndarray, "T1 size size 3"]:
    physics_states = _renderable(physics_states, simulation)
    frames = np.empty((len(physics_states), size, size, 3), dtype=np.uint8)
    for step, physics_state in enumerate(physics_states):
        frames[step] = simulation.render_state(physics_state, size, Moment(look_episode, step))
        report(1)
    return frames


def _renderable(
    physics_states: Float64[np.ndarray, "T1 S"] | None, simulation: Simulation
) -> Float64[np.ndarray, "T1 S"]:
    if physics_states is None:
        raise _no_physics_state(simulation)
    return physics_states


def _check_keepable(simulation: Simulation) -> None:
    """An episode can be kept as states; seen before one is played."""
    simulation.reset(seed=0)
    if simulation.physics_state is None:
        raise _no_physics_state(simulation)


def _no_physics_state(simulation: Simulation) -> NoPhysicsStateError:
    return NoPhysicsStateError(
        f"task {simulation.task.name!r}: the simulator has no physics state to render from;"
        " its frames are rendered while an episode is played, so it cannot be kept as states"
    )
