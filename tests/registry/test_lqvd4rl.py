"""LQV-D4RL's rows: SeMOPO, appendix C and D.2; the figures are typed here a second time."""

from __future__ import annotations

import pytest

from vd4rl_data.registry import BENCHMARKS, get_dataset_spec, list_datasets
from vd4rl_data.spec import ReturnScore

# Table 3: task, then mean and std of random, medrep, medium; D.2: the score's minimum and maximum.
_PAPER = """
walker_walk    86.6  48.1  106.6  79.7  513.1  54.8    5.0 598.0
cheetah_run    77.6  57.2  145.4 113.3  350.3  30.8    1.7 403.2
hopper_hop      2.1   4.9    4.7   9.7   62.0  13.9    0.0  84.9
humanoid_walk   1.1   0.8   95.6 114.3  573.0  16.8    0.0 609.4
car_racing     10.3  65.5   76.1 116.3  372.3  42.7  -82.0 449.9
"""
_ROWS = [line.split() for line in _PAPER.strip().splitlines()]
_EPISODES = {"random": 200, "medium_replay": 400, "medium": 200}


def test_the_paper_has_fifteen_datasets() -> None:
    assert len(list_datasets(suite="LQVD4RL")) == 3 * len(_ROWS) == 15


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row[0])
def test_rows_agree_with_the_paper(row: list[str]) -> None:
    task, *numbers = row
    *pairs, low, high = map(float, numbers)
    for (behavior, episodes), mean, std in zip(
        _EPISODES.items(), pairs[::2], pairs[1::2], strict=True
    ):
        spec = get_dataset_spec(f"LQVD4RL/{task}-{behavior}-64px-v0")
        published = spec.published_returns
        assert published is not None
        assert (published.mean, published.std) == (mean, std)
        assert published.min <= published.p25 <= published.median <= published.p75 <= published.max
        assert (spec.num_episodes, spec.num_transitions) == (episodes, 500 * episodes)
        assert isinstance(spec.score, ReturnScore)
        assert (spec.score.low, spec.score.high) == (low, high)
        assert (spec.task.name, spec.task.action_repeat, spec.task.time_steps) == (task, 2, 500)
        assert spec.task.body is None
        assert BENCHMARKS[str(spec.id.benchmark)].score == spec.score


def test_random_is_of_random_weights_and_other_levels_are_told() -> None:
    collected_by = {
        (spec.id.task == "car_racing", spec.id.behavior): spec.collected_by
        for spec in list_datasets(suite="LQVD4RL")
    }
    assert collected_by == {
        (False, "random"): "random_weights",
        (False, "medium_replay"): None,
        (False, "medium"): None,
        (True, "random"): "random_weights",
        (True, "medium_replay"): "learning_driver",
        (True, "medium"): "driver",
    }
    levels = {spec.id.task: spec.level for spec in list_datasets(suite="LQVD4RL")}
    assert {task for task, level in levels.items() if level} == {"cheetah_run"}
