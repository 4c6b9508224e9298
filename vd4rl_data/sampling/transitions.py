"""Shuffled batches of (n-step) transitions with frame stacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy.typing import NDArray

from vd4rl_data.sampling.columns import Columns
from vd4rl_data.sampling.indices import n_step_returns, stack_rows
from vd4rl_data.sampling.keywords import takes_with_data
from vd4rl_data.sampling.pool import Data
from vd4rl_data.sampling.query import TransitionQuery
from vd4rl_data.sampling.sampler import Sampler, Window, present
from vd4rl_data.sampling.stream import Plan
from vd4rl_data.sampling.windows import Records, Windows


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
        states, next_states: float32 (B, P), the simulator's proprioceptive state at observations t
            and t + m, the newest frames of the stacks; ``None`` unless the query asks for it.
    """

    observations: UInt8[np.ndarray, "B K H W 3"]
    actions: Float32[np.ndarray, "B A"]
    rewards: Float32[np.ndarray, " B"]
    next_observations: UInt8[np.ndarray, "B K H W 3"]
    discounts: Float32[np.ndarray, " B"]
    terminated: Bool[np.ndarray, " B"]
    truncated: Bool[np.ndarray, " B"]
    states: Float32[np.ndarray, "B P"] | None = None
    next_states: Float32[np.ndarray, "B P"] | None = None

    def as_dict(self) -> dict[str, NDArray[Any]]:
        """The same arrays by name; without states if there are none."""
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
    """An iterator of :class:`Transitions`, drawn over all valid starts of all episodes.

    Attributes:
        source, query, pool: see :class:`Sampler`; its table holds a :data:`RECORD` for each start.
    """

    query: TransitionQuery

    @takes_with_data(TransitionQuery)
    def __init__(self, data: Data, query: TransitionQuery) -> None:
        """Find all valid starts and their n-step returns.

        Args:
            data: what is sampled: a dataset, a buffer, a mixture, or bare columns.
            query: a :class:`TransitionQuery`, or its arguments.

        Raises:
            TypeError, ValueError: an argument is out of range, the data have no such split or
                state, or no window fits into any episode.
        """
        super().__init__(data, query, stack=query.frame_stack, phases=(0, query.n_step), span=1)

    @property
    def window(self) -> Window:
        """Windows of n steps."""
        shorten = self.query.n_step_end == "shorten"
        return Window(self.query.n_step, shorten, "n_step", 'n_step_end="shorten"')

    def recorder(self, columns: Columns) -> Callable[[Windows], Records]:
        """The n-step transition of each window."""
        return partial(_n_step_transitions, columns, self.query.discount_factor)

    def planner(self, columns: Columns) -> Callable[[Records], Plan]:
        """Looks rows up in the columns."""
        return partial(_plan_transitions, columns, self.query)

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


def _plan_transitions(columns: Columns, query: TransitionQuery, records: Records) -> Plan:
    rows, next_rows, firsts = records["row"], records["next_row"], records["first_row"]
    plan = {
        "observations": stack_rows(rows, firsts, query.frame_stack),
        "actions": columns.actions[rows],
        "rewards": records["reward"].copy(),
        "next_observations": stack_rows(next_rows, firsts, query.frame_stack),
        "discounts": records["discount"].copy(),
        "terminated": records["terminated"].copy(),
        "truncated": records["truncated"].copy(),
    }
    if not query.state or columns.states is None:
        return plan
    return {**plan, "states": columns.states[rows], "next_states": columns.states[next_rows]}


def _n_step_transitions(columns: Columns, discount_factor: float, windows: Windows) -> Records:
    rows, steps, owners = windows
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
