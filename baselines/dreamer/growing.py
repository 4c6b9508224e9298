"""Chunks of data that grow: the agent plays an episode, is trained for a while, plays the next."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from baselines.bench.collecting import Player
from baselines.bench.phases import PhaseContext
from baselines.bench.policy import Policy
from baselines.dreamer.batches import Chunk, ChunkBatches
from baselines.dreamer.sources import Union
from vd4rl_data import ReplayBuffer, seeding
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.seeding import Purpose

Explorer = Callable[[int, int], Policy]
"""The policy that plays, as the agent is now; of the run's seed and the number of the episode."""


@dataclass(frozen=True, slots=True)
class GrowthSettings:
    """What batches are made of, and when an episode is played.

    Attributes:
        batch_size: B.
        length: T.
        every: batches between episodes; the first one is played before the first batch.
        keep_data: whether the dataset is drawn from, too.
        goal: see :class:`ChunkBatches`.
    """

    batch_size: int
    length: int
    every: int
    keep_data: bool = True
    goal: float | None = None


class GrowingChunks:
    """Chunks of the dataset and of what was played since, each start as likely as any other.

    Episodes lie in the phase's folder. Number i is reset and drawn with streams of its own, so a
    run that goes on from a checkpoint plays again what came after it, with the same outcome.
    """

    def __init__(self, context: PhaseContext, settings: GrowthSettings, explore: Explorer) -> None:
        """Begin without an episode, or go on where an earlier process was.

        Args:
            context: of the phase; without an environment nothing is played.
            settings: see there.
            explore: makes the policy of an episode.

        Raises:
            DatasetFormatError: the folder holds fewer episodes than the state says.
            ValueError: no episode has so many transitions as a chunk has rows.
            CheckpointError: the saved state is of other data.
        """
        state = context.state or {"taken": 0, "episodes": 0, "chunks": None}
        self._context, self._settings, self._explore = context, settings, explore
        self._taken = int(state["taken"])
        self._buffer = ReplayBuffer(context.folder, episodes=int(state["episodes"]))
        self._repeat, self._player = 1, None
        if context.environment is not None:
            self._repeat = get_dataset_spec(context.environment).task.action_repeat
            self._player = Player(context.environment)
            weakref.finalize(self, self._player.close)
        self._chunks = None if state["chunks"] is None else self._make_chunks(state["chunks"])

    @property
    def environment_steps(self) -> int:
        """Steps of the simulator so far, repeated actions counted each time."""
        return self._buffer.num_transitions * self._repeat

    def __next__(self) -> Chunk:
        """The next batch; an episode is played first, if it is time for one."""
        if self._player is not None and self._taken % self._settings.every == 0:
            self._play(self._player, len(self._buffer))
        if self._chunks is None:
            self._chunks = self._make_chunks(None)
        self._taken += 1
        return next(self._chunks)

    def state(self) -> Mapping[str, Any]:
        """Where they are; the episodes themselves lie in the folder."""
        chunks = None if self._chunks is None else self._chunks.state()
        return {"taken": self._taken, "episodes": len(self._buffer), "chunks": chunks}

    def _play(self, player: Player, number: int) -> None:
        seed = self._context.seed
        policy = self._explore(seed, number)
        reset = seeding.word(Purpose.ONLINE_RESET, seed, number)
        self._buffer.add(player.play(policy, self._context.device, reset))

    def _make_chunks(self, state: Mapping[str, Any] | None) -> ChunkBatches:
        settings, dataset = self._settings, self._context.dataset
        parts = (dataset, self._buffer) if settings.keep_data else (self._buffer,)
        context = replace(self._context, dataset=Union(*parts), state=state)
        return ChunkBatches(context, settings.batch_size, settings.length, settings.goal)
