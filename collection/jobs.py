"""What a worker process does: three jobs, each opened once per process and asked for episodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from jaxtyping import Float64, UInt8

from collection.behaviors import Behavior
from collection.statistics import EpisodeSummary, summarize
from collection.workers import OnFrames
from vd4rl_data.episode import Episode
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.gl import configure_worker_rendering, renderer_name
from vd4rl_data.spec import DatasetSpec, TaskSpec
from vd4rl_data.storage import PartStore, StoredDataset, open_dataset
from vd4rl_data.storage.atomic import held_lock

PHYSICS_STATE: Final = "physics_state"
STATE: Final = "state"
_ORPHAN_SECONDS: Final = 30.0


class PartJob(Protocol):
    """A job whose workers write one part per episode."""

    @property
    def part_recipe(self) -> Mapping[str, Any]:
        """What decides the bytes of an episode, but for the renderer; JSON."""
        ...

    def open(self) -> PartSession:
        """Open the job in this process."""
        ...


class EpisodeMaker(Protocol):
    """Makes whole episodes, pixels and all."""

    def make(self, number: int, on_frames: OnFrames) -> Episode:
        """Make one episode."""
        ...

    def close(self) -> None:
        """Free the simulation."""
        ...


@dataclass(frozen=True, slots=True)
class CollectJob:
    """Roll out a behavior policy and render what it saw.

    Attributes:
        spec: the catalog row.
        behavior: who acts.
        parts_folder: where the parts go.
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
    """Draw the physics states of a dataset again.

    Attributes:
        spec: the catalog row of the new dataset.
        source: a file of the old one.
        parts_folder: where the parts go.
        part_recipe: see :class:`PartJob`.
    """

    spec: DatasetSpec
    source: Path
    parts_folder: Path
    part_recipe: Mapping[str, Any]

    def open(self) -> PartSession:
        """Open the job in this process."""
        configure_worker_rendering()
        return PartSession(self.parts_folder, self.part_recipe, _Renderer(self))


@dataclass(frozen=True, slots=True)
class RolloutJob:
    """Roll out a behavior policy, draw nothing, and report the rewards.

    Attributes:
        task: the task.
        behavior: who acts.
    """

    task: TaskSpec
    behavior: Behavior

    def open(self) -> RolloutSession:
        """Open the job in this process."""
        return RolloutSession(self)


class RolloutSession:
    """Plays episodes in this process."""

    renderer = None

    def __init__(self, job: RolloutJob) -> None:
        """Make the simulation."""
        self._job = job
        self._simulation = Simulation(job.task)

    def make(self, number: int, on_frames: OnFrames) -> EpisodeSummary:  # noqa: ARG002 - draws none
        """Play one episode."""
        trajectory = self._job.behavior.play(self._simulation, episode=number)
        return summarize(trajectory.rewards, self._job.task)

    def close(self) -> None:
        """Free the simulation."""
        self._simulation.close()


class PartSession:
    """Makes episodes in this process and writes each as one part."""

    def __init__(self, folder: Path, recipe: Mapping[str, Any], maker: EpisodeMaker) -> None:
        """Find out who draws here; the parent opens the folder first, for all workers."""
        self.renderer = renderer_name()
        self._folder = folder
        self._recipe = {**recipe, "renderer": self.renderer}
        self._maker = maker

    def make(self, number: int, on_frames: OnFrames) -> None:
        """Make one episode and write its part.

        The lock is for the worker of a run that was just killed: it ends within milliseconds, but
        could be writing this very part now.

        Raises:
            InvalidEpisodeError: the episode breaks an invariant.
            NoSpaceError: the disk is full.
        """
        store = PartStore(self._folder, self._recipe)
        episode = self._maker.make(number, on_frames)
        place = store.path(number)
        with held_lock(place.with_name(f"{place.name}.lock"), seconds=_ORPHAN_SECONDS):
            if not store.has(number):
                store.write(number, episode)

    def close(self) -> None:
        """Free the simulation."""
        self._maker.close()


class _Collector:
    def __init__(self, job: CollectJob) -> None:
        self._job = job
        self._simulation = Simulation(job.spec.task)

    def make(self, number: int, on_frames: OnFrames) -> Episode:
        trajectory = self._job.behavior.play(self._simulation, episode=number)
        return Episode(
            observations=_draw(
                self._simulation, trajectory.physics_states, self._job.spec.size, on_frames
            ),
            actions=trajectory.actions,
            rewards=trajectory.rewards,
            discounts=trajectory.discounts,
            terminated=trajectory.terminated,
            truncated=not trajectory.terminated,
            infos={PHYSICS_STATE: trajectory.physics_states, STATE: trajectory.states},
        )

    def close(self) -> None:
        self._simulation.close()


class _Renderer:
    def __init__(self, job: RenderJob) -> None:
        self._job = job
        self._simulation = Simulation(job.spec.task)
        self._source: StoredDataset = open_dataset(job.source)

    def make(self, number: int, on_frames: OnFrames) -> Episode:
        episode = self._source.episode(number)
        states = np.array(episode.infos[PHYSICS_STATE], dtype=np.float64)
        frames = _draw(self._simulation, states, self._job.spec.size, on_frames)
        return dataclasses.replace(episode, observations=frames)

    def close(self) -> None:
        self._source.close()
        self._simulation.close()


def _draw(
    simulation: Simulation,
    physics_states: Float64[np.ndarray, "T1 S"],
    size: int,
    on_frames: OnFrames,
) -> UInt8[np.ndarray, "T1 size size 3"]:
    frames = np.empty((len(physics_states), size, size, 3), dtype=np.uint8)
    for frame, physics_state in zip(frames, physics_states, strict=True):
        frame[...] = simulation.render_state(physics_state, size)
        on_frames(1)
    return frames
