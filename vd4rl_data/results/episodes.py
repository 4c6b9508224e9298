"""Which episodes the evaluation protocol plays, in each of its versions."""

from __future__ import annotations

import math

from vd4rl_data.results.model import Run
from vd4rl_data.seeding import evaluation_seed


def protocol_seeds(version: int, seed: int, episodes: int) -> tuple[int, ...]:
    """What :func:`vd4rl_data.evaluate` resets the episodes of one evaluation with, in order.

    Args:
        version: of the protocol, 1 to :data:`vd4rl_data.seeding.EVALUATION_PROTOCOL`.
        seed: of the evaluation.
        episodes: how many.
    """
    return tuple(evaluation_seed(version, seed, i) for i in range(episodes))


def follows_protocol(run: Run, version: int) -> bool:
    """Whether a run's episodes are those of its own seed, in order: nobody chose them."""
    return run.episode_seeds == protocol_seeds(version, run.seed, len(run.returns))


def mean_return(run: Run) -> float:
    """The mean undiscounted return over a run's episodes."""
    return math.fsum(run.returns) / len(run.returns)


def mean_success(run: Run) -> float | None:
    """The mean success over a run's episodes, 0 to 1; ``None`` where none is told."""
    return math.fsum(run.successes) / len(run.successes) if run.successes else None
