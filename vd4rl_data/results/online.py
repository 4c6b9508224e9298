"""What a result that went from offline to online training must say, and agree with itself in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from vd4rl_data.results.episodes import mean_return, mean_success
from vd4rl_data.results.model import Run, RunResult

_TOLERANCE: Final = 1e-6


def is_close(one: float, other: float) -> bool:
    """Whether two means are of the same numbers, whoever added them up."""
    return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def find_online_contradictions(result: RunResult) -> Iterator[str]:
    """Check the online part of a result; printed numbers may leave it out."""
    runs = {
        f"evaluations[{i}].runs[{j}]": run
        for i, evaluation in enumerate(result.evaluations)
        for j, run in enumerate(evaluation.runs)
    }
    budget = result.protocol.environment_steps
    if result.protocol.track == "offline":
        if budget is not None:
            yield "protocol.environment_steps: track 'offline' takes none; is it offline_to_online?"
        for where in (where for where, run in runs.items() if run.online_curve):
            yield f"{where}.online_curve: track 'offline' has none; is it offline_to_online?"
        return
    if result.evaluations and budget is None:
        yield "protocol.environment_steps: track 'offline_to_online' needs the budget of steps"
    grids = {tuple(point.environment_steps for point in run.online_curve) for run in runs.values()}
    if len(grids) > 1:
        yield "online_curve: expected evaluations at the same environment_steps for every seed"
    for where, run in runs.items():
        yield from _curve(result, run, f"{where}.online_curve")


def _curve(result: RunResult, run: Run, where: str) -> Iterator[str]:
    points, budget = run.online_curve, result.protocol.environment_steps
    if len(points) < 2:
        yield f"{where}: expected the offline point and the last one at least, got {len(points)}"
        return
    steps = [point.environment_steps for point in points]
    if steps != sorted(set(steps)):
        yield f"{where}: environment_steps must increase"
    if steps[0] != 0:
        yield f"{where}: expected the offline point first, at 0 environment_steps, got {steps[0]}"
    if budget is not None and steps[-1] != budget:
        yield (
            f"{where}: ends at {steps[-1]} environment_steps, but protocol.environment_steps says"
            f" {budget}"
        )
    told = {point.success is None for point in points}
    if told != {run.successes is None}:
        places = "in every point and with the final returns"
        yield f"{where}: success must be given {places}, or not at all"
    if result.protocol.checkpoint == "last":
        yield from _end(run, where)


def _end(run: Run, where: str) -> Iterator[str]:
    """The last point is the final evaluation."""
    last, final, share = run.online_curve[-1], mean_return(run), mean_success(run)
    if not is_close(last.mean_return, final):
        yield (
            f"{where}: ends at {last.mean_return:g}, but the mean of the final returns is {final:g}"
        )
    if last.success is not None and share is not None and not is_close(last.success, share):
        yield (
            f"{where}: ends at success {last.success:g}, but the mean of the final successes is"
            f" {share:g}"
        )
