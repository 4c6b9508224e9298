"""What results can be given for: the benchmarks of all suites, and how their numbers are scored."""

from __future__ import annotations

from vd4rl_data.registry import BENCHMARKS
from vd4rl_data.results.model import Scale
from vd4rl_data.spec import ReturnScore
from vd4rl_data.suite import Benchmark


def benchmarks() -> dict[str, Benchmark]:
    """All rows by name, in the order of the suites and of their papers' tables."""
    return BENCHMARKS


def is_continuous(benchmark: Benchmark) -> bool:
    """Whether returns are sums of graded rewards, so that chance never repeats one."""
    return benchmark.graded


def normalized(benchmark: Benchmark, value: float, scale: Scale) -> float | None:
    """The score, 0 to 1, of a number on one of the papers' scales; ``None`` if it has none."""
    if scale == "normalized":
        return value
    if scale == "success_percent":
        return value / 100
    score = benchmark.score
    if not isinstance(score, ReturnScore) or scale == "lompo_0_100":
        return None
    episode_return = value * 10 if scale == "return/10" else value
    return (episode_return - score.low) / (score.high - score.low)
