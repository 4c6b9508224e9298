"""Worker processes that fail: an error with their words, no hang, nobody left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from vd4rl_data.envs.lanes import WorkerLanes
from vd4rl_data.errors import RenderDriftWarning, WorkerError
from vd4rl_data.evaluation import evaluate

ID = "VD4RL/walker_walk-random-64px-v0"


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


def test_a_worker_that_raises_sends_its_traceback() -> None:
    lanes = WorkerLanes(EnvSpec("Broken-v0", entry_point="no_such_module:Env"), workers=2)
    try:
        with pytest.raises(WorkerError, match=r"(?s)Traceback.*no_such_module"):
            lanes.reset({0: 0, 1: 1})
    finally:
        lanes.kill()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
@pytest.mark.render
def test_a_worker_that_dies_is_an_error_and_not_a_hang() -> None:
    env = gymnasium.make(ID, max_episode_steps=4)
    calls: list[int] = []

    def policy(observations: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) == 2:
            os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
        return np.zeros((len(observations), 6))

    with pytest.raises(WorkerError, match="exit code -9"):
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


def test_warnings_travel_with_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are read as the workers send them: error, result, warnings."""
    lanes = WorkerLanes.__new__(WorkerLanes)
    ours, theirs = multiprocessing.Pipe()
    monkeypatch.setattr(lanes, "_connections", [ours], raising=False)
    monkeypatch.setattr(lanes, "_processes", [None], raising=False)
    theirs.send((None, {0: "frame"}, [(RenderDriftWarning, "other pixels")]))
    with pytest.warns(RenderDriftWarning, match="other pixels"):
        assert lanes._receive(0) == {0: "frame"}
    theirs.send((None, {0: "frame"}, []))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lanes._receive(0) == {0: "frame"}
