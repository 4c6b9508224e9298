"""Shuffled batches of (n-step) transitions with frame stacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy.typing import NDArray

from vd4rl_data.arguments import checked_count, checked_fraction
from vd4rl_data.sampling.columns import Columns
from vd4rl_data.sampling.indices import N_STEP_ENDS, n_step_returns, stack_rows
from vd4rl_data.sampling.sampler import Sampler, find_windows, present
from vd4rl_data.sampling.stream import Plan, Records, Rng


@dataclass(frozen=True, slots=True)
class Transitions:
    """A batch of transitions from observation t to observation t + m, m ≤ n.

    Attributes:
        observations: uint8 (B, K, H, W, 3), the stack of K frames that ends at observation t,
            oldest first; at the start of an episode its first frame is repeated.
        actions: float32 (B, A), taken at t.
        rewards: float32 (B,), ``sum_{k<m} γ^k (Π_{j<k} d_{t+j}) r_{t+k}``.
        next_observations: uint8 (B, K, H, W, 3), the stack that ends at observation t + m.
        discounts: float32 (B,), ``γ^m Π_{j<m} d_{t+j}``, and 0 after termination: the factor of the
            bootstrapped value.
        terminated: bool (B,), the last of the m transitions ended the task.
        truncated: bool (B,), it met a time limit instead; its value is still bootstrapped.
    """

    observations: UInt8[np.ndarray, "B K H W 3"]
    actions: Float32[np.ndarray, "B A"]
    rewards: Float32[np.ndarray, " B"]
    next_observations: UInt8[np.ndarray, "B K H W 3"]
    discounts: Float32[np.ndarray, " B"]
    terminated: Bool[np.ndarray, " B"]
    truncated: Bool[np.ndarray, " B"]

    def as_dict(self) -> dict[str, NDArray[Any]]:
        """The same arrays by name."""
        return present(self)


RECORD: Final = np.dtype(
    [
        ("row", np.int64),
        ("next_row", np.int64),
        ("first_row", np.int64),
        ("reward", np.float32),
        ("discount", np.float32),
        ("terminated", np.bool_),
        ("truncated", np.bool_),
    ],
    align=True,
)
"""What is known of a valid start before sampling: the rows of observation t, of observation t + m
and of the episode's first observation, and the values of :class:`Transitions`.

One record instead of seven arrays: a random sample then costs one cache miss instead of seven.
"""


class TransitionSampler(Sampler[Transitions]):
    """An iterator of :class:`Transitions`, drawn uniformly over all valid starts of all episodes.

    Attributes:
        columns: the rows that are sampled.
        table: the valid starts, ascending by row: V records (:data:`RECORD`).
        frame_stack: K.
    """

    def __init__(
        self,
        columns: Columns,
        episodes: NDArray[np.integer],
        batch_size: int,
        frame_stack: int = 1,
        n_step: int = 1,
        discount_factor: float = 0.99,
        rng: Rng = None,
        *,
        n_step_end: str = "drop",
        epochs: int | None = None,
        drop_last: bool = False,
        reuse_buffers: bool = False,
        threads: int = 1,
    ) -> None:
        """Find all valid starts and their n-step returns.

        Args:
            columns: the rows to sample from.
            episodes: numbers of the episodes to use.
            batch_size: B.
            frame_stack: K, frames per observation.
            n_step: n, transitions that a reward sums up.
            discount_factor: γ, in [0, 1].
            rng: a generator, a seed, or ``None`` for fresh entropy.
            n_step_end: windows that reach over the end of their episode are dropped (``"drop"``,
                what the papers do: 500 transitions and n = 3 leave 498 starts) or keep the
                transitions that remain (``"shorten"``).
            epochs: ``None`` samples for ever with replacement; each ``iter()`` of a sampler with k
                epochs walks through k new permutations of all
                starts, each start exactly once an epoch.
            drop_last: leave out the smaller last batch of an epoch.
            reuse_buffers: write the frames of every batch to the same memory, so that a batch is
                valid only until the next.
            threads: how many threads copy frames.

        Raises:
            TypeError: a count is not an integer, or the discount factor no number.
            ValueError: an argument is out of range, or no window fits into any episode.
        """
        self.frame_stack = frame_stack = checked_count("frame_stack", frame_stack)
        n_step = checked_count("n_step", n_step)
        discount_factor = checked_fraction("discount_factor", discount_factor, zero=True)
        if n_step_end not in N_STEP_ENDS:
            raise ValueError(
                f"n_step_end: expected one of {', '.join(N_STEP_ENDS)}, got {n_step_end!r}"
            )
        shorten = n_step_end == "shorten"
        super().__init__(
            columns,
            _make_table(columns, episodes, n_step, discount_factor, shorten=shorten),
            batch_size,
            rng,
            plan=partial(_plan_transitions, columns, frame_stack),
            stack=frame_stack,
            phases=(0, n_step),
            span=1,
            epochs=epochs,
            drop_last=drop_last,
            reuse_buffers=reuse_buffers,
            threads=threads,
        )

    def assemble(
        self, plan: Plan, frames: Sequence[NDArray[np.uint8]] | None = None
    ) -> Transitions:
        """Fetch the pixels of a batch.

        Args:
            plan: what :meth:`draw` returned; ``observations`` and ``next_observations`` hold the
                rows of the frames, int64 (B, K).
            frames: where to write observations and next observations, C-contiguous uint8
                (B, K, H, W, 3) each, e.g. in pinned memory.
        """
        groups = (plan["observations"], plan["next_observations"])
        observations, next_observations = self._gatherer.gather(groups, frames)
        return Transitions(
            **{**plan, "observations": observations, "next_observations": next_observations}
        )


def _plan_transitions(columns: Columns, frame_stack: int, records: Records) -> Plan:
    rows, firsts = records["row"], records["first_row"]
    return {
        "observations": stack_rows(rows, firsts, frame_stack),
        "actions": columns.actions[rows],
        "rewards": records["reward"].copy(),
        "next_observations": stack_rows(records["next_row"], firsts, frame_stack),
        "discounts": records["discount"].copy(),
        "terminated": records["terminated"].copy(),
        "truncated": records["truncated"].copy(),
    }


def _make_table(
    columns: Columns,
    episodes: NDArray[np.integer],
    n_step: int,
    discount_factor: float,
    *,
    shorten: bool,
) -> Records:
    rows, steps, owners = find_windows(
        columns,
        episodes,
        n_step,
        shorten=shorten,
        name="n_step",
        option='n_step_end="shorten"',
    )
    returns, discounts = n_step_returns(
        columns.rewards, columns.discounts, rows, steps, discount_factor
    )
    next_rows = rows + steps
    terminated = columns.terminals[next_rows - 1]
    # Some environments keep discount 1 when they terminate; there is no next value all the same.
    discounts[terminated] = 0.0
    table = np.empty(len(rows), RECORD)
    table["row"] = rows
    table["next_row"] = next_rows
    table["first_row"] = columns.starts[owners]
    table["reward"] = returns
    table["discount"] = discounts
    table["terminated"] = terminated
    table["truncated"] = (next_rows == columns.starts[owners + 1] - 1) & ~terminated
    return table
