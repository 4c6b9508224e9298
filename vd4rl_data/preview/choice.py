"""Which episodes of a dataset are shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def median_episode(returns: NDArray[np.float64]) -> int:
    """The number of an episode of median return; of an even number, the one above the middle."""
    return int(np.argsort(returns, kind="stable")[len(returns) // 2])


def spread_by_return(returns: NDArray[np.float64], most: int) -> list[int]:
    """Numbers of at most so many episodes, evenly spread from the lowest to the highest return."""
    ranks = np.linspace(0, len(returns) - 1, min(most, len(returns))).round().astype(np.int64)
    return [int(number) for number in np.argsort(returns, kind="stable")[ranks]]
