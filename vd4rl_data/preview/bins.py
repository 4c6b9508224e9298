"""Round bins and ticks of a distribution of returns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.spec import ReturnStatistics

_LEAST_BINS: Final = 24
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


def nice_step(span: float, count: int, digits: Sequence[float] = _STEPS) -> float:
    """The smallest digit times a power of ten that splits ``span`` into at most ``count`` parts."""
    power = 10.0 ** math.floor(math.log10(span / count))
    return next(power * digit for digit in digits if span / (power * digit) <= count * (1 + 1e-9))


def bin_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round edges of equal bins, about two times the cube root of their number (the Rice rule)."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        step = nice_step(max(abs(high), 1.0), _LEAST_BINS)
        return np.asarray(high + (np.arange(-6, 8) - 0.5) * step, dtype=np.float64)
    step = nice_step(high - low, max(_LEAST_BINS, math.ceil(2 * len(values) ** (1 / 3))))
    first, last = math.floor(low / step), math.floor(high / step) + 1
    return np.asarray(np.arange(first, last + 1) * step, dtype=np.float64)


def extent(edges: NDArray[np.float64], published: ReturnStatistics | None) -> tuple[float, float]:
    """The range of returns to draw: all bins, and the published mean with a margin around it."""
    low, high = float(edges[0]), float(edges[-1])
    if published is None:
        return low, high
    air = 0.04 * (max(high, published.mean) - min(low, published.mean))
    return min(low, published.mean - air), max(high, published.mean + air)


def ticks(low: float, high: float, most: int = 10) -> list[tuple[float, int]]:
    """At most about so many round values in a range, each with the decimals that it needs."""
    step = nice_step(high - low, most)
    decimals = next(n for n in range(12) if math.isclose(round(step, n), step, rel_tol=1e-9))
    first, last = math.ceil(low / step), math.floor(high / step)
    return [(number * step, decimals) for number in range(first, last + 1)]
