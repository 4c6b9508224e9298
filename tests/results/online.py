"""Results of agents that went on to learn in the environment."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from vd4rl_data.results import Data, OnlinePoint, Protocol, RunResult, Submission, make_submission

ID = "MetaWorld/door_open-scripted-64px-v0"
STEPS = (0, 2000, 6000, 10_000)
EPISODES = 8


def play(rng: np.random.Generator, skill: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns and successes of an evaluation: a solved episode earns what is left of it."""
    successes = rng.random(EPISODES) < skill
    return np.where(successes, rng.integers(1, 100, EPISODES), 0.0), successes.astype(float)


def make_online(
    dataset_id: str = ID, steps: tuple[int, ...] = STEPS, seeds: int = 3, **about: Any
) -> Submission:
    """An agent that is evaluated as it learns, from the offline point on."""
    runs: dict[int, np.ndarray] = {}
    successes: dict[int, np.ndarray] = {}
    curves: dict[int, list[tuple[int, float] | OnlinePoint]] = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        points: list[tuple[int, float] | OnlinePoint] = []
        for number, step in enumerate(steps):
            runs[seed], successes[seed] = play(rng, 0.25 + 0.7 * number / (len(steps) - 1))
            mean = float(runs[seed].mean())
            if number == 0:
                points += [(500, mean / 2), (1000, mean)]
            share = float(successes[seed].mean())
            points.append(OnlinePoint(environment_steps=step, mean_return=mean, success=share))
        curves[seed] = points
    protocol = Protocol(
        track="offline_to_online",
        checkpoint="last",
        online_evaluations=0,
        hyperparameters_shared="suite",
        train_steps=1000,
        environment_steps=steps[-1],
    )
    content = hashlib.sha256(dataset_id.encode()).hexdigest()
    data = about.pop("data", Data(origin="imported", content_sha256=content))
    return make_submission(
        "Mine", dataset_id, runs, protocol, curves=curves, successes=successes, data=data, **about
    )


def online_result() -> RunResult:
    """One on MetaWorld."""
    return make_online().result
