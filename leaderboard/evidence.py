"""What a result must bring so that its actions, played again, prove all of it."""

from __future__ import annotations

from leaderboard.benchmarks import benchmarks
from vd4rl_data.results import RunResult
from vd4rl_data.results.episodes import follows_protocol


def why_no_badge(result: RunResult) -> str | None:
    """Why a result cannot be called replayed, whatever its actions give; ``None`` if it can.

    Episodes must be those that the evaluation protocol gives to the training seeds: of episodes
    that somebody chose, actions prove the returns and not that there were no others.
    """
    if result.traces is None:
        return "there are no action traces"
    benchmark = benchmarks().get(result.benchmark)
    if benchmark is None or benchmark.task is None:
        return "the library does not simulate this benchmark"
    for evaluation in result.evaluations:
        if evaluation.environment != "original":
            return f"{evaluation.environment} cannot be replayed"
        for run in evaluation.runs:
            where = f"{evaluation.environment}, seed {run.seed}"
            if run.lengths is None:
                return f"{where}: no actions"
            if not follows_protocol(run, result.protocol.version):
                return (
                    f"{where}: its episode seeds are not those of evaluation protocol"
                    f" {result.protocol.version}, vd4rl_data.evaluate(..., seed={run.seed})"
                )
    return None
