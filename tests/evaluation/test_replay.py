"""Traces: the same return again, to the bit, without a frame drawn."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium
import numpy as np
import pytest

from tests.tasks import KINDS
from vd4rl_data.envs import make_env
from vd4rl_data.errors import InvalidActionError, InvalidTraceError
from vd4rl_data.evaluation import ActionTrace, evaluate, replay
from vd4rl_data.registry import TASKS
from vd4rl_data.simulators import draw

pytestmark = pytest.mark.render
ID = "VD4RL/walker_walk-random-64px-v0"


@pytest.mark.parametrize("task", KINDS)
def test_replaying_gives_the_same_bits(task: str, policy: Any) -> None:
    env = make_env(task)
    assert env.spec is not None
    env.spec.max_episode_steps = 3
    policy.action_size = 1
    action_size = TASKS[task].action_size

    def act(observations: np.ndarray) -> np.ndarray:
        return np.repeat(policy(observations), action_size, axis=1) * np.linspace(
            -1, 1, action_size
        )

    result = evaluate(act, env, 2, seed=4, inference_batch=2)
    np.testing.assert_array_equal(replay(env, result.traces), result.returns)
    assert all(np.ptp(trace.actions) > 0 for trace in result.traces)


def test_a_whole_episode_by_id_without_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_frame(*_: object) -> None:
        raise AssertionError("a frame was drawn")

    monkeypatch.setattr(draw.Canvases, "draw", no_frame)
    rng = np.random.default_rng(0)
    trace = ActionTrace(3, rng.uniform(-1.0, 1.0, (500, 6)).astype(np.float32))
    (first,) = replay(ID, [trace])
    assert 0.0 < first < 1000.0
    again = replay(ID, [dataclasses.replace(trace, seed=4), trace])
    assert again[1] == first
    assert again[0] != first


def test_traces_that_are_not_whole_episodes_are_refused(
    env: gymnasium.Env[Any, Any], policy: Any
) -> None:
    (trace,) = evaluate(policy, env, 1, seed=0).traces
    shorter = ActionTrace(trace.seed, trace.actions[:-1])
    longer = ActionTrace(trace.seed, np.concatenate([trace.actions, trace.actions]))
    with pytest.raises(InvalidTraceError, match="trace 1: the episode continues"):
        replay(env, [trace, shorter])
    with pytest.raises(InvalidTraceError, match="ends after 4 of 8 actions"):
        replay(env, [longer])
    with pytest.raises(InvalidActionError, match="trace 0"):
        replay(env, [ActionTrace(trace.seed, trace.actions[:, :5])])
    with pytest.raises(InvalidActionError, match="trace 0"):
        replay(env, [ActionTrace(trace.seed, trace.actions * np.float32(9.0))])
    with pytest.raises(ValueError, match="not an environment of this package"):
        replay("CartPole-v1", [trace])
