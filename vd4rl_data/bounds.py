"""Rewards and returns that a task can never give, according to the range in its row."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from vd4rl_data.spec import TaskSpec

_ROUNDING: Final = 1e-6
"""Rounding of float32 rewards, relative to the range."""

Bounds = tuple[float, float]


def reward_bounds(task: TaskSpec) -> Bounds:
    """Lowest and highest reward of a time step: of ``action_repeat`` environment steps, or one."""
    low, high = task.reward_range
    rewards = task.action_repeat if task.reward_of == "sum" else 1
    return low * rewards, high * rewards


def count_outside(values: ArrayLike, bounds: Bounds) -> int:
    """Count the numbers outside bounds by more than float32 rounding; NaN counts as outside."""
    numbers = np.asarray(values, dtype=np.float64)
    low, high = bounds
    slack = _ROUNDING * (high - low) if np.isfinite(high - low) else 0.0
    return int(np.count_nonzero(~((numbers >= low - slack) & (numbers <= high + slack))))


def impossible_returns(task: TaskSpec, returns: ArrayLike) -> str | None:
    """The message to show if a task can never give some of these returns; ``None`` if it can."""
    bounds = task.return_range
    if not count_outside(returns, bounds):
        return None
    numbers = np.asarray(returns, dtype=np.float64)
    return (
        f"IMPOSSIBLE: returns from {numbers.min():,.1f} to {numbers.max():,.1f}, but an episode of "
        f"{task.name} gives {bounds[0]:,.0f} to {bounds[1]:,.0f}"
    )


def impossible_rewards(task: TaskSpec, rewards: ArrayLike) -> str | None:
    """The message to show if a task can never give some of these rewards; ``None`` if it can."""
    bounds = reward_bounds(task)
    count = count_outside(rewards, bounds)
    if not count:
        return None
    numbers = np.asarray(rewards, dtype=np.float64)
    return (
        f"IMPOSSIBLE: {count:,} of {numbers.size:,} rewards, {numbers.min():,.3g} to "
        f"{numbers.max():,.3g}, but a time step of {task.name} gives {bounds[0]:,.0f} to "
        f"{bounds[1]:,.0f}"
    )
