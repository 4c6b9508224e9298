"""Whether mean returns agree with published ones: a question of size, not of significance.

That a difference is not significant says nothing: with few enough episodes, no difference is. Two
means agree only if the whole interval of their difference lies within a margin that does not matter
(two one-sided tests, each at 2.5 %).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from vd4rl_data.spec import DatasetSpec, ReturnScore, ReturnStatistics

CONFIDENCE: Final = 0.95
MARGIN_OF_SPREAD: Final = 0.5
"""In standard deviations of the published returns: if they are further apart, two equally wide
normal distributions overlap by less than 80 %."""

MARGIN_OF_SCORE: Final = 0.05
"""In units of the normalized score, i.e. 5 points as papers print them: about the spread between
seeds of one algorithm. It applies if returns spread widely, as those of a replay do."""

Verdict = Literal["agree", "differ", "undecided"]


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """Difference of a mean return from the published one.

    Attributes:
        difference: ours minus the published one.
        low, high: its 95 % interval (Student's t), which allows for the sampling error of both.
        margin: the largest difference that does not matter; see :func:`margin_of`.
    """

    difference: float
    low: float
    high: float
    margin: float

    @property
    def verdict(self) -> Verdict:
        """Whether the interval lies within the margin, outside it, or neither."""
        if -self.margin <= self.low and self.high <= self.margin:
            return "agree"
        if self.low > self.margin or self.high < -self.margin:
            return "differ"
        return "undecided"


def margin_of(spec: DatasetSpec) -> float:
    """The largest difference of mean returns that does not matter for a dataset.

    It is the smaller of half a standard deviation of the published returns and, if the score is a
    function of the return, 5 points of the normalized score.

    Raises:
        ValueError: no returns were published.
    """
    if spec.published_returns is None:
        raise ValueError(f"{spec.name}: no returns were published to compare with")
    margin = MARGIN_OF_SPREAD * spec.published_returns.std
    if isinstance(spec.score, ReturnScore):
        margin = min(margin, MARGIN_OF_SCORE * abs(spec.score.high - spec.score.low))
    return margin


def compare_means(
    spec: DatasetSpec, statistics: ReturnStatistics, num_episodes: int
) -> MeanDifference | None:
    """Compare a mean return with the published one.

    Args:
        spec: the catalog row; its ``num_episodes`` are those that the published row summarizes.
        statistics: undiscounted episode returns; ``std`` divides by the number of episodes.
        num_episodes: how many episodes they summarize.

    Returns:
        ``None`` if nothing was published, or if either has a single episode, from which no
        sampling error can be estimated.

    Raises:
        ValueError: the number of episodes is not positive.
    """
    if num_episodes < 1:
        raise ValueError(f"num_episodes: expected at least 1, got {num_episodes}")
    theirs, their_episodes = spec.published_returns, spec.num_episodes
    if theirs is None or min(num_episodes, their_episodes) < 2:
        return None
    difference = statistics.mean - theirs.mean
    half = _half_width(statistics.std, num_episodes, theirs.std, their_episodes)
    return MeanDifference(difference, difference - half, difference + half, margin_of(spec))


def _half_width(std: float, episodes: int, other_std: float, other_episodes: int) -> float:
    """Half of the interval; the standard deviations divide by n, the estimates by n - 1.

    The degrees of freedom are those of the smaller sample, so that the interval is never too short.
    """
    variance = std**2 / (episodes - 1) + other_std**2 / (other_episodes - 1)
    return t_quantile(min(episodes, other_episodes) - 1) * math.sqrt(variance)


def t_quantile(freedom: int, confidence: float = CONFIDENCE) -> float:
    """Half-width of Student's t interval, in standard errors.

    With x = √ν tan θ the density is proportional to cos(θ)^(ν - 1), which is summed up here.
    """
    angles = np.linspace(0.0, np.pi / 2, 200_001)
    density = np.cos(angles) ** (freedom - 1)
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    angle = np.interp(confidence, mass / mass[-1], angles)
    return float(math.sqrt(freedom) * np.tan(angle))
