"""Drawing starts with replacement: uniformly, by weights, and in fixed shares of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from vd4rl_data.sampling.pool import Group, Pool, counts_of_shares
from vd4rl_data.sampling.windows import WindowIndex


@dataclass(frozen=True, slots=True)
class _Range:
    """Starts ``first`` to ``stop`` of a table give ``count`` samples of each batch.

    ``cumulated`` are the sums of their weights up to each; ``None`` if they are all alike.
    """

    first: int
    stop: int
    count: int
    cumulated: Float64[np.ndarray, " v"] | None

    def draw(self, generator: np.random.Generator, batches: int) -> Int64[np.ndarray, "n k"]:
        shape = (batches, self.count)
        if self.cumulated is None:
            return generator.integers(self.first, self.stop, shape)
        places = generator.random(shape) * self.cumulated[-1]
        found = np.searchsorted(self.cumulated, places, side="right")
        return self.first + np.minimum(found, len(self.cumulated) - 1)


@dataclass(frozen=True, slots=True)
class Draws:
    """How the positions of a table are drawn."""

    ranges: tuple[_Range, ...]

    @property
    def alike(self) -> bool:
        """Whether every start is drawn equally often."""
        return len(self.ranges) == 1 and self.ranges[0].cumulated is None

    def draw(self, generator: np.random.Generator, batches: int) -> Int64[np.ndarray, " S"]:
        """Positions for so many batches, one batch after the other."""
        drawn = [part.draw(generator, batches) for part in self.ranges]
        return np.concatenate(drawn, axis=1).ravel() if len(drawn) > 1 else drawn[0].ravel()


def make_draws(pool: Pool, index: WindowIndex, batch_size: int) -> Draws:
    """Draws of a pool; a group without any start leaves its share to the others.

    Args:
        pool: the episodes, with their shares and weights.
        index: the windows of its episodes; they are the starts.
        batch_size: of the batches.

    Raises:
        ValueError: a share gets no sample of a batch.
    """
    spans = [(group, *index.span(group.episodes)) for group in pool.groups]
    spans = [(group, first, stop) for group, first, stop in spans if first < stop]
    counts = counts_of_shares([group.share for group, *_ in spans], batch_size)
    return Draws(
        tuple(
            _Range(first, stop, count, _cumulated(group, index))
            for (group, first, stop), count in zip(spans, counts, strict=True)
        )
    )


def _cumulated(group: Group, index: WindowIndex) -> Float64[np.ndarray, " v"] | None:
    if group.weights is None:
        return None
    return np.cumsum(np.repeat(group.weights, index.counts_of(group.episodes)))
