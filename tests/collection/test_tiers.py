"""Which checkpoint is medium and which is expert."""

from __future__ import annotations

from typing import Any

import pytest

from collection.errors import TierNotReachedError
from collection.tiers import MEDIUM_LEVELS, TIERS, choose, medium_level
from vd4rl_data.registry import TASKS


def _curve(*returns: float) -> list[dict[str, Any]]:
    return [
        {"environment_steps": 10_000 * (number + 1), "evaluation_mean": value, "seconds": number}
        for number, value in enumerate(returns)
    ]


@pytest.mark.parametrize("task", MEDIUM_LEVELS)
def test_levels_belong_to_tasks(task: str) -> None:
    assert task in TASKS


def test_medium_is_the_first_of_three_above_the_level() -> None:
    choice = choose("medium", 500, _curve(0, 510, 520, 400, 501, 600, 502, 900))
    assert choice.environment_steps == 50_000
    assert choice.evaluation_mean == 501
    assert choice.rule["evaluations"] == [501, 600, 502]


@pytest.mark.parametrize("returns", [(), (600, 600), (600, 600, 500), (600, 499, 600, 600)])
def test_medium_not_reached(returns: tuple[float, ...]) -> None:
    with pytest.raises(TierNotReachedError, match="train for longer"):
        choose("medium", 500, _curve(*returns))


def test_expert_is_the_middle_of_the_best_five_of_the_last_quarter() -> None:
    early = [900.0] * 5 + [100.0] * 25
    late = [700, 800, 810, 820, 830, 840, 700, 700, 700, 700]
    choice = choose("expert", 500, _curve(*early, *late))
    assert choice.environment_steps == 10_000 * (30 + 4)  # 800 ... 840: the middle is 820
    assert choice.evaluation_mean == 820
    assert choice.rule["window_mean"] == pytest.approx(820)
    assert choice.rule["best_window_mean_before"] == pytest.approx(900)
    assert choice.rule["converged"] is True


def test_a_curve_that_still_rises_has_not_converged() -> None:
    choice = choose("expert", 500, _curve(*range(0, 800, 20)))
    assert choice.rule["converged"] is False


def test_expert_needs_checkpoints() -> None:
    with pytest.raises(TierNotReachedError, match="at least 10 checkpoints, got 9"):
        choose("expert", 500, _curve(*[900.0] * 9))


def test_other_tiers_and_tasks() -> None:
    with pytest.raises(ValueError, match=f"expected one of {', '.join(TIERS)}"):
        choose("best", 500, _curve(1))


def test_a_task_without_a_level_is_medium_half_way_to_its_expert() -> None:
    curve = _curve(-100, 0, 100, 250, 300, 300, *[500.0] * 30)
    assert medium_level("acrobot_swingup", curve) == 200
    assert medium_level("walker_walk", curve) == 500
    with pytest.raises(TierNotReachedError, match="train for longer"):
        medium_level("acrobot_swingup", curve[:6])
