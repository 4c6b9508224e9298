"""Is a result file what it says? Everything that can be found out without training anything."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leaderboard.benchmarks import Benchmark, benchmarks
from leaderboard.replay import Replay, replay_traces
from leaderboard.store import place_of
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import Run, RunResult, parse_result
from vd4rl_data.results.files import read_bounded, read_traces
from vd4rl_data.results.text import MAX_BYTES
from vd4rl_data.results.validate import mean_return

LEAST_SEEDS: Final = 3
_SEED_BADGES: Final = (10, 5)
_ROUNDING: Final = 1e-3  # sums of rewards in [0, 1] may pass the bound by rounding


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        path: the file.
        result: what it says; ``None`` if it cannot be read.
        problems: each one is reason enough to refuse the file.
        warnings: what a reviewer should look at.
        replay: outcome of the action traces; ``None`` without any, or where not asked for.
        data: the bytes that were checked.
    """

    path: Path
    result: RunResult | None
    problems: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    replay: Replay | None = None
    data: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the file may enter the store."""
        return not self.problems

    @property
    def badges(self) -> tuple[str, ...]:
        """What the page will say of it."""
        if self.result is None or not self.ok:
            return ()
        return badges_of(self.result, replayed=self.replay is not None and self.replay.reproduced)


def check_file(path: Path, *, store: Path | None = None, replay: bool = True) -> Report:
    """Check a result file.

    Args:
        path: the file; its action traces are looked for beside it, under its own name.
        store: if the file lies in this store, its place is checked, too.
        replay: play its action traces again.

    Raises:
        OSError: the file cannot be read.
        MissingDependencyError: there are traces to replay and no simulator is installed.
    """
    try:
        data = read_bounded(path, MAX_BYTES)
        result = parse_result(data, str(path))
    except InvalidResultError as error:
        return Report(path, None, list(error.problems))
    report = Report(path, result, data=data)
    report.problems.extend(find_problems(result))
    report.warnings.extend(_warnings(result))
    if store is not None and path.resolve().is_relative_to(store.resolve()):
        place = place_of(result)
        if path.resolve() != (store / place).resolve():
            report.problems.append(f"in the store it belongs at {place.as_posix()}")
    if result.traces is None or report.problems:
        return report
    return _with_traces(report, result, replay)


def find_problems(result: RunResult) -> list[str]:
    """Hold a valid result against its benchmark and against common sense."""
    benchmark = benchmarks().get(result.benchmark)
    if benchmark is None:
        return [f"benchmark: {result.benchmark!r} is not registered (leaderboard/benchmarks.py)"]
    return [
        *_environments(result, benchmark),
        *_returns(result, benchmark),
        *_traced(result, benchmark),
    ]


def badges_of(result: RunResult, *, replayed: bool) -> tuple[str, ...]:
    """Provenance first, then what speaks for a result."""
    badges = ["replayed"] if replayed else []
    badges.append(result.kind)
    if result.evaluations:
        seeds = min(len(evaluation.runs) for evaluation in result.evaluations)
        badges += [f"{least}+ seeds" for least in _SEED_BADGES if seeds >= least][:1]
    if result.protocol.online_evaluations == 0:
        badges.append("no online tuning")
    if result.protocol.hyperparameters_shared in ("suite", "all"):
        badges.append("one setting")
    return tuple(badges)


def _with_traces(report: Report, result: RunResult, replay: bool) -> Report:
    try:
        actions = read_traces(report.path, result)
    except FileNotFoundError as error:
        report.problems.append(f"traces: {error.filename} is missing")
        return report
    except InvalidResultError as error:
        report.problems.extend(f"traces: {problem}" for problem in error.problems)
        return report
    if not replay:
        return report
    outcome = replay_traces(result, actions)
    problems = [*report.problems, *(f"replay: {line}" for line in outcome.differences)]
    return Report(report.path, result, problems, report.warnings, outcome, report.data)


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
        yield from _suspicious(evaluation.runs, where)
        for run in evaluation.runs:
            yield from _bounds(run, benchmark, f"{where}, seed {run.seed}")
    for i, number in enumerate(result.published):
        score = benchmark.normalized(number.mean, number.scale)
        if number.scale in ("return", "return/10") and score is not None:
            episode_return = number.mean * (10 if number.scale == "return/10" else 1)
            if not _within(episode_return, benchmark.bounds):
                shown = f"{number.mean:g} ({number.scale})"
                yield f"published[{i}]: {shown} is out of the task's bounds"


def _suspicious(runs: tuple[Run, ...], where: str) -> Iterator[str]:
    """Returns that no simulator gives. All zero is possible: a policy that never moves."""
    values = {value for run in runs for value in run.returns}
    if values == {0.0}:
        return
    if len(values) == 1 and sum(len(run.returns) for run in runs) > 1:
        yield f"{where}: every return of every seed is {values.pop():g}"
        return
    seen: dict[tuple[float, ...], int] = {}
    for run in runs:
        if set(run.returns) != {0.0} and run.returns in seen:
            yield f"{where}: seeds {seen[run.returns]} and {run.seed} have the very same returns"
        seen.setdefault(run.returns, run.seed)


def _bounds(run: Run, benchmark: Benchmark, where: str) -> Iterator[str]:
    low, high = benchmark.bounds
    outside = [value for value in run.returns if not _within(value, benchmark.bounds)]
    if outside:
        yield f"{where}: return {outside[0]:g} is out of the task's bounds, {low:g} to {high:g}"
    for point in run.curve:
        if not _within(point.mean_return, benchmark.bounds):
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


def _warnings(result: RunResult) -> Iterator[str]:
    if not result.evaluations:
        return
    if result.data is None or result.data.content_sha256 is None:
        yield "data.content_sha256 is missing: which dataset file was it?"
    if result.algorithm.code is None or result.algorithm.commit is None:
        yield "algorithm.code or algorithm.commit is missing: nobody can run it again"
    if not result.hyperparameters:
        yield "hyperparameters are missing"
    benchmark = benchmarks().get(result.benchmark)
    if benchmark is None or benchmark.score is None:
        return
    for evaluation in result.evaluations:
        for run in evaluation.runs:
            score = benchmark.normalized(mean_return(run), "return")
            if score is not None and score > 1.0:
                yield f"{evaluation.environment}, seed {run.seed}: score {score:.2f} is above 1"
