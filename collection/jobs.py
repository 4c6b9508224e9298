"""The jobs of worker processes: each process opens its job once, then makes episodes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from collection.makers import Collector, EpisodeMaker, Renderer
from collection.players import Behavior
from collection.provenance import noted_deviation
from collection.statistics import EpisodeSummary, summarize
from vd4rl_data.processes import Report
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.gl import configure_worker_rendering, renderer_name
from vd4rl_data.spec import DatasetSpec, TaskSpec
from vd4rl_data.storage import PartStore
from vd4rl_data.storage.atomic import held_lock
from vd4rl_data.storage.manifest import NO_RENDERER

_ORPHAN_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class CollectJob:
    """Roll out a behavior policy and render its episodes.

    Attributes:
        spec: the catalog row.
        behavior: chooses the actions.
        parts_folder: folder to write the parts into.
        part_recipe: what determines an episode's bytes, except the renderer; JSON values.
        states: keep the episodes without pixels; nothing is rendered.
    """

    spec: DatasetSpec
    behavior: Behavior
    parts_folder: Path
    part_recipe: Mapping[str, Any]
    states: bool = False

    def open(self) -> PartSession:
        """Open the job in this process."""
        renderer = NO_RENDERER if self.states else _opened_renderer()
        size = None if self.states else self.spec.size
        maker = Collector(self.spec.mixture, self.behavior, size)
        return PartSession(self.parts_folder, self.part_recipe, maker, renderer)


@dataclass(frozen=True, slots=True)
class RenderJob:
    """Render the physics states of a dataset again.

    Attributes:
        spec: the catalog row of the new dataset.
        source: a file of the old dataset.
        rolled_out_with: seed and behavior that its episodes were rolled out with; ``None`` if they
            come from a replay.
        parts_folder: folder to write the parts into.
        part_recipe: see :class:`CollectJob`.
    """

    spec: DatasetSpec
    source: Path
    rolled_out_with: tuple[int, str] | None
    parts_folder: Path
    part_recipe: Mapping[str, Any]

    def open(self) -> PartSession:
        """Open the job in this process."""
        renderer = _opened_renderer()
        maker = Renderer(self.spec, self.source, self.rolled_out_with)
        return PartSession(self.parts_folder, self.part_recipe, maker, renderer)


PartJob: TypeAlias = CollectJob | RenderJob
"""A job whose workers write one part per episode."""


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
        return summarize(trajectory.rewards, self._job.task, trajectory.failed_attempts)

    def close(self) -> None:
        """Free the simulation."""
        self._simulation.close()


class PartSession:
    """Makes episodes in this process and writes each as one part.

    Attributes:
        greeting: name of the OpenGL renderer of this process.
    """

    def __init__(
        self, folder: Path, recipe: Mapping[str, Any], maker: EpisodeMaker, renderer: str
    ) -> None:
        """Args:
        folder: of the parts; the parent process prepares it before parts are made.
        recipe: see :class:`CollectJob`.
        maker: makes the episodes.
        renderer: name of the OpenGL renderer of this process.
        """
        self.greeting = renderer
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
        made = self._maker.make(item, report)
        place = store.path(item)
        with held_lock(place.with_name(f"{place.name}.lock"), seconds=_ORPHAN_SECONDS):
            if not store.has(item):
                store.write(item, made.episode, noted_deviation(made.deviation))

    def close(self) -> None:
        """Free the simulations."""
        self._maker.close()


def _opened_renderer() -> str:
    """Set rendering up in this process; the name of its renderer."""
    configure_worker_rendering()
    return renderer_name()
