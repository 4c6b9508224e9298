"""Transitions of painted episodes by the slow and plain way, and how to compare batches."""

from __future__ import annotations

from typing import Any

import numpy as np


def reference_stack(episode: Any, step: int, frame_stack: int) -> np.ndarray:
    steps = [max(0, step - back) for back in reversed(range(frame_stack))]
    return np.stack([episode.observations[k] for k in steps])


def reference(
    episode: Any, step: int, frame_stack: int, n_step: int, discount_factor: float
) -> dict[str, Any]:
    """The transition that starts at ``step``, shortened at the episode's end."""
    last = min(step + n_step, len(episode))
    total, weight = 0.0, 1.0
    for k in range(step, last):
        total += weight * float(episode.rewards[k])
        weight *= discount_factor * float(episode.discounts[k])
    ended = last == len(episode)
    return {
        "observations": reference_stack(episode, step, frame_stack),
        "actions": episode.actions[step],
        "rewards": total,
        "next_observations": reference_stack(episode, last, frame_stack),
        "discounts": 0.0 if ended and episode.terminated else weight,
        "terminated": ended and episode.terminated,
        "truncated": ended and not episode.terminated,
    }


def reference_starts(painted: Any, n_step: int, n_step_end: str) -> list[tuple[Any, int]]:
    return [
        (episode, step)
        for episode in painted.episodes
        for step in range(len(episode))
        if n_step_end == "shorten" or step + n_step <= len(episode)
    ]


def painted_row(painted: Any, frame: np.ndarray) -> int:
    """Read which row a painted frame belongs to."""
    low, high, number = (int(value) for value in frame[0, 0])
    return painted.episodes[number].start + low + 256 * high


def start_rows(painted: Any, batch: Any) -> list[int]:
    """The row of each transition of a batch, as its newest frame says."""
    return [painted_row(painted, stack[-1]) for stack in batch.observations]


def assert_equal_batches(a: Any, b: Any) -> None:
    assert a.as_dict().keys() == b.as_dict().keys()
    for name, values in a.as_dict().items():
        np.testing.assert_array_equal(values, b.as_dict()[name], err_msg=name)
