"""Rows as other people's files hold them, and the one place where they are shifted to ours.

A V-D4RL file has one row per observation: row t holds observation t and the action, reward and
discount that *led to* it, so row 0 is a dummy (action and reward zero, discount one)::

    row                 0      1      2     ...    T
    observation        o[0]   o[1]   o[2]   ...   o[T]
    action              0     a[0]   a[1]   ...   a[T-1]     a[t] was taken at o[t]
    reward, discount   0, 1   r[0]   r[1]   ...   r[T-1]     r[t] came back with o[t+1]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetFormatError, InvalidEpisodeError

NO_DISCOUNT: Final = "no discount: taken for 1 throughout, so no episode terminates"
"""What is said of a file that tells nothing of terminations."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows of one episode, in the files' convention (see the module's drawing).

    Attributes:
        observations: uint8 (R, H, W, 3).
        actions: float32 (R, A).
        rewards, discounts: float32 or float64 (R,).
        state: float32 (R, S), proprioception of each observation; ``None`` where a file has none.
    """

    observations: UInt8[np.ndarray, "R H W 3"]
    actions: Float32[np.ndarray, "R A"]
    rewards: Float[np.ndarray, " R"]
    discounts: Float[np.ndarray, " R"]
    state: Float32[np.ndarray, "R S"] | None = None

    def __len__(self) -> int:
        """The number of rows, R."""
        return len(self.actions)


def shifted(where: str, rows: Rows, *, is_last: bool) -> Episode:
    """Turn the rows of one episode, shape (T + 1, …), into our convention (T transitions).

    Args:
        where: named in messages.
        rows: from the first observation on.
        is_last: the rows reach the end of the episode. A discount of 0 in the last row then means
            that it terminated; everything else is truncation.

    Raises:
        DatasetFormatError: row 0 is no dummy, or a discount of 0 stands before the end.
    """
    _check_dummy(where, "action", rows.actions[0])
    _check_dummy(where, "reward", rows.rewards[0])
    terminated = bool(is_last and len(rows) > 1 and rows.discounts[-1] == 0)
    zeros = np.flatnonzero(rows.discounts[1 : len(rows) - terminated] == 0) + 1
    if zeros.size:
        raise DatasetFormatError(
            f"{where}: discount: expected 0 only where the episode terminates, got 0 at row "
            f"{zeros[0]} of {len(rows)}"
        )
    infos: dict[str, NDArray[Any]] = {} if rows.state is None else {"state": rows.state}
    return Episode(
        observations=rows.observations,
        actions=rows.actions[1:],
        rewards=_float32(rows.rewards[1:]),
        discounts=_float32(rows.discounts[1:]),
        terminated=terminated,
        truncated=not terminated,
        infos=infos,
    )


def unshifted(where: str, episode: Episode) -> Rows:
    """The inverse of :func:`shifted`: T + 1 rows of an episode in the files' convention.

    Rewards and discounts become float64, as the official files hold them; of the infos only a
    float32 ``state`` of T + 1 rows survives.

    Raises:
        InvalidEpisodeError: a discount is 0 elsewhere than where the episode terminates, which
            these files cannot say; ``where`` is named.
    """
    _check_ends(where, episode)
    state = episode.infos.get("state")
    if state is not None and (
        state.dtype != np.float32 or state.ndim != 2 or len(state) != len(episode) + 1
    ):
        state = None
    return Rows(
        observations=episode.observations,
        actions=np.concatenate([np.zeros_like(episode.actions[:1]), episode.actions]),
        rewards=np.concatenate([[0.0], episode.rewards.astype(np.float64)]),
        discounts=np.concatenate([[1.0], episode.discounts.astype(np.float64)]),
        state=state,
    )


def concatenated(parts: list[Rows]) -> Rows:
    """Rows after rows, of the same episode."""
    if len(parts) == 1:
        return parts[0]
    states = [part.state for part in parts if part.state is not None]
    return Rows(
        observations=np.concatenate([part.observations for part in parts]),
        actions=np.concatenate([part.actions for part in parts]),
        rewards=np.concatenate([part.rewards for part in parts]),
        discounts=np.concatenate([part.discounts for part in parts]),
        state=np.concatenate(states) if len(states) == len(parts) else None,
    )


def _check_ends(where: str, episode: Episode) -> None:
    ends = np.zeros(len(episode), dtype=np.bool_)
    ends[-1] = episode.terminated
    differs = np.flatnonzero((episode.discounts == 0) != ends)
    if differs.size:
        row = int(differs[0])
        raise InvalidEpisodeError(
            f"{where}: discounts: expected 0 exactly where the episode terminates, as "
            f"the official formats say it, got {episode.discounts[row]} at row {row} of "
            f"{len(episode)} (terminated: {episode.terminated})"
        )


def _float32(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(
        over="ignore"
    ):  # what does not fit becomes infinite, which no episode may hold
        return values.astype(np.float32)


def _check_dummy(where: str, key: str, first: NDArray[Any] | np.floating[Any]) -> None:
    """Row 0 tells the conventions apart: a file in the other one has a real action there."""
    if np.any(first != 0):
        raise DatasetFormatError(
            f"{where}: {key}: expected zeros in the first row of an episode (nothing led to the "
            f"first observation), got {first}; the file seems to pair each action with the "
            "observation before it, or it lost its first row"
        )
