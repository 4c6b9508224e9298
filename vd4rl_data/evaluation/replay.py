"""Replaying recorded actions: the same episode, without rendering."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np
from jaxtyping import Float64

from vd4rl_data.arguments import check_type, checked_count, shown
from vd4rl_data.envs.registration import EnvOrId, find_env_spec, find_environments
from vd4rl_data.errors import InvalidArgumentError, InvalidTraceError
from vd4rl_data.evaluation.policy import ActionTrace
from vd4rl_data.scores import EpisodeSummary
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.actions import checked_actions


def replay(
    env_or_id: EnvOrId, traces: Iterable[ActionTrace], evaluation: str | None = None
) -> Float64[np.ndarray, " E"]:
    """Replay recorded actions, without rendering.

    Args:
        env_or_id: as in :func:`vd4rl_data.evaluate`; only environments of this package.
        traces: whole episodes, e.g. of :attr:`Evaluation.traces`.
        evaluation: as in :func:`vd4rl_data.evaluate`.

    Returns:
        float64 (E,), undiscounted returns; identical to the recorded ones with the same simulator
        versions.

    Raises:
        InvalidArgumentError: the traces are not :class:`ActionTrace`, or one has no sound seed.
        InvalidTraceError: a trace is shorter or longer than its episode.
        InvalidActionError: a trace has actions of a wrong shape or outside [-1, 1].
        ValueError: the environment is not one of this package, has other wrappers, or has no such
            evaluation.
    """
    summaries = replay_summaries(env_or_id, traces, evaluation)
    return np.array([summary.episode_return for summary in summaries], dtype=np.float64)


def replay_summaries(
    env_or_id: EnvOrId, traces: Iterable[ActionTrace], evaluation: str | None = None
) -> list[EpisodeSummary]:
    """Like :func:`replay`, but returns everything that a score may depend on: ``success`` is
    whether the task was ever solved, ``info["final_success"]`` whether at the last time step.

    Raises the same errors as :func:`replay`.
    """
    recorded = _checked(traces)
    environments = find_environments(env_or_id, evaluation)
    limit = find_env_spec(env_or_id).max_episode_steps
    found: list[EpisodeSummary] = []
    with contextlib.ExitStack() as stack:
        simulations = [
            stack.enter_context(contextlib.closing(Simulation(environment.task)))
            for environment in environments
        ]
        for number, trace in enumerate(recorded):
            where = f"trace {number}"
            if not 0 <= trace.member < len(simulations):
                raise InvalidTraceError(
                    f"{where}: member: expected 0 to {len(simulations) - 1}, got {trace.member}"
                )
            simulation = simulations[trace.member]
            steps = limit or simulation.task.time_steps
            found.append(replay_episode(simulation, trace, steps, where))
    return found


def _checked(traces: object) -> list[ActionTrace]:
    if isinstance(traces, str | Mapping) or not isinstance(traces, Iterable):
        raise InvalidArgumentError(f"traces: expected a list of ActionTrace, got {shown(traces)}")
    found = list(cast("Iterable[ActionTrace]", traces))
    for number, trace in enumerate(found):
        where = f"traces[{number}]"
        check_type(where, trace, ActionTrace)
        checked_count(f"{where}.seed", trace.seed, least=0)
        checked_count(f"{where}.member", trace.member, least=0)
        if np.ndim(trace.actions) != 2:
            raise InvalidTraceError(f"{where}: expected actions (T, A), got {shown(trace.actions)}")
    return found


def replay_episode(
    simulation: Simulation, trace: ActionTrace, limit: int, where: str
) -> EpisodeSummary:
    """Replay one episode in a simulation that may have played others before.

    Args:
        simulation: of the trace's task.
        trace: a whole episode.
        limit: time steps that end an episode.
        where: names the trace in messages.

    Raises:
        InvalidTraceError: the trace is shorter or longer than its episode.
        InvalidActionError: it has actions of a wrong shape or outside [-1, 1].
    """
    shape = (len(trace.actions), simulation.task.action_size)
    actions = checked_actions(trace.actions, shape, where)
    simulation.reset(trace.seed)
    episode_return, ended = 0.0, False
    success: bool | None = None
    final: bool | None = None
    for step, action in enumerate(actions):
        if ended:
            raise InvalidTraceError(
                f"{where}: the episode ends after {step} of {len(actions)} actions"
            )
        result = simulation.step(action)
        episode_return += result.reward
        final = result.success
        if final is not None:
            success = final or bool(success)
        ended = result.terminated or result.truncated or step + 1 == limit
    if not ended:
        raise InvalidTraceError(f"{where}: the episode continues after its {len(actions)} actions")
    return EpisodeSummary(
        episode_return=episode_return,
        length=len(actions),
        success=None if success is None else float(success),
        info={} if final is None else {"final_success": final},
    )
