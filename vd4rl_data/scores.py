"""Normalized scores: pure arithmetic on episode returns and a catalog row."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vd4rl_data.registry import DatasetSpec, ReturnStatistics


def normalized_score(
    spec: DatasetSpec, episode_return: ArrayLike | float
) -> NDArray[np.float64] | float:
    """Map undiscounted episode returns to the suite's normalized score.

    Args:
        spec: the catalog row whose ``score_min`` and ``score_max`` map to 0 and 1.
        episode_return: one return or an array of any shape.

    Returns:
        A float for one return, else a float64 array of the same shape. Papers print 100 times this.
    """
    returns = np.asarray(episode_return, dtype=np.float64)
    score = (returns - spec.score_min) / (spec.score_max - spec.score_min)
    return float(score) if score.ndim == 0 else score


def return_statistics(returns: ArrayLike) -> ReturnStatistics:
    """Summarize episode returns, shape (E,), the way the papers' tables do.

    Raises:
        ValueError: there are no returns.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.size == 0:
        raise ValueError("return statistics need at least one episode, got none")
    p25, median, p75 = (float(np.percentile(values, q)) for q in (25, 50, 75))
    return ReturnStatistics(
        mean=float(values.mean()),
        std=float(values.std()),
        min=float(values.min()),
        p25=p25,
        median=median,
        p75=p75,
        max=float(values.max()),
    )
