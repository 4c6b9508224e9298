"""Is it a return at all? Scores in place of returns lie far below everything that is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Final

from leaderboard.benchmarks import is_continuous
from leaderboard.known import Known
from vd4rl_data.results import EnvironmentRuns, RunResult
from vd4rl_data.results.episodes import mean_return
from vd4rl_data.suite import Benchmark

FACTORS: Final = (10.0, 100.0, 1000.0)
"""What papers and tables divide returns by."""

_CLEARLY: Final = 0.8  # seeds differ; random actions are measured with some error
_HALF: Final = 2.0
_SAME_TASK: Final = ("original", "distracted_train", "distracted_test", "rgb_video")


@dataclass(frozen=True, slots=True)
class _Reference:
    """What is known of a column.

    Attributes:
        low: below this, a mean return is a question if
        within: a factor lifts it into here.
        words: whose returns these are.
    """

    low: float
    within: tuple[float, float]
    words: str


def find_questions(
    result: RunResult, benchmark: Benchmark, known: Known, place: Path
) -> Iterator[str]:
    """Mean returns far below what is known, which a usual factor would lift among it.

    An algorithm that fails looks the same. So this is a question, and not asked where actions prove
    the returns.

    Args:
        result: to be asked.
        benchmark: its row.
        known: results to compare with.
        place: the entry itself, or the one that it replaces, which is no reference.
    """
    if benchmark.metric != "return":
        return
    for evaluation in result.evaluations:
        value = fmean(map(mean_return, evaluation.runs))
        low, high = benchmark.return_range
        for reference in _references(benchmark, evaluation, known, place):
            factor = _missing_factor(value, reference)
            if factor is not None:
                yield (
                    f"{evaluation.environment}: the mean return is {value:.4g}, but"
                    f" {reference.words}; times {factor:g} it would fit. Expected undiscounted"
                    f" returns of whole episodes, from {low:g} to {high:g}, not scores: give what"
                    " vd4rl_data.evaluate(...).returns holds. If they are right, bring the actions"
                    " (make_submission takes whole evaluations), which prove it, or say why in the"
                    " field 'unusual'"
                )
                break


def _missing_factor(value: float, reference: _Reference) -> float | None:
    """The smallest factor that lifts a value among what is known; ``None`` if none is needed."""
    if not 0 < value < reference.low:
        return None
    low, high = reference.within
    return next((factor for factor in FACTORS if low <= value * factor <= high), None)


def _references(
    benchmark: Benchmark, evaluation: EnvironmentRuns, known: Known, place: Path
) -> Iterator[_Reference]:
    others = known.returns.get((str(benchmark.id), evaluation.environment), {})
    returns = [value for other, value in others.items() if other != place]
    floor = known.floors.get(benchmark.id.task)
    if floor is not None and evaluation.environment in _SAME_TASK and is_continuous(benchmark):
        words = f"uniformly random actions get {floor:.4g}"
        yield _Reference(_CLEARLY * floor, (floor, benchmark.return_range[1]), words)
    if returns and max(returns) > 0:
        usual, top = median(returns), benchmark.return_range[1]
        words = f"known results are {usual:.4g} in the middle ({len(returns)} of them)"
        yield _Reference(usual / _HALF, (usual / _HALF, top), words)
