"""Action traces, played again in the pinned simulator: physics only, nothing is drawn."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from leaderboard.benchmarks import benchmarks
from vd4rl_data.errors import InvalidActionError, InvalidTraceError
from vd4rl_data.evaluation import ActionTrace, replay_episode
from vd4rl_data.results import RunResult
from vd4rl_data.results.traces import EpisodeTrace, unpack_actions
from vd4rl_data.scores import EpisodeSummary
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.versions import PACKAGES, same_states, states_drift
from vd4rl_data.spec import Score, SuccessScore, TaskSpec
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
        drifted: in words, why differences prove nothing: the versions that made the file are known
            to lead to other states than those that played it. ``None`` where they prove something.
    """

    episodes: int
    differences: tuple[str, ...]
    complete: bool
    versions: dict[str, str]
    drifted: str | None = None

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
    benchmark = benchmarks()[result.benchmark]
    task, score = benchmark.task, benchmark.score
    traces = [trace for trace in unpack_actions(result, actions) if trace.environment == "original"]
    claimed = sum(len(run.returns) for item in result.evaluations for run in item.runs)
    if task is None:
        return Replay(0, (), complete=False, versions={})
    versions = versions_of(PACKAGES)
    broken, differences = _differences(task, score, traces, _tolerance(result, versions))
    drifted = _drifted(_recorded(result), versions) if differences and not broken else None
    differences = (*broken, *differences)
    return Replay(len(traces), differences, len(traces) == claimed, versions, drifted)


def _tolerance(result: RunResult, versions: dict[str, str]) -> float:
    return _SAME_VERSIONS if same_states(_recorded(result), versions) else _OTHER_VERSIONS


def _recorded(result: RunResult) -> dict[str, str]:
    return result.compute.versions if result.compute else {}


def _drifted(recorded: dict[str, str], versions: dict[str, str]) -> str | None:
    if not states_drift(recorded, versions):
        return None
    made, here = (
        " and ".join(f"{name} {found[name]}" for name in PACKAGES) for found in (recorded, versions)
    )
    return (
        f"it was made with {made}, and played with {here}, which lead to other states; check it"
        " with the versions that made it"
    )


def _differences(
    task: TaskSpec, score: Score | None, traces: Iterable[EpisodeTrace], tolerance: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Traces that are none of the task, and claims that are not what their actions give."""
    broken: list[str] = []
    differences: list[str] = []
    with contextlib.closing(Simulation(task)) as simulation:
        for trace in traces:
            where = f"{trace.environment}, seed {trace.run_seed}, episode {trace.episode}"
            episode = ActionTrace(trace.episode_seed, trace.actions)
            try:
                played = replay_episode(simulation, episode, task.time_steps, where)
            except (InvalidTraceError, InvalidActionError) as error:
                broken.append(str(error))
            else:
                differences += [
                    f"{where}: claims {what} {claimed:.6g}, its actions give {given:.6g}"
                    for what, claimed, given in _claims(trace, played, score)
                    if not math.isclose(given, claimed, rel_tol=tolerance, abs_tol=tolerance)
                ]
            if len(broken) + len(differences) >= _MOST_DIFFERENCES:
                differences.append("and maybe more: stopped here")
                break
    return tuple(broken), tuple(differences)


def _claims(
    trace: EpisodeTrace, played: EpisodeSummary, score: Score | None
) -> Iterator[tuple[str, float, float]]:
    """What is claimed of an episode, in words and as a number, and what its actions give."""
    yield "return", trace.claimed_return, played.episode_return
    if isinstance(score, SuccessScore) and trace.claimed_success is not None:
        ever, at_the_end = played.success, played.info.get("final_success")
        given = at_the_end if score.when == "last" else ever
        yield "success", trace.claimed_success, math.nan if given is None else float(given)
