"""Offline, then online: mean scores by environment step, from the offline point on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from leaderboard.benchmarks import normalized
from vd4rl_data.results import OnlinePoint, Run, RunResult
from vd4rl_data.suite import Benchmark


@dataclass(frozen=True, slots=True)
class OnlineScore:
    """One point of a curve.

    Attributes:
        environment_steps: so far; 0 is the offline point.
        value: mean over seeds, in the table's unit.
        spread: one standard deviation over them; ``None`` for a single one.
    """

    environment_steps: int
    value: float
    spread: float | None


def online_scores(
    runs: Sequence[Run], benchmark: Benchmark, scale: float
) -> tuple[OnlineScore, ...]:
    """The curve of the mean score; empty where there is none.

    Args:
        runs: of one environment, evaluated after the same numbers of steps.
        benchmark: what scores them.
        scale: of the table's unit, in which scores are shown; returns without a score stay as
            they are.
    """
    scores: list[OnlineScore] = []
    for points in zip(*(run.online_curve for run in runs), strict=True):
        found = [_score(point, benchmark) for point in points]
        known = [score * scale for score in found if score is not None]
        shown = known if len(known) == len(found) else [point.mean_return for point in points]
        spread = stdev(shown) if len(shown) > 1 else None
        scores.append(OnlineScore(points[0].environment_steps, fmean(shown), spread))
    return tuple(scores)


def find_broken_online_rules(result: RunResult, benchmark: Benchmark) -> Iterator[str]:
    """Hold the online part of a valid result against its benchmark."""
    low, high = benchmark.return_range
    for evaluation in result.evaluations:
        for run in evaluation.runs:
            where = f"{evaluation.environment}, seed {run.seed}"
            points = run.online_curve
            outside = [point for point in points if not low <= point.mean_return <= high]
            for point in outside[:1]:
                yield (
                    f"{where}: the online curve's {point.mean_return:g} at"
                    f" {point.environment_steps} environment steps is out of the task's bounds,"
                    f" {low:g} to {high:g}"
                )
            if benchmark.metric == "success" and any(point.success is None for point in points):
                yield (
                    f"{where}: this benchmark is scored by successes, and the online curve has none"
                )


def _score(point: OnlinePoint, benchmark: Benchmark) -> float | None:
    if benchmark.metric == "success":
        return point.success
    return normalized(benchmark, point.mean_return, "return")
