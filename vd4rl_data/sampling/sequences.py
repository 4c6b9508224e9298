"""Shuffled batches of sequences: windows of consecutive transitions of one episode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy.typing import NDArray

from vd4rl_data.sampling.columns import Columns
from vd4rl_data.sampling.indices import sequence_rows
from vd4rl_data.sampling.keywords import takes_with_data
from vd4rl_data.sampling.pool import Data
from vd4rl_data.sampling.query import SequenceQuery
from vd4rl_data.sampling.sampler import Sampler, Window, present
from vd4rl_data.sampling.stream import Plan
from vd4rl_data.sampling.windows import Records, Windows


@dataclass(frozen=True, slots=True)
class Sequences:
    """A batch of windows of L transitions and L + 1 observations, never across episodes.

    ``actions[:, t]`` is taken at ``observations[:, t]``; rewards, discounts and flags at t come
    back with ``observations[:, t + 1]``.

    Attributes:
        observations: uint8 (B, L+1, H, W, 3).
        actions: float32 (B, L, A).
        rewards: float32 (B, L).
        discounts: float32 (B, L), the environment's own, and 0 where it terminated.
        is_first: bool (B, L+1), the observation is the first of its episode.
        terminated: bool (B, L), the transition ended the task.
        truncated: bool (B, L), the transition met a time limit.
        mask: bool (B, L), false where a transition is padding; ``None`` unless the sampler pads.
            Padding is zero (false) everywhere, in ``observations[:, t + 1]`` too.
        states: float32 (B, L+1, P), the simulator's proprioceptive state at each observation;
            ``None`` unless the query asks for it.
    """

    observations: UInt8[np.ndarray, "B L1 H W 3"]
    actions: Float32[np.ndarray, "B L A"]
    rewards: Float32[np.ndarray, "B L"]
    discounts: Float32[np.ndarray, "B L"]
    is_first: Bool[np.ndarray, "B L1"]
    terminated: Bool[np.ndarray, "B L"]
    truncated: Bool[np.ndarray, "B L"]
    mask: Bool[np.ndarray, "B L"] | None = None
    states: Float32[np.ndarray, "B L1 P"] | None = None

    def as_dict(self) -> dict[str, NDArray[Any]]:
        """The same arrays by name; without ``mask`` and ``states`` if there are none."""
        return present(self)


@dataclass(frozen=True, slots=True)
class DreamerSequences:
    """Sequences in the alignment of Dreamer: row t holds what led to observation t.

    Attributes:
        observations: uint8 (B, L+1, H, W, 3).
        actions: float32 (B, L+1, A); row 0 is zero.
        rewards: float32 (B, L+1); row 0 is zero.
        discounts: float32 (B, L+1); row 0 is one, 0 where the observation is terminal.
        is_first: bool (B, L+1), the observation is the first of its episode.
        is_terminal: bool (B, L+1), the task ended with this observation.
        is_last: bool (B, L+1), the episode ended with it, for either reason.
        mask: bool (B, L+1), false where the row is padding; ``None`` unless the sampler pads.
        states: float32 (B, L+1, P), at each observation; ``None`` unless the query asks for it.
    """

    observations: UInt8[np.ndarray, "B L1 H W 3"]
    actions: Float32[np.ndarray, "B L1 A"]
    rewards: Float32[np.ndarray, "B L1"]
    discounts: Float32[np.ndarray, "B L1"]
    is_first: Bool[np.ndarray, "B L1"]
    is_terminal: Bool[np.ndarray, "B L1"]
    is_last: Bool[np.ndarray, "B L1"]
    mask: Bool[np.ndarray, "B L1"] | None = None
    states: Float32[np.ndarray, "B L1 P"] | None = None

    def as_dict(self) -> dict[str, NDArray[Any]]:
        """The same arrays by name; without ``mask`` and ``states`` if there are none."""
        return present(self)


def dreamer_alignment(sequences: Sequences) -> DreamerSequences:
    """Shift actions, rewards, discounts and flags by one row, to the observation they led to.

    V-D4RL's files and the Dreamer family store data so. Observations and states are shared, not
    copied. The action that led to the first observation of a window lies outside of it: row 0 is
    zero (its discount one), whether or not the window begins with its episode.
    """
    mask = sequences.mask
    return DreamerSequences(
        observations=sequences.observations,
        actions=_shifted(sequences.actions, 0.0),
        rewards=_shifted(sequences.rewards, 0.0),
        discounts=_shifted(sequences.discounts, 1.0),
        is_first=sequences.is_first,
        is_terminal=_shifted(sequences.terminated, False),
        is_last=_shifted(sequences.terminated | sequences.truncated, False),
        mask=None if mask is None else _shifted(mask, True),
        states=sequences.states,
    )


WINDOW: Final = np.dtype([(name, np.int64) for name in ("row", "steps", "first_row", "last_row")])
"""A window: the row of its first observation, its number of real transitions, and the rows of the
first and of the last observation of its episode."""


class SequenceSampler(Sampler[Sequences]):
    """An iterator of :class:`Sequences`, drawn over all windows of all episodes.

    Attributes:
        source, query, pool: see :class:`Sampler`; its table holds a :data:`WINDOW` for each start.
    """

    query: SequenceQuery

    @takes_with_data(SequenceQuery)
    def __init__(self, data: Data, query: SequenceQuery) -> None:
        """Find all windows.

        Args:
            data: what is sampled: a dataset, a buffer, a mixture, or bare columns.
            query: a :class:`SequenceQuery`, or its arguments.

        Raises:
            TypeError, ValueError: an argument is out of range, the data have no such split or
                state, or no window fits into any episode.
        """
        super().__init__(data, query, stack=query.length + 1, phases=(0,), span=query.length)

    @property
    def window(self) -> Window:
        """Windows of L steps."""
        return Window(self.query.length, self.query.pad, "length", "pad=True")

    def recorder(self, columns: Columns) -> Callable[[Windows], Records]:
        """Each window, with the bounds of its episode."""
        return partial(_bounded, columns.starts)

    def planner(self, columns: Columns) -> Callable[[Records], Plan]:
        """Looks rows up in the columns."""
        return partial(_plan_sequences, columns, self.query)

    def assemble(self, plan: Plan, frames: Sequence[NDArray[np.uint8]] | None = None) -> Sequences:
        """Fetch the pixels of a batch.

        Args:
            plan: what :meth:`draw` returned; ``observations`` holds the rows of the frames, int64
                (B, L+1), and for padding the row of the last observation.
            frames: where to write the observations, one C-contiguous uint8 (B, L+1, H, W, 3), e.g.
                in pinned memory.
        """
        (observations,) = self._gatherer.gather([plan["observations"]], frames)
        if self.query.pad:
            for window, step in np.argwhere(~plan["mask"]):
                observations[window, step + 1] = 0
        return Sequences(**{**plan, "observations": observations})


def _bounded(starts: NDArray[np.int64], windows: Windows) -> Records:
    rows, steps, owners = windows
    table = np.empty(len(rows), WINDOW)
    table["row"], table["steps"] = rows, steps
    table["first_row"] = starts[owners]
    table["last_row"] = starts[owners + 1] - 1
    return table


def _plan_sequences(columns: Columns, query: SequenceQuery, windows: Records) -> Plan:
    rows = sequence_rows(windows["row"], windows["steps"], query.length)
    at = rows[:, :-1]  # (B, L)
    real = np.arange(query.length) < windows["steps"][:, None]
    terminated = columns.terminals[at] & real
    is_first = np.zeros(rows.shape, np.bool_)
    is_first[:, 0] = windows["row"] == windows["first_row"]
    plan = {
        "observations": rows,
        "actions": columns.actions[at],
        "rewards": columns.rewards[at],
        "discounts": np.where(terminated, np.float32(0.0), columns.discounts[at]),
        "is_first": is_first,
        "terminated": terminated,
        "truncated": (at == windows["last_row"][:, None] - 1) & ~terminated,
    }
    if query.state and columns.states is not None:
        plan["states"] = columns.states[rows]
    if not query.pad:
        return plan
    if "states" in plan:
        plan["states"][:, 1:][~real] = 0.0
    for name in ("actions", "rewards", "discounts"):
        plan[name][~real] = 0.0
    return {**plan, "mask": real}


def _shifted(values: NDArray[Any], first: float | bool) -> NDArray[Any]:
    """(B, L, …) → (B, L+1, …): the same values one row later, ``first`` in row 0."""
    shifted = np.empty((values.shape[0], values.shape[1] + 1, *values.shape[2:]), values.dtype)
    shifted[:, 0] = first
    shifted[:, 1:] = values
    return shifted
