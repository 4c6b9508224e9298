"""Rules that every result must keep: its benchmark's bounds, seeds enough, sizes of its actions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from leaderboard.benchmarks import normalized
from leaderboard.online import find_broken_online_rules
from vd4rl_data.results import Run, RunResult
from vd4rl_data.results.episodes import mean_return
from vd4rl_data.suite import Benchmark

LEAST_SEEDS: Final = 3
_ROUNDING: Final = 1e-3  # sums of rewards in [0, 1] may pass the bound by rounding


def find_broken_rules(result: RunResult, benchmark: Benchmark) -> Iterator[str]:
    """Hold a valid result against its benchmark."""
    yield from _environments(result, benchmark)
    yield from _returns(result, benchmark)
    yield from find_broken_online_rules(result, benchmark)
    yield from _traced(result, benchmark)


def find_notes(result: RunResult, benchmark: Benchmark) -> Iterator[str]:
    """What a reviewer should look at."""
    if not result.evaluations:
        return
    if result.algorithm.code is None or result.algorithm.commit is None:
        yield "algorithm.code or algorithm.commit is missing: nobody can run it again"
    if not result.hyperparameters:
        yield "hyperparameters are missing"
    for evaluation in result.evaluations:
        for run in evaluation.runs:
            score = normalized(benchmark, mean_return(run), "return")
            if score is not None and score > 1.0:
                yield f"{evaluation.environment}, seed {run.seed}: score {score:.2f} is above 1"


def _environments(result: RunResult, benchmark: Benchmark) -> Iterator[str]:
    given = {evaluation.environment for evaluation in result.evaluations}
    given |= {number.environment for number in result.published}
    for environment in sorted(given - set(benchmark.environments)):
        known = ", ".join(benchmark.environments)
        yield f"environment {environment!r} does not belong to {result.benchmark}; it has {known}"


def _returns(result: RunResult, benchmark: Benchmark) -> Iterator[str]:
    for evaluation in result.evaluations:
        where = evaluation.environment
        if len(evaluation.runs) < LEAST_SEEDS:
            runs = len(evaluation.runs)
            yield f"{where}: expected {LEAST_SEEDS} training seeds or more, got {runs}"
        if benchmark.graded:  # a sparse reward may well be earned every time
            yield from _constant(evaluation.runs, where)
        for run in evaluation.runs:
            yield from _bounds(run, benchmark, f"{where}, seed {run.seed}")
    for i, number in enumerate(result.published):
        score = normalized(benchmark, number.mean, number.scale)
        if number.scale in ("return", "return/10") and score is not None:
            episode_return = number.mean * (10 if number.scale == "return/10" else 1)
            if not _within(episode_return, benchmark.return_range):
                shown = f"{number.mean:g} ({number.scale})"
                yield f"published[{i}]: {shown} is out of the task's bounds"


def _constant(runs: tuple[Run, ...], where: str) -> Iterator[str]:
    """Returns that no simulator gives. All zero is possible: a policy that never moves."""
    values = {value for run in runs for value in run.returns}
    if len(values) == 1 and values != {0.0} and sum(len(run.returns) for run in runs) > 1:
        yield f"{where}: every return of every seed is {values.pop():g}"


def _bounds(run: Run, benchmark: Benchmark, where: str) -> Iterator[str]:
    low, high = benchmark.return_range
    outside = [value for value in run.returns if not _within(value, benchmark.return_range)]
    if outside:
        yield f"{where}: return {outside[0]:g} is out of the task's bounds, {low:g} to {high:g}"
    for point in run.curve:
        if not _within(point.mean_return, benchmark.return_range):
            shown = f"{point.mean_return:g} at step {point.step}"
            yield f"{where}: the curve's {shown} is out of bounds"
            break
    if benchmark.metric == "success" and run.successes is None:
        yield f"{where}: this benchmark is scored by successes, and there are none"


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return math.isfinite(value) and bounds[0] - _ROUNDING <= value <= bounds[1] + _ROUNDING


def _traced(result: RunResult, benchmark: Benchmark) -> Iterator[str]:
    task = benchmark.task
    if (
        result.traces is not None
        and task is not None
        and result.traces.action_size != task.action_size
    ):
        found = result.traces.action_size
        yield f"traces: expected {task.action_size} action dimensions, got {found}"
    for evaluation in result.evaluations:
        for run in evaluation.runs:
            where = f"{evaluation.environment}, seed {run.seed}"
            seeds = run.episode_seeds or ()
            if len(set(seeds)) != len(seeds):
                yield f"{where}: an episode seed stands twice"
            if task is not None and any(length > task.time_steps for length in run.lengths or ()):
                yield f"{where}: an episode is longer than the task's {task.time_steps} time steps"
