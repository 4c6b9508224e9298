"""Action traces, played again in the pinned simulator: physics only, nothing is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from leaderboard.benchmarks import benchmarks
from vd4rl_data.errors import InvalidActionError, InvalidTraceError
from vd4rl_data.results import RunResult
from vd4rl_data.results.traces import EpisodeTrace, unpack_actions
from vd4rl_data.simulators.versions import PACKAGES, same_states
from vd4rl_data.spec import TaskSpec
from vd4rl_data.version import versions_of

# Versions with the same states give the same bits on one kind of processor, and the same digits
# elsewhere; others drift apart over an episode.
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
    versions = versions_of(PACKAGES)
    differences = _differences(task, traces, _tolerance(result, versions))
    if differences:
        differences += tuple(_other_states(result, versions))
    return Replay(len(traces), differences, len(traces) == claimed, versions)


def _tolerance(result: RunResult, versions: dict[str, str]) -> float:
    return _SAME_VERSIONS if same_states(_recorded(result), versions) else _OTHER_VERSIONS


def _recorded(result: RunResult) -> dict[str, str]:
    return result.compute.versions if result.compute else {}


def _other_states(result: RunResult, versions: dict[str, str]) -> Iterator[str]:
    """What to say of differences that the versions may explain."""
    recorded = _recorded(result)
    if not same_states(recorded, versions):
        made, here = (
            ", ".join(f"{name} {found.get(name, '(not named)')}" for name in PACKAGES)
            for found in (recorded, versions)
        )
        yield (
            f"the file was made with {made}, and played with {here}, whose states drift apart;"
            " check it with the versions that made it"
        )


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
