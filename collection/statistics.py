"""Episode returns compared with the paper's: differences and their uncertainty. Pure arithmetic."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.bounds import count_outside, reward_bounds
from vd4rl_data.equivalence import CONFIDENCE, compare_means
from vd4rl_data.scores import return_statistics
from vd4rl_data.spec import DatasetSpec, ReturnStatistics, TaskSpec


@dataclass(frozen=True, slots=True)
class EpisodeSummary:
    """Summary of the rewards of one episode.

    Attributes:
        episode_return: undiscounted, the float32 rewards summed in float64.
        rewards_sha256: SHA-256 of the float32 rewards, little endian; equal only if all rewards
            are equal.
        impossible_rewards: number of rewards that the task can never give, see
            :mod:`vd4rl_data.bounds`.
        failed_attempts: number of attempts at a demonstration that were dropped before it; ``None``
            if the episode is none.
    """

    episode_return: float
    rewards_sha256: str
    impossible_rewards: int = 0
    failed_attempts: int | None = None


def summarize(
    rewards: NDArray[np.float32], task: TaskSpec, failed_attempts: int | None = None
) -> EpisodeSummary:
    """Summarize the rewards of one episode of a task, float32 (T,)."""
    content = np.ascontiguousarray(rewards, dtype="<f4").tobytes()
    return EpisodeSummary(
        episode_return=float(np.sum(rewards, dtype=np.float64)),
        rewards_sha256=hashlib.sha256(content).hexdigest(),
        impossible_rewards=count_outside(rewards, reward_bounds(task)),
        failed_attempts=failed_attempts,
    )


@dataclass(frozen=True, slots=True)
class StdDifference:
    """Difference of a standard deviation from the published one.

    Attributes:
        difference: ours minus the published one.
        low, high: its 95 % interval, which allows for the sampling error of both.
    """

    difference: float
    low: float
    high: float


def compare_stds(
    returns: Sequence[float], theirs: ReturnStatistics, their_episodes: int
) -> StdDifference:
    """Compare two standard deviations.

    The standard error of a sample's standard deviation is ``s sqrt((k - 1) / 4n)``: ``s`` is pooled
    over both samples, and the kurtosis ``k`` is that of our returns, but at least the normal
    distribution's 3, because a small sample rarely shows its tails.
    """
    values = np.asarray(returns, dtype=np.float64)
    std, count = float(values.std()), len(values)
    pooled = (count * std**2 + their_episodes * theirs.std**2) / (count + their_episodes)
    kurtosis = float(np.mean((values - values.mean()) ** 4)) / std**4 if std else 0.0
    variance = (max(kurtosis, 3.0) - 1) / 4 * pooled * (1 / count + 1 / their_episodes)
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(variance)
    difference = std - theirs.std
    return StdDifference(difference, difference - half, difference + half)


def fidelity_record(spec: DatasetSpec | None, episodes: Sequence[EpisodeSummary]) -> dict[str, Any]:
    """Statistics of episodes, the published ones, and how they compare; JSON values."""
    returns = [episode.episode_return for episode in episodes]
    statistics = return_statistics(returns)
    record: dict[str, Any] = {
        "dataset_id": None if spec is None else spec.name,
        "num_episodes": len(episodes),
        "statistics": asdict(statistics),
        "episodes": [asdict(episode) for episode in episodes],
    }
    published = None if spec is None else spec.published_returns
    if spec is None or published is None:
        return record
    record["published"] = {"num_episodes": spec.num_episodes, **asdict(published)}
    record["std"] = asdict(compare_stds(returns, published, spec.num_episodes))
    found = compare_means(spec, statistics, len(returns))
    if found is not None:
        record["mean"] = {**asdict(found), "verdict": found.verdict}
    return record
