"""Several simulations of one task that are stepped together and record their episodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collection.errors import InvalidSettingError
from collection.rollout import Trajectory, TrajectoryRecord
from vd4rl_data import seeding
from vd4rl_data.simulators import Simulation


@dataclass(frozen=True, slots=True)
class FinishedEpisode:
    """An episode that ended.

    Attributes:
        trajectory: the recorded episode.
        first_row: row of its first transition among the transitions of all N simulations, in the
            order they were made; its other transitions follow at every N-th row.
    """

    trajectory: Trajectory
    first_row: int


@dataclass(frozen=True, slots=True)
class Steps:
    """The outcome of one time step of N simulations.

    Attributes:
        states, next_states: float32 (N, P).
        actions: float32 (N, A).
        rewards: float32 (N,).
        terminated: bool (N,).
        ended: bool (N,), whether the episode ended, by termination or by the time limit.
        finished: the episodes that ended.
    """

    states: NDArray[np.float32]
    actions: NDArray[np.float32]
    rewards: NDArray[np.float32]
    next_states: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    ended: NDArray[np.bool_]
    finished: list[FinishedEpisode]


class Simulations:
    """N simulations of one task; when an episode ends, its simulation starts the next number.

    The initial state of an episode depends on purpose, seed, task and number alone.
    """

    def __init__(self, task: str, count: int, seed: int, purpose: seeding.Purpose) -> None:
        """Build ``count`` simulations; call :meth:`start` next."""
        self._simulations = [Simulation(task) for _ in range(count)]
        self._task, self._seed, self._purpose = task, seed, purpose
        self._next_episode = self._rows = 0
        self._records: list[TrajectoryRecord] = []
        self._first_rows: list[int] = []

    def start(self, first_episode: int = 0, rows: int = 0) -> None:
        """Start an episode in each simulation, whatever ran before.

        Args:
            first_episode: number of the first of these episodes.
            rows: number of transitions made before.
        """
        self._next_episode, self._rows = first_episode, rows
        self._records = [self._start(simulation) for simulation in self._simulations]
        self._first_rows = [rows + number for number in range(len(self._simulations))]
        if not self._records[0].states:
            raise InvalidSettingError(
                f"task: {self._task} has no proprioceptive state to learn from; its simulator"
                " reports none"
            )

    @property
    def states(self) -> NDArray[np.float32]:
        """Current proprioceptive states, float32 (N, P)."""
        return np.stack([record.states[-1] for record in self._records])

    @property
    def all_fresh(self) -> bool:
        """Whether every simulation is at the start of an episode."""
        return all(not record.actions for record in self._records)

    def step(self, actions: NDArray[np.float32]) -> Steps:
        """Take one time step in each simulation; actions float32 (N, A)."""
        states, finished = self.states, list[FinishedEpisode]()
        before = list(self._records)
        self._rows += len(before)
        for number, (simulation, record) in enumerate(zip(self._simulations, before, strict=True)):
            record.act(simulation, actions[number])
            if record.ended:
                finished.append(FinishedEpisode(record.trajectory(), self._first_rows[number]))
                self._records[number] = self._start(simulation)
                self._first_rows[number] = self._rows + number
        return Steps(
            states,
            actions,
            np.array([record.rewards[-1] for record in before], np.float32),
            np.stack([record.states[-1] for record in before]),
            np.array([record.terminated for record in before]),
            np.array([record.ended for record in before]),
            finished,
        )

    def close(self) -> None:
        """Free the simulations."""
        for simulation in self._simulations:
            simulation.close()

    def _start(self, simulation: Simulation) -> TrajectoryRecord:
        number = self._next_episode
        simulation.reset(seeding.word(self._purpose, self._seed, self._task, number))
        self._next_episode += 1
        record = TrajectoryRecord()
        record.observe(simulation)
        return record
