"""Agreement is shown, never assumed: intervals, margins, and what a task can pay."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vd4rl_data.bounds import (
    count_outside,
    impossible_returns,
    impossible_rewards,
    reward_bounds,
)
from vd4rl_data.equivalence import MeanDifference, compare_means, margin_of, t_quantile
from vd4rl_data.registry import DATASETS, TASKS, get_dataset_spec, get_task_spec
from vd4rl_data.scores import return_statistics
from vd4rl_data.spec import DatasetSpec, ReturnScore

WALKER = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
PUBLISHED = [spec for spec in DATASETS.values() if spec.published_returns is not None]


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [(1, 12.7062), (2, 4.30265), (3, 3.18245), (5, 2.57058), (30, 2.04227), (199, 1.97196)],
)
def test_students_quantiles_are_those_of_the_tables(freedom: int, expected: float) -> None:
    assert t_quantile(freedom) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("episodes", [2, 5, 30])
def test_the_interval_covers_the_truth_as_often_as_it_says(episodes: int) -> None:
    """Ours and theirs are samples of normal distributions, 5 apart and unequally wide."""
    rng = np.random.default_rng(episodes)
    covered = 0
    for _ in range(300):
        theirs = return_statistics(rng.normal(40.0, 8.0, WALKER.num_episodes))
        ours = return_statistics(rng.normal(45.0, 12.0, episodes))
        spec = dataclasses.replace(WALKER, published_returns=theirs)
        found = compare_means(spec, ours, episodes)
        assert found is not None
        covered += found.low <= 5.0 <= found.high
    assert covered / 300 > 0.93


def test_agreement_is_claimed_falsely_at_most_as_often_as_it_says() -> None:
    """Two means that lie exactly a margin apart: "agree" is wrong, and rare."""
    rng = np.random.default_rng(0)
    claimed = 0
    for _ in range(500):
        theirs = return_statistics(rng.normal(40.0, 8.0, WALKER.num_episodes))
        spec = dataclasses.replace(WALKER, published_returns=theirs)
        ours = return_statistics(rng.normal(40.0 + margin_of(spec), 8.0, 200))
        found = compare_means(spec, ours, 200)
        assert found is not None
        claimed += found.verdict == "agree"
    assert claimed / 500 < 0.05


@given(st.floats(-50, 50), st.floats(0, 30), st.floats(0, 20))
def test_verdicts_exclude_each_other(difference: float, half: float, margin: float) -> None:
    found = MeanDifference(difference, difference - half, difference + half, margin)
    inside = abs(difference) + half <= margin
    outside = abs(difference) - half > margin
    expected = "agree" if inside else "differ" if outside else "undecided"
    if abs(abs(difference) + half - margin) > 1e-9 and abs(abs(difference) - half - margin) > 1e-9:
        assert found.verdict == expected


def test_few_episodes_never_agree_by_being_few() -> None:
    """The fewer episodes, the less is shown."""
    published = WALKER.published_returns
    assert published is not None
    verdicts = {}
    for episodes in (2, 3, 200):
        found = compare_means(WALKER, published, episodes)
        assert found is not None
        verdicts[episodes] = found.verdict
    assert verdicts == {2: "undecided", 3: "undecided", 200: "agree"}


@pytest.mark.parametrize("spec", PUBLISHED, ids=lambda spec: spec.name)
def test_margins_matter_and_can_be_met(spec: DatasetSpec) -> None:
    """As many episodes as the paper's show agreement, where there is one."""
    published = spec.published_returns
    assert published is not None
    margin = margin_of(spec)
    assert isinstance(spec.score, ReturnScore)
    assert 0 < margin <= 0.05 * (spec.score.high - spec.score.low)
    assert margin <= published.std / 2
    found = compare_means(spec, published, spec.num_episodes)
    assert found is not None
    assert found.verdict == "agree"


def test_nothing_to_compare_with() -> None:
    spec = dataclasses.replace(WALKER, published_returns=None)
    statistics = return_statistics([1.0, 2.0])
    assert compare_means(spec, statistics, 2) is None
    assert compare_means(WALKER, statistics, 1) is None
    with pytest.raises(ValueError, match="no returns were published"):
        margin_of(spec)
    with pytest.raises(ValueError, match="num_episodes: expected at least 1, got 0"):
        compare_means(WALKER, statistics, 0)


def test_equal_returns_on_both_sides() -> None:
    same = return_statistics([5.0, 5.0])
    spec = dataclasses.replace(WALKER, published_returns=same)
    assert compare_means(spec, same, 2) == MeanDifference(0.0, 0.0, 0.0, 0.0)
    found = compare_means(spec, return_statistics([6.0, 6.0]), 2)
    assert found is not None
    assert found.verdict == "differ"


@pytest.mark.parametrize("name", [n for n, task in TASKS.items() if task.simulator == "dmc"])
def test_every_task_of_dm_control_pays_zero_to_one_an_environment_step(name: str) -> None:
    task = get_task_spec(name)
    assert reward_bounds(task) == (0.0, task.action_repeat)
    assert task.return_range == (0.0, task.horizon)


@pytest.mark.parametrize("spec", PUBLISHED, ids=lambda spec: spec.name)
def test_no_published_return_is_impossible(spec: DatasetSpec) -> None:
    published = spec.published_returns
    assert published is not None
    assert impossible_returns(spec.task, [published.min, published.max]) is None


def test_what_cannot_be_paid_is_told() -> None:
    task = get_task_spec("walker_walk")
    assert impossible_rewards(task, np.array([0.0, 2.0, 1.0], np.float32)) is None
    told = impossible_rewards(task, np.array([0.0, 2.5, -1.0], np.float32))
    assert told == (
        "IMPOSSIBLE: 2 of 3 rewards, -1 to 2.5, but a time step of walker_walk gives 0 to 2"
    )
    told = impossible_returns(task, [1001.0, 3.0])
    assert told is not None
    assert "gives 0 to 1,000" in told
    assert count_outside([np.nan, 0.5, 1.0 + 1e-7], (0.0, 1.0)) == 1


def test_where_nothing_is_promised_nothing_is_told() -> None:
    task = dataclasses.replace(get_task_spec("walker_walk"), reward_range=(-np.inf, np.inf))
    assert impossible_returns(task, [1e9, -1e9]) is None
    assert impossible_rewards(task, [1e9, -1e9]) is None
    assert count_outside([np.nan], reward_bounds(task)) == 1


def test_without_a_score_of_returns_the_spread_alone_decides() -> None:
    wide = dataclasses.replace(return_statistics([0.0, 1.0]), std=300.0)
    scored = dataclasses.replace(WALKER, published_returns=wide)
    assert margin_of(scored) == 50.0
    assert margin_of(dataclasses.replace(scored, score=None)) == 150.0
