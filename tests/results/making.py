"""Results to test with."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from vd4rl_data.results import Protocol, RunResult, make_submission

ID = "VD4RL/walker_walk-medium-84px-v0"
PROTOCOL = Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="suite")


def make_runs(seeds: int = 3, episodes: int = 4) -> dict[int, np.ndarray]:
    """Returns of a walker, different in every episode."""
    return {
        seed: np.random.default_rng(seed).uniform(300, 600, episodes).round(3)
        for seed in range(seeds)
    }


def make_result(**changes: Any) -> RunResult:
    """A valid result with curves and hyperparameters; keywords replace fields."""
    runs = make_runs()
    curves = {seed: [(100, 5.0), (200, float(np.mean(runs[seed])))] for seed in runs}
    protocol = dataclasses.replace(PROTOCOL, train_steps=200)
    settings: dict[str, Any] = {"learning_rate": 1e-4, "layers": (256, 256), "n": 3, "x": None}
    result = make_submission(
        "DrQ+BC", ID, runs, protocol, curves=curves, hyperparameters=settings, note="a note\nhere"
    ).result
    return dataclasses.replace(result, **changes)
