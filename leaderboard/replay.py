"""Action traces, played again in the pinned simulator: physics only, nothing is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from leaderboard.benchmarks import benchmarks
from vd4rl_data.errors import InvalidActionError, InvalidTraceError
from vd4rl_data.results import RunResult
from vd4rl_data.results.traces import EpisodeTrace, unpack_actions
from vd4rl_data.spec import TaskSpec

SIMULATOR: Final = ("mujoco", "dm_control")

# The same versions give the same bits on one kind of processor, and the same digits elsewhere;
# other versions drift apart over an episode.
_SAME_VERSIONS: Final = 1e-6
_OTHER_VERSIONS: Final = 1e-3
_MOST_DIFFERENCES: Final = 10


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of the traces.

    Attributes:
        episodes: how many were played.
        differences: where a return was not reproduced, or a trace is none of the task.
        complete: whether every episode of the result has a trace that can be replayed.
        versions: of the simulator that played them.
    """

    episodes: int
    differences: tuple[str, ...]
    complete: bool
    versions: dict[str, str]

    @property
    def reproduced(self) -> bool:
        """Whether all returns of the result are those of its actions."""
        return self.complete and self.episodes > 0 and not self.differences


def replay_traces(result: RunResult, actions: bytes) -> Replay:
    """Play every episode of a result again and compare its return with the claimed one.

    Args:
        result: a result that passed the other checks.
        actions: its trace file, whose size and hash are right.

    Raises:
        MissingDependencyError: the simulator is not installed.
    """
    task = benchmarks()[result.benchmark].task
    traces = [trace for trace in unpack_actions(result, actions) if trace.environment == "original"]
    claimed = sum(len(run.returns) for item in result.evaluations for run in item.runs)
    if task is None:
        return Replay(0, (), complete=False, versions={})
    versions = {package: version(package) for package in SIMULATOR}
    differences = _differences(task, traces, _tolerance(result, versions))
    return Replay(len(traces), differences, len(traces) == claimed, versions)


def _tolerance(result: RunResult, versions: dict[str, str]) -> float:
    recorded = result.compute.versions if result.compute else {}
    same = all(recorded.get(package) == versions[package] for package in SIMULATOR)
    return _SAME_VERSIONS if same else _OTHER_VERSIONS


def _differences(
    task: TaskSpec, traces: Iterable[EpisodeTrace], tolerance: float
) -> tuple[str, ...]:
    from vd4rl_data.envs import make_env
    from vd4rl_data.evaluation import ActionTrace, replay

    differences: list[str] = []
    env = make_env(task.name)
    for trace in traces:
        where = f"{trace.environment}, seed {trace.run_seed}, episode {trace.episode}"
        try:
            played = float(replay(env, [ActionTrace(trace.episode_seed, trace.actions)])[0])
        except (InvalidTraceError, InvalidActionError) as error:
            differences.append(f"{where}: {error}")
        else:
            claimed = trace.claimed_return
            if not math.isclose(played, claimed, rel_tol=tolerance, abs_tol=tolerance):
                differences.append(f"{where}: claims {claimed:.6g}, its actions give {played:.6g}")
        if len(differences) == _MOST_DIFFERENCES:
            differences.append("and maybe more: stopped here")
            break
    return tuple(differences)
