"""Which checkpoint of a training run is medium, and which is expert: by rule, never by hand.

*Medium* is the first of three successive checkpoints whose deterministic evaluation is above the
task's level ("consistently above 500", V-D4RL, appendix B.1), or where a task has none, half way
from the first checkpoint to the expert ("about half the expert level", LOMPO, appendix A). *Expert*
is the converged policy: in the last quarter of training, the checkpoint in the middle of the five
successive ones with the highest mean evaluation. Training counts as converged if that mean is at
most 2 % above the best such mean before the last quarter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from collection.errors import TierNotReachedError
from vd4rl_data.registry import TASKS

MEDIUM_LEVELS: Final[Mapping[str, float]] = {
    "walker_walk": 500.0,
    "cheetah_run": 500.0,
    "humanoid_walk": 573.0,
    "hopper_hop": 60.0,
}
"""Deterministic return above which a policy is medium. V-D4RL's B.1; hopper and humanoid: the mean
return of the medium dataset, 62.0 and 573.0 (SeMOPO, Table 3), which a humanoid chosen above 500
does not reach: played with noise, ours had 496."""

REPLAY_ALONE: Final = "replay"
"""What is asked for in place of a tier to cut a run's replay without choosing a policy."""

SUCCESSIVE: Final = 3
WINDOW: Final = 5
LAST_SHARE: Final = 0.25
CONVERGED_WITHIN: Final = 0.02
TIERS: Final[tuple[Literal["medium", "expert"], ...]] = ("medium", "expert")


@dataclass(frozen=True, slots=True)
class Choice:
    """A checkpoint and why it was chosen.

    Attributes:
        tier: one of :data:`TIERS`.
        environment_steps: environment steps trained until the checkpoint.
        evaluation_mean: mean return of its own deterministic evaluation.
        seconds: training time until the checkpoint, in seconds.
        rule: how it was chosen, with the numbers that decided, as JSON.
    """

    tier: str
    environment_steps: int
    evaluation_mean: float
    seconds: float
    rule: Mapping[str, Any]


def medium_level(task: str, curve: Sequence[Mapping[str, Any]]) -> float:
    """The level of a task; without one, half way from a run's first checkpoint to its expert.

    Args:
        task: the task's name.
        curve: see :func:`choose`.

    Raises:
        TierNotReachedError: the task has no level, and the run is too short to have an expert.
    """
    level = usual_level(task)
    if level is not None:
        return level
    try:
        expert = _choose_expert(curve).rule["window_mean"]
    except TierNotReachedError as error:
        raise TierNotReachedError(
            f"no medium level is known for {task}, and half way to the expert cannot be told yet:"
            f" {error}; or give one with --level"
        ) from error
    return (float(curve[0]["evaluation_mean"]) + expert) / 2


def usual_level(task: str) -> float | None:
    """The level of a task in :data:`MEDIUM_LEVELS`, that of a changed body is its task's; ``None``
    if it has none.
    """
    return MEDIUM_LEVELS.get(_without_body(task))


def level_in_name(task: str, level: float | None) -> float | None:
    """The level that names the files of a task; ``None`` if it is the usual one, or none is."""
    usual = usual_level(task)
    return None if usual is None or level == usual else level


def _without_body(task: str) -> str:
    spec = TASKS.get(task)
    if spec is None or spec.body is None:
        return task
    of_the_same = (
        name
        for name in MEDIUM_LEVELS
        if (TASKS[name].simulator, TASKS[name].settings) == (spec.simulator, spec.settings)
    )
    return next(of_the_same, task)


def choose(tier: str, level: float, curve: Sequence[Mapping[str, Any]]) -> Choice:
    """Choose a checkpoint.

    Args:
        tier: one of :data:`TIERS`.
        level: deterministic return above which a policy is medium.
        curve: one record per checkpoint, in order, with ``environment_steps`` and
            ``evaluation_mean``.

    Raises:
        TierNotReachedError: the run never reached the tier, or is too short.
        ValueError: there is no such tier.
    """
    if tier == "medium":
        return _choose_medium(level, curve)
    if tier == "expert":
        return _choose_expert(curve)
    raise ValueError(f"tier: expected one of {', '.join(TIERS)}, got {tier!r}")


def _choose_medium(level: float, curve: Sequence[Mapping[str, Any]]) -> Choice:
    returns = [float(record["evaluation_mean"]) for record in curve]
    for number in range(len(returns) - SUCCESSIVE + 1):
        window = returns[number : number + SUCCESSIVE]
        if min(window) > level:
            rule = {
                "rule": f"first of {SUCCESSIVE} successive evaluations above {level:g}",
                "level": level,
                "evaluations": window,
            }
            return _choice("medium", curve[number], rule)
    best = max(returns, default=float("nan"))
    raise TierNotReachedError(
        f"no {SUCCESSIVE} successive evaluations above {level:g} in {len(returns)} "
        f"checkpoints, the best was {best:.1f}; train for longer (a run can be continued)"
    )


def _choose_expert(curve: Sequence[Mapping[str, Any]]) -> Choice:
    returns = np.array([float(record["evaluation_mean"]) for record in curve])
    last = max(WINDOW, int(np.ceil(len(returns) * LAST_SHARE)))
    if len(returns) < last + WINDOW:
        raise TierNotReachedError(
            f"expected at least {last + WINDOW} checkpoints, got {len(returns)}; train for longer"
        )
    means = np.convolve(returns, np.full(WINDOW, 1 / WINDOW), "valid")
    start = len(returns) - last  # the first window that lies in the last part
    number = start + int(np.argmax(means[start:]))
    before = float(means[: start - WINDOW + 1].max())
    best = float(means[number])
    rule = {
        "rule": (
            f"middle of the {WINDOW} successive evaluations with the highest mean in the last "
            f"{LAST_SHARE:.0%} of training"
        ),
        "window_mean": best,
        "best_window_mean_before": before,
        "converged": best <= before * (1 + CONVERGED_WITHIN),
    }
    return _choice("expert", curve[number + WINDOW // 2], rule)


def _choice(tier: str, record: Mapping[str, Any], rule: Mapping[str, Any]) -> Choice:
    return Choice(
        tier,
        int(record["environment_steps"]),
        float(record["evaluation_mean"]),
        float(record["seconds"]),
        rule,
    )
