"""Statistics over runs: seeded, the same bytes everywhere, numpy alone.

Scores are arrays (R, N): R training seeds on each of N benchmarks, each score the mean over a run's
episodes. Intervals are percentiles of a bootstrap that draws seeds anew within each benchmark
(stratified), as Agarwal et al. (NeurIPS 2021) propose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from vd4rl_data import seeding

SEED: Final = 20_240_101
REPETITIONS: Final = 2000
CONFIDENCE: Final = 0.95

Scores = Float64[np.ndarray, "R N"]
Replicates = Float64[np.ndarray, "B R N"]
Metric = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""(..., R, N) → (...)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A point estimate and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def mean(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over benchmarks of the mean over runs."""
    return scores.mean(axis=(-2, -1))


def median(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over benchmarks of the mean over runs."""
    return np.median(scores.mean(axis=-2), axis=-1)


def interquartile_mean(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the middle half of all runs (a quarter, rounded down, goes off each end)."""
    flat = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = flat.shape[-1] // 4
    return flat[..., cut : flat.shape[-1] - cut].mean(axis=-1)


def optimality_gap(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far runs stay below a score of 1, on average; what is above counts as 1."""
    return 1.0 - np.minimum(scores, 1.0).mean(axis=(-2, -1))


METRICS: Final[dict[str, Metric]] = {
    "iqm": interquartile_mean,
    "mean": mean,
    "median": median,
    "optimality_gap": optimality_gap,
}


def resample(scores: Scores, repetitions: int = REPETITIONS, seed: int = SEED) -> Replicates:
    """Bootstrap replicates: runs drawn with replacement, for each benchmark on its own."""
    rng = seeding.generator(seeding.Purpose.BOOTSTRAP, seed)
    runs, tasks = scores.shape
    rows = rng.integers(0, runs, (repetitions, runs, tasks))
    return scores[rows, np.arange(tasks)]


def intervals(
    scores: Scores, repetitions: int = REPETITIONS, seed: int = SEED
) -> dict[str, Interval]:
    """Every metric of :data:`METRICS` with its interval."""
    replicates = resample(scores, repetitions, seed)
    return {
        name: _interval(float(metric(scores)), metric(replicates))
        for name, metric in METRICS.items()
    }


def performance_profile(
    scores: Scores,
    thresholds: Float64[np.ndarray, " T"],
    repetitions: int = REPETITIONS // 4,
    seed: int = SEED,
) -> tuple[Float64[np.ndarray, " T"], Float64[np.ndarray, " T"], Float64[np.ndarray, " T"]]:
    """The fraction of runs above each threshold, with the ends of its interval."""
    replicates = resample(scores, repetitions, seed).reshape(repetitions, -1)
    above = np.stack([(replicates > t).mean(axis=1) for t in thresholds], axis=1)
    low, high = np.quantile(above, _tails(), axis=0)
    point = np.array([(scores > t).mean() for t in thresholds])
    return point, low, high


def probability_of_improvement(
    ours: Scores, theirs: Scores, repetitions: int = REPETITIONS // 4, seed: int = SEED
) -> Interval:
    """How likely a run of ours beats one of theirs, ties half, averaged over benchmarks.

    Raises:
        ValueError: they were not measured on the same number of benchmarks.
    """
    if ours.shape[1] != theirs.shape[1]:
        raise ValueError(f"expected the same benchmarks, got {ours.shape[1]} and {theirs.shape[1]}")
    draws_x, draws_y = resample(ours, repetitions, seed), resample(theirs, repetitions, seed + 1)
    point = float(_improvement(ours[None], theirs[None])[0])
    return _interval(point, _improvement(draws_x, draws_y))


def average_ranks(means: Float64[np.ndarray, "A N"]) -> Float64[np.ndarray, " A"]:
    """Average rank of A algorithms over N benchmarks; 1 is the best, ties share their ranks."""
    better = (means[None, :, :] > means[:, None, :]).sum(axis=1)
    equal = (means[None, :, :] == means[:, None, :]).sum(axis=1)
    ranks = better + (equal + 1) / 2
    return ranks.mean(axis=1)


def stack(columns: Sequence[Sequence[float]]) -> Scores | None:
    """Run scores, a column per benchmark, as (R, N); ``None`` if the numbers of runs differ."""
    if not columns or len({len(column) for column in columns}) != 1:
        return None
    return np.array(columns, dtype=np.float64).T


def _improvement(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B, R, N), (B, S, N) → (B,)."""
    wins = (x[:, :, None, :] > y[:, None, :, :]).mean(axis=(1, 2))
    ties = (x[:, :, None, :] == y[:, None, :, :]).mean(axis=(1, 2))
    return (wins + ties / 2).mean(axis=-1)


def _interval(value: float, replicates: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(replicates, _tails())
    return Interval(value, float(low), float(high))


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
