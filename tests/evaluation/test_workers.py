"""Worker processes that fail: an error with their words, no hang, nobody left behind."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from vd4rl_data.envs.lanes import Start, open_lanes
from vd4rl_data.errors import WorkerError
from vd4rl_data.evaluation import evaluate

ID = "VD4RL/walker_walk-random-64px-v0"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts processes in /proc")


def children() -> list[int]:
    """Processes that this one has started and that run (Linux)."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    before = set(children())
    yield
    assert set(children()) <= before


def test_a_worker_that_raises_sends_its_traceback() -> None:
    spec = EnvSpec("Broken-v0", entry_point="no_such_module:Env")
    with (
        pytest.raises(WorkerError, match=r"(?s)Traceback.*no_such_module"),
        open_lanes([spec], workers=2) as lanes,
    ):
        lanes.reset({0: Start(0, 0), 1: Start(0, 1)})


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
@pytest.mark.render
def test_a_worker_that_dies_is_an_error_and_not_a_hang() -> None:
    env = gymnasium.make(ID, max_episode_steps=4)
    calls: list[int] = []

    def policy(observations: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) == 2:
            os.kill(children()[-1], signal.SIGKILL)
        return np.zeros((len(observations), 6))

    with pytest.raises(WorkerError, match="killed by SIGKILL"):
        evaluate(policy, env, 2, seed=0, workers=2, inference_batch=2)
    assert len(calls) == 2


@pytest.mark.render
def test_a_policy_that_raises_takes_the_workers_along() -> None:
    class OopsError(Exception):
        pass

    def policy(observations: np.ndarray) -> Any:
        raise OopsError

    env = gymnasium.make(ID, max_episode_steps=4)
    with pytest.raises(OopsError):
        evaluate(policy, env, 2, seed=0, workers=2, inference_batch=2)
