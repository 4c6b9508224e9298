"""How D4RL's and CORL's code reads a dictionary, written again from its description.

They take nothing from the dictionary but what a plain dictionary of arrays has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def q_learning(data: dict[str, Any], *, terminate_on_end: bool = False) -> dict[str, np.ndarray]:
    """D4RL: the next row is what comes next; rows with timeouts are skipped unless told not to."""
    kept = [
        row
        for row in range(data["rewards"].shape[0] - 1)
        if terminate_on_end or not data["timeouts"][row]
    ]
    return {
        "observations": np.array([data["observations"][row].astype(np.float32) for row in kept]),
        "actions": np.array([data["actions"][row].astype(np.float32) for row in kept]),
        "next_observations": np.array(
            [data["observations"][row + 1].astype(np.float32) for row in kept]
        ),
        "rewards": np.array([data["rewards"][row].astype(np.float32) for row in kept]),
        "terminals": np.array([bool(data["terminals"][row]) for row in kept]),
    }


def sequences(data: dict[str, Any]) -> Iterator[dict[str, np.ndarray]]:
    """D4RL: every key, row after row, cut after a row with terminals or timeouts; the rest lost."""
    collected: dict[str, list[Any]] = {key: [] for key in data}
    for row in range(data["rewards"].shape[0]):
        for key in data:
            collected[key].append(data[key][row])
        if bool(data["terminals"][row]) or data["timeouts"][row]:
            yield {key: np.array(values) for key, values in collected.items()}
            collected = {key: [] for key in data}


def trajectories(data: dict[str, Any]) -> tuple[list[dict[str, np.ndarray]], dict[str, Any]]:
    """CORL's decision transformer: the same cut over three keys, returns to go, mean and spread."""
    found = []
    for episode in sequences({k: data[k] for k in (*_KEYS, "terminals", "timeouts")}):
        floats = {key: episode[key].astype(np.float32) for key in _KEYS}
        found.append({**floats, "returns": np.cumsum(floats["rewards"][::-1])[::-1]})
    statistics = {
        "obs_mean": data["observations"].mean(0, keepdims=True),
        "obs_std": data["observations"].std(0, keepdims=True) + 1e-6,
        "traj_lens": np.array([len(episode["actions"]) for episode in found]),
    }
    return found, statistics


_KEYS = ("observations", "actions", "rewards")


class ReplayBuffer:
    """CORL's: arrays of a fixed size, filled once with a dictionary of transitions."""

    def __init__(self, frame_shape: tuple[int, ...], action_size: int, size: int) -> None:
        self.states = np.zeros((size, *frame_shape), np.float32)
        self.next_states = np.zeros((size, *frame_shape), np.float32)
        self.actions = np.zeros((size, action_size), np.float32)
        self.rewards = np.zeros((size, 1), np.float32)
        self.dones = np.zeros((size, 1), np.float32)
        self.filled = 0

    def load(self, data: dict[str, Any]) -> None:
        count = data["observations"].shape[0]
        assert self.filled == 0
        assert count <= len(self.states)
        self.states[:count] = np.asarray(data["observations"], np.float32)
        self.actions[:count] = np.asarray(data["actions"], np.float32)
        self.rewards[:count] = np.asarray(data["rewards"][..., None], np.float32)
        self.next_states[:count] = np.asarray(data["next_observations"], np.float32)
        self.dones[:count] = np.asarray(data["terminals"][..., None], np.float32)
        self.filled = count


def normalized_in_place(data: dict[str, Any]) -> dict[str, Any]:
    """CORL: rewards scaled by the spread of returns, in place; observations by mean and spread."""
    returns = [float(episode["rewards"].sum()) for episode in sequences(data)]
    data["rewards"] /= max(returns) - min(returns)
    data["rewards"] *= 1000.0
    mean, spread = data["observations"].mean(0), data["observations"].std(0) + 1e-3
    data["observations"] = (data["observations"] - mean) / spread
    data["next_observations"] = (data["next_observations"] - mean) / spread
    return data
