"""Evaluations on the way: by gradient step of offline training, by environment step online."""

from __future__ import annotations

from vd4rl_data.results.fields import Fraction, Natural, Real, part


@part
class CurvePoint:
    """One evaluation during training: mean undiscounted return after ``step`` gradient steps."""

    step: Natural
    mean_return: Real


@part
class OnlinePoint:
    """One evaluation of an agent that goes on to learn in the environment.

    Attributes:
        environment_steps: simulator steps taken so far, repeated actions counted each time; 0 is
            the offline point, when all offline training is done and nothing was seen online.
        mean_return: undiscounted, over the evaluation's episodes.
        success: mean over them, from 0 to 1, where the benchmark counts successes.
    """

    environment_steps: Natural
    mean_return: Real
    success: Fraction | None = None
