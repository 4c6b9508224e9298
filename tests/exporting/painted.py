"""A dataset whose every pixel is a code: of its episode, time, place and channel.

python -m tests.exporting.painted FOLDER TARGET...    exports it, for scripts/readers.sh
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from vd4rl_data.dataset import load_dataset
from vd4rl_data.episode import Episode
from vd4rl_data.exporting import export
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import Provenance, write_dataset

ID: Final = "VD4RL/walker_walk-random-64px-v0"
SIZE: Final = 64
ACTIONS: Final = 6
LENGTHS: Final = (4, 1, 3, 1, 5)
TERMINATED: Final = (False, False, True, True, False)


def painted_frame(episode: int, t: int) -> np.ndarray:
    """No two frames, rows, columns or channels are alike."""
    row, column, channel = np.ogrid[:SIZE, :SIZE, :3]
    return ((37 * episode + 53 * t + 3 * row + 5 * column + 101 * channel) % 251).astype(np.uint8)


def painted_episode(number: int) -> Episode:
    steps, terminated = LENGTHS[number], TERMINATED[number]
    times = np.arange(steps, dtype=np.float32)
    discounts = np.ones(steps, np.float32)
    if terminated:
        discounts[-1] = 0
    actions = (np.arange(ACTIONS) / 8 + times[:, None] / 32 + number / 64 - 0.5).astype(np.float32)
    return Episode(
        observations=np.stack([painted_frame(number, t) for t in range(steps + 1)]),
        actions=actions,
        rewards=(0.1 * times + 0.01 * number + 0.5).astype(np.float32),
        discounts=discounts,
        terminated=terminated,
        truncated=not terminated,
        infos={
            "physics_state": np.arange((steps + 1) * 2, dtype=np.float64).reshape(-1, 2) / 3,
            "success": np.arange(steps) % 2 == 0,
        },
    )


def painted_episodes() -> list[Episode]:
    return [painted_episode(number) for number in range(len(LENGTHS))]


def write_painted(path: Path) -> Path:
    """Write it as a dataset file."""
    provenance = Provenance("regenerated", renderer="painted by hand", recipe={"seed": 7})
    write_dataset(path, get_dataset_spec(ID), painted_episodes(), LENGTHS, provenance)
    return path


def save_expected(path: Path) -> Path:
    """The same as plain arrays, for readers without this package."""
    arrays: dict[str, Any] = {"lengths": np.array(LENGTHS), "terminated": np.array(TERMINATED)}
    for number, episode in enumerate(painted_episodes()):
        for name in ("observations", "actions", "rewards"):
            arrays[f"{name}_{number}"] = getattr(episode, name)
        for name, values in episode.infos.items():
            arrays[f"infos/{name}_{number}"] = values
    np.savez(path, **arrays)
    return path


def main(folder: str, *targets: str) -> None:
    """Export the painted dataset for some targets, with the expected arrays beside."""
    root = Path(folder)
    dataset = load_dataset(write_painted(root / "painted.h5"))
    save_expected(root / "expected.npz")
    for name in targets:
        export(dataset, name, root / name)


if __name__ == "__main__":
    main(*sys.argv[1:])
