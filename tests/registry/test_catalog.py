"""The catalog holds what the paper says; the figures are typed here a second time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vd4rl_data.errors import InvalidIdError
from vd4rl_data.ids import Variant
from vd4rl_data.registry import (
    DATASETS,
    TASKS,
    get_dataset_spec,
    get_task_spec,
    list_datasets,
    register_dataset,
    register_task,
)
from vd4rl_data.scores import normalized_score, return_statistics
from vd4rl_data.simulators.dmc import DMCSettings
from vd4rl_data.spec import DatasetSpec, FixedCamera, ReturnScore, ReturnStatistics
from vd4rl_data.suites import register_all

# V-D4RL, Table 5: thousands of steps, mean, std, min, P25, median, P75, max.
_PAPER = """
walker_walk   random        100  42.3   8.7  30.0  34.9  41.3  46.8  74.6
walker_walk   medium_replay 100 144.5 155.9  10.9  44.3  69.4 162.4 604.9
walker_walk   medium        100 439.6  48.4 176.2 423.1 445.5 466.7 538.0
walker_walk   medium_expert 200 704.1 267.7 176.2 445.5 538.0 969.1 990.6
walker_walk   expert        100 969.8  12.4 909.2 963.9 969.1 979.5 990.6
cheetah_run   random        100   6.6   2.6   1.1   4.7   6.3   8.4  16.3
cheetah_run   medium_replay 200 191.2 144.6   2.5  48.3 191.9 303.4 473.8
cheetah_run   medium        100 523.8  25.5 325.3 509.1 524.2 538.3 578.3
cheetah_run   medium_expert 200 707.0 184.9 325.3 524.2 578.3 894.1 905.7
cheetah_run   expert        100 891.1  11.2 843.0 886.9 894.2 898.5 905.7
humanoid_walk random        100   1.1   0.8   0.0   0.5   1.0   1.5   5.7
humanoid_walk medium_replay 600 275.7 176.1   0.0  93.7 341.7 423.1 529.0
humanoid_walk medium        100 573.0  16.7 526.5 560.6 572.9 584.9 609.4
humanoid_walk medium_expert 200 715.9 146.1 526.5 572.9 620.6 877.4 889.8
humanoid_walk expert        100 858.1  42.4 631.8 846.4 877.6 885.5 889.8
"""
_ROWS = [line.split() for line in _PAPER.strip().splitlines()]
_SAMPLE = "VD4RL/walker_walk-random-sample-64px-v0"
_MAIN = [spec for spec in DATASETS.values() if spec.id.suite == "VD4RL" and spec.published_returns]


def test_the_paper_has_fifteen_datasets() -> None:
    assert len(_ROWS) == 15


@pytest.mark.parametrize("size", [64, 84])
@pytest.mark.parametrize("row", _ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_row_agrees_with_the_paper(row: list[str], size: int) -> None:
    task, behavior, thousands, *returns = row
    spec = get_dataset_spec(f"VD4RL/{task}-{behavior}-{size}px-v0")
    assert spec.num_transitions == int(thousands) * 1000
    assert spec.num_episodes == int(thousands) * 2
    assert spec.published_returns == ReturnStatistics(*map(float, returns))
    assert (spec.task.name, spec.size) == (task, size)
    assert spec.observation_shape == (size, size, 3)
    assert isinstance(spec.score, ReturnScore)
    assert (spec.score.low, spec.score.high) == (0.0, 1000.0)
    assert (spec.license, spec.bundled) == ("MIT", False)
    assert "lu2023challenges" in spec.citation


def test_there_are_no_other_main_rows_and_one_sample() -> None:
    assert len(_MAIN) == 30
    assert get_dataset_spec(_SAMPLE).bundled
    assert [name for name, spec in DATASETS.items() if spec.bundled] == [_SAMPLE]


@pytest.mark.parametrize("spec", _MAIN, ids=lambda spec: spec.name)
def test_medium_expert_is_medium_followed_by_expert(spec: DatasetSpec) -> None:
    if spec.id.behavior != "medium_expert":
        assert spec.parts == ()
        return
    parts = [get_dataset_spec(name) for name in spec.parts]
    assert [part.id for part in parts] == [
        dataclasses.replace(spec.id, behavior=behavior) for behavior in ("medium", "expert")
    ]
    assert sum(part.num_episodes for part in parts) == spec.num_episodes
    assert sum(part.num_transitions for part in parts) == spec.num_transitions
    assert all(part.task == spec.task and not part.parts for part in parts)


@pytest.mark.parametrize(
    ("name", "actions", "domain", "goal"),
    [
        ("walker_walk", 6, "walker", "walk"),
        ("cheetah_run", 6, "cheetah", "run"),
        ("humanoid_walk", 21, "humanoid", "walk"),
        ("hopper_hop", 4, "hopper", "hop"),
    ],
)
def test_tasks_are_the_papers(name: str, actions: int, domain: str, goal: str) -> None:
    task = get_task_spec(name)
    assert (task.action_size, task.settings) == (actions, DMCSettings(domain, goal))
    assert (task.simulator, task.camera) == ("dmc", FixedCamera(0))
    assert (task.action_repeat, task.horizon) == (2, 1000)
    assert task.time_steps == 500


def test_time_steps_are_rounded_up() -> None:
    task = dataclasses.replace(get_task_spec("walker_walk"), horizon=1001)
    assert task.time_steps == 501


def test_registering_everything_again_changes_nothing() -> None:
    before = (dict(TASKS), dict(DATASETS))
    register_all()
    assert before == (TASKS, DATASETS)


def test_registering_a_different_spec_under_a_known_name_is_refused() -> None:
    before = (dict(TASKS), dict(DATASETS))
    task = get_task_spec("walker_walk")
    with pytest.raises(ValueError, match="task 'walker_walk' is already registered"):
        register_task(dataclasses.replace(task, camera=FixedCamera(2)))
    spec = get_dataset_spec(_SAMPLE)
    with pytest.raises(ValueError, match=f"dataset '{_SAMPLE}' is already registered"):
        register_dataset(dataclasses.replace(spec, num_episodes=3))
    assert before == (TASKS, DATASETS)


@pytest.mark.parametrize(
    "change",
    [
        {"task": "walker-walk"},
        {"task": "Walker"},
        {"suite": ""},
        {"size": 0},
        {"version": -1},
        {"variant": Variant(look="Upper")},
        {"behavior": "perfect"},
    ],
    ids=str,
)
def test_an_id_that_does_not_round_trip_cannot_be_registered(change: dict[str, object]) -> None:
    spec = get_dataset_spec(_SAMPLE)
    broken = dataclasses.replace(spec, id=dataclasses.replace(spec.id, **change))
    before = dict(DATASETS)
    with pytest.raises(InvalidIdError):
        register_dataset(broken)
    assert before == DATASETS


def test_list_filters_combine_and_keep_the_order() -> None:
    everything = list_datasets()
    assert everything == list(DATASETS.values())
    filters = {
        "suite": lambda spec: spec.id.suite,
        "task": lambda spec: spec.id.task,
        "behavior": lambda spec: spec.id.behavior,
        "size": lambda spec: spec.id.size,
    }
    for name, read in filters.items():
        for value in {read(spec) for spec in everything}:
            expected = [spec for spec in everything if read(spec) == value]
            assert list_datasets(**{name: value}) == expected
    chosen = list_datasets(suite="VD4RL", task="walker_walk", behavior="random", size=64)
    assert [spec.name for spec in chosen][:2] == ["VD4RL/walker_walk-random-64px-v0", _SAMPLE]
    assert list_datasets(suite="NoSuchSuite") == []


def test_normalized_scores_map_the_constants_to_0_and_1() -> None:
    for spec in DATASETS.values():
        if isinstance(spec.score, ReturnScore):
            assert normalized_score(spec, spec.score.low) == 0.0
            assert normalized_score(spec, spec.score.high) == 1.0
    spec = get_dataset_spec(_SAMPLE)
    assert isinstance(normalized_score(spec, 969.8), float)
    assert normalized_score(spec, 969.8) == pytest.approx(0.9698)
    scores = normalized_score(spec, [[0, 500], [1000, 250]])
    np.testing.assert_allclose(scores, [[0.0, 0.5], [1.0, 0.25]])


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40))
def test_return_statistics_are_the_usual_ones(returns: list[float]) -> None:
    found = return_statistics(returns)
    ordered = np.sort(returns)
    places = np.linspace(0, 1, len(ordered))
    assert (found.min, found.max) == (ordered[0], ordered[-1])
    for name, share in (("p25", 0.25), ("median", 0.5), ("p75", 0.75)):
        expected = np.interp(share, places, ordered) if len(ordered) > 1 else ordered[0]
        assert getattr(found, name) == pytest.approx(expected, abs=1e-6)
    mean = sum(returns) / len(returns)
    assert found.mean == pytest.approx(mean, abs=1e-6)
    variance = sum((value - mean) ** 2 for value in returns) / len(returns)
    assert found.std == pytest.approx(variance**0.5, abs=1e-3)


def test_return_statistics_need_an_episode() -> None:
    with pytest.raises(ValueError, match="at least one episode"):
        return_statistics([])
