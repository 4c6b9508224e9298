"""Exports read with the real libraries, and compared with what was painted.

This file imports nothing of the package, since some of these libraries cannot stand beside it:

    python reading.py TARGET FOLDER EXPECTED.npz
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Read:
    """An episode as a library hands it out: T + 1 frames (H, W, 3), T of everything else."""

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: bool


def read_minari(folder: Path) -> list[Read]:
    import minari

    dataset = minari.MinariDataset(folder / "data")
    episodes = []
    for episode in dataset.iterate_episodes():
        ends = (episode.terminations, episode.truncations)
        assert all(not end[:-1].any() for end in ends)
        assert episode.terminations[-1] != episode.truncations[-1]
        episodes.append(
            Read(
                episode.observations,
                episode.actions,
                episode.rewards,
                bool(episode.terminations[-1]),
            )
        )
    assert dataset.total_steps == sum(len(episode.actions) for episode in episodes)
    return episodes


READERS: dict[str, tuple[tuple[str, ...], Callable[[Path], list[Read]]]] = {
    "minari": (("minari",), read_minari),
}
"""Target → the modules that reading it imports, and how."""


def check(found: list[Read], expected: Any) -> None:
    """Every number of every episode is the one that was painted."""
    lengths = expected["lengths"]
    assert len(found) == len(lengths), (len(found), len(lengths))
    for number, episode in enumerate(found):
        assert episode.terminated == bool(expected["terminated"][number]), number
        for name in ("observations", "actions", "rewards"):
            got, want = getattr(episode, name), expected[f"{name}_{number}"]
            np.testing.assert_array_equal(got, want, strict=True, err_msg=f"{number} {name}")


def main(target: str, folder: str, expected: str) -> None:
    with np.load(expected) as arrays:
        check(READERS[target][1](Path(folder)), arrays)
    print(f"{target}: equal frame by frame")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
