"""Demonstrations of people, recorded elsewhere, as a behavior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collection.errors import InvalidSettingError
from collection.minari_files import MinariFile, trajectory
from collection.rollout import Trajectory
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import TaskSpec


@dataclass(frozen=True, slots=True)
class DemonstrationsBehavior:
    """Recorded demonstrations of people: their states are drawn, nothing is played again."""

    file: MinariFile
    name: str = "demos"

    @property
    def description(self) -> Mapping[str, Any]:
        """See :class:`collection.players.Behavior`."""
        return self.file.about

    @property
    def identity(self) -> Mapping[str, Any]:
        """See :class:`collection.players.Behavior`."""
        return {"demonstrations_sha256": self.file.sha256}

    @property
    def arguments(self) -> tuple[str, ...]:
        """See :class:`collection.players.Behavior`."""
        return ("--source", self.file.about["dataset"])

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`collection.players.Behavior`.

        Raises:
            InvalidSettingError: there are fewer demonstrations.
        """
        if episodes > len(self.file.lengths):
            raise InvalidSettingError(
                f"episodes: expected at most {len(self.file.lengths)}, as many as"
                f" {self.file.source} holds, got {episodes}"
            )
        return tuple(min(length, task.time_steps) for length in self.file.lengths[:episodes])

    def play(self, simulation: Simulation, *, episode: int, size: int | None = None) -> Trajectory:
        """See :class:`collection.players.Behavior`."""
        del size
        return trajectory(self.file, episode, simulation.task)
