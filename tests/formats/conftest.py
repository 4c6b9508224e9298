"""Painted files in the official formats, written without any code of the library."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec, TaskSpec
from vd4rl_data.suites import register_all

SIZE = 8
ACTIONS = 6
STEPS = 10  # transitions of a full episode here; 11 rows


def painted_action(episode: int, t: int) -> np.ndarray:
    """g(t): what was done at observation t, different in every component."""
    return (np.arange(ACTIONS) * 0.01 + t * 0.05 + episode * 0.001 - 0.5).astype(np.float32)


def painted_reward(episode: int, t: int) -> float:
    """f(t): the reward that came with observation t; not exact in float32."""
    return 0.1 * t + 0.01 * episode


def painted_state(t: int) -> np.ndarray:
    """Proprioception of observation t: orientations (14), height (1), velocity (9)."""
    return (np.arange(24) + 100 * t).astype(np.float32)


def official_rows(episode: int = 0, steps: int = STEPS) -> dict[str, np.ndarray]:
    """T + 1 rows in the official convention: row t holds what led to observation t."""
    image = np.zeros((steps + 1, SIZE, SIZE, 3), np.uint8)
    action = np.zeros((steps + 1, ACTIONS), np.float32)
    reward = np.zeros(steps + 1, np.float64)
    for t in range(steps + 1):
        image[t, :, :, 0] = t
        image[t, :, :, 1] = episode
        image[t, :, :, 2] = t
        image[t, 0, 1, 2] = 255 - t  # tells rows from columns and channels from both
        if t > 0:
            action[t] = painted_action(episode, t - 1)
            reward[t] = painted_reward(episode, t)
    return {"image": image, "action": action, "reward": reward, "discount": np.ones(steps + 1)}


def flags(rows: int) -> dict[str, np.ndarray]:
    index = np.arange(rows)
    return {
        "is_first": index == 0,
        "is_last": index == rows - 1,
        "is_terminal": np.zeros(rows, np.bool_),
    }


def converted(episode: int = 0, steps: int = STEPS) -> dict[str, np.ndarray]:
    """The npz variant that the official converter writes."""
    return {**official_rows(episode, steps), **flags(steps + 1)}


def recorded(episode: int = 0, steps: int = STEPS) -> dict[str, np.ndarray]:
    """The npz variant that the collecting driver wrote: proprioception, no discount."""
    arrays = converted(episode, steps)
    del arrays["discount"]
    state = np.stack([painted_state(t) for t in range(steps + 1)])
    return {
        **arrays,
        "reward": arrays["reward"].astype(np.float32),
        "orientations": state[:, :14],
        "height": state[:, 14],
        "velocity": state[:, 15:],
    }


def shard_rows(
    episodes: list[int], step_dtype: str = "int64", steps: int = STEPS
) -> dict[str, Any]:
    """Flat rows of several episodes, channel first."""
    parts = [official_rows(episode, steps) for episode in episodes]
    step_type = np.ones(steps + 1, step_dtype)
    step_type[0], step_type[-1] = 0, 2
    return {
        "observation": np.concatenate([part["image"].transpose(0, 3, 1, 2) for part in parts]),
        "action": np.concatenate([part["action"] for part in parts]),
        "reward": np.concatenate([part["reward"] for part in parts]),
        "discount": np.concatenate([part["discount"] for part in parts]),
        "step_type": np.concatenate([step_type for _ in parts]),
    }


def write_hdf5(path: Path, arrays: dict[str, Any], start: int = 0, stop: int | None = None) -> Path:
    """Rows [start, stop) of the arrays as a shard, gzipped in chunks that h5py chooses."""
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            file.create_dataset(key, data=values[start:stop], compression="gzip")
    return path


def write_npz(path: Path, arrays: dict[str, Any]) -> Path:
    np.savez_compressed(path, **arrays)
    return path


@pytest.fixture(scope="session")
def kit() -> Any:
    """The functions above (a conftest cannot be imported)."""
    names: dict[str, Callable[..., Any] | int] = {
        "painted_action": painted_action,
        "painted_reward": painted_reward,
        "painted_state": painted_state,
        "official_rows": official_rows,
        "converted": converted,
        "recorded": recorded,
        "shard_rows": shard_rows,
        "write_hdf5": write_hdf5,
        "write_npz": write_npz,
        "steps": STEPS,
        "size": SIZE,
    }
    return type(
        "Kit", (), {name: staticmethod(v) if callable(v) else v for name, v in names.items()}
    )


@pytest.fixture(scope="session")
def spec() -> DatasetSpec:
    """A walker dataset of tiny frames and short episodes."""
    register_all()
    row = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
    task: TaskSpec = dataclasses.replace(row.task, horizon=2 * STEPS)
    row = row.with_environments(lambda environment: dataclasses.replace(environment, task=task))
    return dataclasses.replace(row, id=dataclasses.replace(row.id, size=SIZE))
