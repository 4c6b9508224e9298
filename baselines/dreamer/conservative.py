"""Conservative sampling: a model sees few trajectories at first, then more and more of them.

The rule of Wan et al. (2024), section 3.3: in epoch m trajectories up to number min(m, n) are
sampled, so that at first the actions of few policies tell what they move from what moves by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np
from jaxtyping import Int64

from baselines.bench.phases import PhaseContext
from baselines.dreamer.batches import Chunk, ChunkBatches
from vd4rl_data.pytorch.feeds import choose_storage
from vd4rl_data.sampling import Replaceable, Selection
from vd4rl_data.sampling.pool import Data, Pool, source_of

Rule = Literal["conservative", "official_code", "uniform"]
"""``conservative``: the paper's. ``official_code``: the published sampler. ``uniform``: everything
from the beginning."""

Order = Literal["return", "collected"]
"""Of trajectories: the smallest return first, or as the dataset has them."""

_OFFICIAL_START: Final = 10
_OFFICIAL_EVERY: Final = 100
_OFFICIAL_EPOCHS: Final = 250.01
"""25,001 gradient steps in hundreds."""


class Curriculum:
    """Which episodes are sampled at which gradient step of the model."""

    def __init__(self, data: Data, rule: Rule, order: Order, *, length: int, full: int) -> None:
        """Args:
        data: whose episodes.
        rule: how many.
        order: in which they come.
        length: transitions that an episode must have; others never count, unless all are shorter.
        full: gradient steps after which ``conservative`` has all.
        """
        self._data, self._rule, self._full = data, rule, full
        pool = source_of(data).pool()
        self.episodes = _ordered(pool, order, length)
        if rule == "official_code":
            self.episodes = _without_twins(self.episodes, _returns(pool))

    def size(self, step: int) -> int:
        """How many of ``episodes``, from the first on, are sampled at gradient step ``step``."""
        count = len(self.episodes)
        if self._rule == "uniform":
            return count
        if self._rule == "conservative":
            return min(count, 1 + step * count // self._full)
        grown = max(int(count / _OFFICIAL_EPOCHS), 1) * (step // _OFFICIAL_EVERY)
        return max(min(_OFFICIAL_START + grown, count - 1), 1)

    def at(self, step: int) -> Selection:
        """What is sampled at gradient step ``step``, counted from 0."""
        return Selection(self._data, self.episodes[: self.size(step)])


class ConservativeBatches(ChunkBatches):
    """Chunks with frames, of the episodes that a curriculum has reached."""

    def __init__(
        self, context: PhaseContext, batch_size: int, length: int, curriculum: Curriculum
    ) -> None:
        """Raises:
        ValueError: no episode has so many transitions.
        CheckpointError: the saved state is of other data.
        """
        self._curriculum = curriculum
        self._step = 0 if context.state is None else int(context.state["taken"])
        seen = max(self._step - 1, 0)
        self._size = curriculum.size(seen)
        self._source = Replaceable(curriculum.at(seen))
        storage = context.storage
        if storage == "auto":  # what grows is read anew each time, unless one asks; frames stay
            frames = self._source.pool().columns.frames
            storage = choose_storage(frames, len(frames), context.device, "BLCHW")
        super().__init__(
            replace(context, dataset=self._source, storage=storage), batch_size, length
        )

    def __next__(self) -> Chunk:
        """The next batch."""
        size = self._curriculum.size(self._step)
        if size != self._size:
            self._source.replace(self._curriculum.at(self._step))
            self._size = size
        self._step += 1
        return super().__next__()


def _returns(pool: Pool) -> Sequence[np.float32]:
    """Of each of a pool's episodes."""
    starts, rewards = pool.columns.starts, pool.columns.rewards
    return [rewards[starts[n] : starts[n + 1] - 1].sum() for n in pool.episodes]


def _ordered(pool: Pool, order: Order, length: int) -> Int64[np.ndarray, " n"]:
    """Positions among a pool's episodes; of equal returns those stand first that came first."""
    starts, episodes = pool.columns.starts, pool.episodes
    lasting = np.flatnonzero(starts[episodes + 1] - starts[episodes] - 1 >= length)
    positions = lasting if len(lasting) else np.arange(len(episodes))
    if order == "collected":
        return positions
    returns = np.asarray(_returns(pool))[positions]
    return positions[np.argsort(returns, kind="stable")]


def _without_twins(
    positions: Int64[np.ndarray, " n"], returns: Sequence[np.float32]
) -> Int64[np.ndarray, " m"]:
    """Of episodes with equal returns the last one alone, as a dictionary by returns keeps them."""
    kept = {float(returns[position]): position for position in positions}
    return np.array(list(kept.values()), np.int64)
