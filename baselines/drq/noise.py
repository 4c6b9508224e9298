"""DrQ-v2's actions with noise, and how the noise shrinks."""

from __future__ import annotations

from typing import Final

from torch import Tensor

_EDGE: Final = 1.0 - 1e-6
"""Actions stay this far inside of [-1, 1]."""


def noisy_action(mean: Tensor, stddev: Tensor, normal: Tensor, clip: float) -> Tensor:
    """``mean + clamp(stddev * normal, -clip, clip)``, held inside of (-1, 1).

    Holding it there changes the value and not the gradient: the derivative by ``mean`` is 1
    everywhere.

    Args:
        mean: (..., A).
        stddev: a scalar on the same device.
        normal: standard normal, of the result's shape.
        clip: largest noise.
    """
    action = mean + (stddev * normal).clamp(-clip, clip)
    held = action.clamp(-_EDGE, _EDGE)
    return action - action.detach() + held.detach()


def linear_schedule(start: float, end: float, duration: float, at: float) -> float:
    """From ``start`` to ``end`` in a straight line, over ``duration``, and ``end`` from then on."""
    share = min(max(at / duration, 0.0), 1.0)
    return (1.0 - share) * start + share * end
