"""Episode returns against the paper's: how far apart, in sampling errors. Pure arithmetic."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.report import mean_z_value
from vd4rl_data.scores import return_statistics
from vd4rl_data.spec import DatasetSpec, ReturnStatistics


@dataclass(frozen=True, slots=True)
class EpisodeSummary:
    """What identifies the rewards of one episode.

    Attributes:
        episode_return: undiscounted, the float32 rewards summed in float64.
        rewards_sha256: of the float32 rewards, little endian: equal only if every reward is.
    """

    episode_return: float
    rewards_sha256: str


def summarize(rewards: NDArray[np.float32]) -> EpisodeSummary:
    """Summarize the rewards of one episode, float32 (T,)."""
    content = np.ascontiguousarray(rewards, dtype="<f4").tobytes()
    return EpisodeSummary(
        episode_return=float(np.sum(rewards, dtype=np.float64)),
        rewards_sha256=hashlib.sha256(content).hexdigest(),
    )


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far a statistic lies from the published one.

    Attributes:
        difference: ours minus theirs.
        standard_error: of that difference; both are samples and both err.
        z: the difference in standard errors, ``None`` where there is no error.
    """

    difference: float
    standard_error: float
    z: float | None


def mean_deviation(
    ours: ReturnStatistics, episodes: int, theirs: ReturnStatistics, their_episodes: int
) -> Deviation:
    """Compare two means; the standard error is ``sqrt(s1²/n1 + s2²/n2)``."""
    error = math.sqrt(ours.std**2 / episodes + theirs.std**2 / their_episodes)
    z = mean_z_value(ours, episodes, theirs, their_episodes)
    return Deviation(ours.mean - theirs.mean, error, z)


def std_deviation(
    returns: Sequence[float], theirs: ReturnStatistics, their_episodes: int
) -> Deviation:
    """Compare two standard deviations; the null hypothesis is that both estimate the same one.

    The standard error of a sample's standard deviation is ``s sqrt((k - 1) / 4n)``: ``s`` is pooled
    over both samples, and the kurtosis ``k`` is that of our returns, but at least the normal
    distribution's 3, because a small sample rarely shows its tails.
    """
    values = np.asarray(returns, dtype=np.float64)
    std, count = float(values.std()), len(values)
    pooled = (count * std**2 + their_episodes * theirs.std**2) / (count + their_episodes)
    kurtosis = float(np.mean((values - values.mean()) ** 4)) / std**4 if std else 0.0
    variance = (max(kurtosis, 3.0) - 1) / 4 * pooled * (1 / count + 1 / their_episodes)
    error = math.sqrt(variance)
    return Deviation(std - theirs.std, error, (std - theirs.std) / error if error else None)


def fidelity_record(spec: DatasetSpec | None, episodes: Sequence[EpisodeSummary]) -> dict[str, Any]:
    """Statistics of some episodes, the published ones and how they compare, as JSON."""
    returns = [episode.episode_return for episode in episodes]
    statistics = return_statistics(returns)
    record: dict[str, Any] = {
        "dataset_id": None if spec is None else spec.name,
        "num_episodes": len(episodes),
        "statistics": asdict(statistics),
        "episodes": [asdict(episode) for episode in episodes],
    }
    published = None if spec is None else spec.published_returns
    if spec is not None and published is not None:
        count = spec.num_episodes
        record["published"] = {"num_episodes": count, **asdict(published)}
        record["mean"] = asdict(mean_deviation(statistics, len(returns), published, count))
        record["std"] = asdict(std_deviation(returns, published, count))
    return record
