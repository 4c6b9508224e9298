"""The behavior of a dataset of several tasks, e.g. of several bodies: one for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collection.behaviors import BehaviorOptions, find_behavior
from collection.errors import NotCollectableError
from collection.players import Behavior, ReplayBehavior
from collection.rollout import Trajectory
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import DatasetSpec, TaskSpec


@dataclass(frozen=True, slots=True)
class BehaviorByTask:
    """Each task is played by a behavior of its own.

    Attributes:
        by_task: name of the task → its behavior; at least one.
        arguments: see :class:`collection.players.Behavior`.
    """

    by_task: Mapping[str, Behavior]
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """See :class:`collection.players.Behavior`."""
        return next(iter(self.by_task.values())).name

    @property
    def description(self) -> Mapping[str, Any]:
        """What all have in common, and by task what they have not."""
        return _merged({task: found.description for task, found in self.by_task.items()})

    @property
    def identity(self) -> Mapping[str, Any]:
        """What all have in common, and by task what they have not."""
        return _merged({task: found.identity for task, found in self.by_task.items()})

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`collection.players.Behavior`; bodies share their task's horizon."""
        return next(iter(self.by_task.values())).lengths(task, episodes)

    def play(self, simulation: Simulation, *, episode: int, size: int | None = None) -> Trajectory:
        """See :class:`collection.players.Behavior`."""
        return self.by_task[simulation.task.name].play(simulation, episode=episode, size=size)


def find_behavior_of(spec: DatasetSpec, name: str, options: BehaviorOptions) -> Behavior:
    """Find what plays a dataset: one behavior, or one for each of its mixture's tasks.

    Raises:
        NotCollectableError: a replay, which is of one task, would have to play several.
        As :func:`collection.behaviors.find_behavior`.
    """
    tasks = {share.environment.task.name: share.environment.task for share in spec.mixture}
    by_task = {task.name: find_behavior(task, name, options, spec.level) for task in tasks.values()}
    first, *others = by_task.values()
    if not others:
        return first
    if isinstance(first, ReplayBehavior):
        raise NotCollectableError(
            f"{spec.name}: a replay is of one task, the dataset of {', '.join(tasks)}"
        )
    arguments = first.arguments
    if options.source is not None:
        source = options.source.name if isinstance(options.source, Path) else str(options.source)
        arguments = (*arguments[: arguments.index("--source")], "--source", source)
    return BehaviorByTask(by_task, arguments)


def _merged(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = found.values()
    return {
        key: value
        if all(other[key] == value for other in others)
        else {task: each[key] for task, each in found.items()}
        for key, value in first.items()
    }
