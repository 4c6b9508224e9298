"""Pure index arithmetic of the samplers: integer arrays in, integer arrays out.

Rows are numbered over the whole dataset, T + 1 rows per episode (:class:`Columns`). A *window* is a
run of transitions of one episode, named by the row of its first one and its number of steps.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64

N_STEP_ENDS = ("drop", "shorten")
"""What to do with n-step windows that reach over the end of an episode."""


def stack_rows(
    rows: Int64[np.ndarray, "*shape"], first_rows: Int64[np.ndarray, "*shape"], frame_stack: int
) -> Int64[np.ndarray, "*shape K"]:
    """The rows of the frames of each stack, oldest first, ending at ``rows``.

    Rows before ``first_rows`` (the episode's first) are replaced by it, which is what
    ``FrameStackObservation(env, K, padding_type="reset")`` shows after a reset.
    """
    offsets = np.arange(1 - frame_stack, 1, dtype=np.int64)
    return np.maximum(rows[..., None] + offsets, first_rows[..., None])


def n_step_returns(
    rewards: Float32[np.ndarray, " N"],
    discounts: Float32[np.ndarray, " N"],
    rows: Int64[np.ndarray, " V"],
    steps: Int64[np.ndarray, " V"],
    discount_factor: float,
) -> tuple[Float32[np.ndarray, " V"], Float32[np.ndarray, " V"]]:
    """Return and discount of each window, accumulated in float64.

    With m = ``steps``, r and d the rewards and discounts from row t on:
    ``sum_{k<m} γ^k (Π_{j<k} d_{t+j}) r_{t+k}`` and ``γ^m Π_{j<m} d_{t+j}``.
    """
    returns = np.zeros(len(rows), np.float64)
    weights = np.ones(len(rows), np.float64)
    for step in range(int(steps.max(initial=0))):
        alive = np.flatnonzero(step < steps)
        at = rows[alive] + step
        returns[alive] += weights[alive] * rewards[at]
        weights[alive] *= discount_factor * discounts[at].astype(np.float64)
    return returns.astype(np.float32), weights.astype(np.float32)


def sequence_rows(
    rows: Int64[np.ndarray, " B"], steps: Int64[np.ndarray, " B"], length: int
) -> Int64[np.ndarray, "B L1"]:
    """The ``length + 1`` rows of each window; those after a window's last observation repeat it."""
    return rows[:, None] + np.minimum(np.arange(length + 1), steps[:, None])
