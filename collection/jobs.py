"""The jobs of worker processes: each process opens its job once, then makes episodes with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from jaxtyping import Float64, UInt8

from collection.errors import NoPhysicsStateError
from collection.mixtures import environment_numbers
from collection.players import Behavior
from collection.rollout import reset_seed
from collection.statistics import EpisodeSummary, summarize
from vd4rl_data.episode import Episode
from vd4rl_data.processes import Report
from vd4rl_data.simulators import Moment, Simulation
from vd4rl_data.simulators.gl import configure_worker_rendering, renderer_name
from vd4rl_data.spec import DatasetSpec, Share, TaskSpec
from vd4rl_data.storage import PartStore, StoredDataset, open_dataset
from vd4rl_data.storage.atomic import held_lock

PHYSICS_STATE: Final = "physics_state"
STATE: Final = "state"
SUCCESS: Final = "success"
_ORPHAN_SECONDS: Final = 30.0


class PartJob(Protocol):
    """A job whose workers write one part per episode."""

    @property
    def part_recipe(self) -> Mapping[str, Any]:
        """Everything that determines an episode's bytes, except the renderer; JSON values."""
        ...

    def open(self) -> PartSession:
        """Open the job in this process."""
        ...


class EpisodeMaker(Protocol):
    """Makes whole episodes, including their pixels."""

    def make(self, number: int, report: Report) -> Episode:
        """Make one episode; reports how many frames were rendered as it goes."""
        ...

    def close(self) -> None:
        """Free the simulation."""
        ...


@dataclass(frozen=True, slots=True)
class CollectJob:
    """Roll out a behavior policy and render its episodes.

    Attributes:
        spec: the catalog row.
        behavior: chooses the actions.
        parts_folder: folder to write the parts into.
        part_recipe: see :class:`PartJob`.
    """

    spec: DatasetSpec
    behavior: Behavior
    parts_folder: Path
    part_recipe: Mapping[str, Any]

    def open(self) -> PartSession:
        """Open the job in this process."""
        configure_worker_rendering()
        return PartSession(self.parts_folder, self.part_recipe, _Collector(self))


@dataclass(frozen=True, slots=True)
class RenderJob:
    """Render the physics states of a dataset again.

    Attributes:
        spec: the catalog row of the new dataset.
        source: a file of the old dataset.
        collected_as: seed and behavior that its episodes were collected with; ``None`` if they come
            from a replay.
        parts_folder: folder to write the parts into.
        part_recipe: see :class:`PartJob`.
    """

    spec: DatasetSpec
    source: Path
    collected_as: tuple[int, str] | None
    parts_folder: Path
    part_recipe: Mapping[str, Any]

    def open(self) -> PartSession:
        """Open the job in this process."""
        configure_worker_rendering()
        return PartSession(self.parts_folder, self.part_recipe, _Renderer(self))


@dataclass(frozen=True, slots=True)
class RolloutJob:
    """Roll out a behavior policy without rendering, and summarize the rewards.

    Attributes:
        task: the task to play.
        behavior: chooses the actions.
    """

    task: TaskSpec
    behavior: Behavior

    def open(self) -> RolloutSession:
        """Open the job in this process."""
        return RolloutSession(self)


class RolloutSession:
    """Plays episodes in this process."""

    def __init__(self, job: RolloutJob) -> None:
        """Make the simulation."""
        self._job = job
        self._simulation = Simulation(job.task)

    def make(self, item: int, report: Report) -> EpisodeSummary:
        """Play one episode."""
        del report  # nothing is drawn
        trajectory = self._job.behavior.play(self._simulation, episode=item)
        return summarize(trajectory.rewards, self._job.task)

    def close(self) -> None:
        """Free the simulation."""
        self._simulation.close()


class PartSession:
    """Makes episodes in this process and writes each as one part.

    Attributes:
        greeting: name of the OpenGL renderer of this process.
    """

    def __init__(self, folder: Path, recipe: Mapping[str, Any], maker: EpisodeMaker) -> None:
        """Look up the renderer; the parent process prepares the folder before parts are made."""
        self.greeting = renderer_name()
        self._folder = folder
        self._recipe = {**recipe, "renderer": self.greeting}
        self._maker = maker

    def make(self, item: int, report: Report) -> None:
        """Make one episode and write its part; reports each frame.

        The lock guards against a worker of a run that was just killed: it ends within milliseconds,
        but may still be writing the same part.

        Raises:
            InvalidEpisodeError: the episode breaks an invariant.
            NoSpaceError: the disk is full.
        """
        store = PartStore(self._folder, self._recipe)
        episode = self._maker.make(item, report)
        place = store.path(item)
        with held_lock(place.with_name(f"{place.name}.lock"), seconds=_ORPHAN_SECONDS):
            if not store.has(item):
                store.write(item, episode)

    def close(self) -> None:
        """Free the simulations."""
        self._maker.close()


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


class _Collector:
    def __init__(self, job: CollectJob) -> None:
        self._job = job
        self._simulations = _Simulations(job.spec.mixture)

    def make(self, number: int, report: Report) -> Episode:
        simulation, size = self._simulations.of(number), self._job.spec.size
        trajectory = self._job.behavior.play(simulation, episode=number, size=size)
        if trajectory.frames is not None:
            frames = trajectory.frames
            report(len(frames))
        else:
            states, episode = trajectory.physics_states, trajectory.look_episode
            frames = _draw(simulation, states, size, episode, report)
        infos = {
            PHYSICS_STATE: trajectory.physics_states,
            STATE: trajectory.states,
            SUCCESS: trajectory.successes,
        }
        return Episode(
            observations=frames,
            actions=trajectory.actions,
            rewards=trajectory.rewards,
            discounts=trajectory.discounts,
            terminated=trajectory.terminated,
            truncated=not trajectory.terminated,
            infos={name: values for name, values in infos.items() if values is not None},
        )

    def close(self) -> None:
        self._simulations.close()


class _Renderer:
    def __init__(self, job: RenderJob) -> None:
        self._job = job
        self._simulations = _Simulations(job.spec.mixture)
        self._source: StoredDataset = open_dataset(job.source)

    def make(self, number: int, report: Report) -> Episode:
        episode, simulation = self._source.episode(number), self._simulations.of(number)
        look_episode = number
        if self._job.collected_as is not None:
            seed, behavior = self._job.collected_as
            look_episode = reset_seed(seed, simulation.task.name, behavior, number)
        states = np.array(episode.infos[PHYSICS_STATE], dtype=np.float64)
        frames = _draw(simulation, states, self._job.spec.size, look_episode, report)
        return dataclasses.replace(episode, observations=frames)

    def close(self) -> None:
        self._source.close()
        self._simulations.close()


def _draw(
    simulation: Simulation,
    physics_states: Float64[np.ndarray, "T1 S"] | None,
    size: int,
    look_episode: int,
    report: Report,
) -> UInt8[np.ndarray, "T1 size size 3"]:
    if physics_states is None:
        raise NoPhysicsStateError(
            f"task {simulation.task.name!r}: the simulator has no physics state to render from, and"
            " no frames were rendered while the episode was played"
        )
    frames = np.empty((len(physics_states), size, size, 3), dtype=np.uint8)
    for step, physics_state in enumerate(physics_states):
        frames[step] = simulation.render_state(physics_state, size, Moment(look_episode, step))
        report(1)
    return frames
