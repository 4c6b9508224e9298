"""The amount of an id: of every row of the catalog, at any size."""

from __future__ import annotations

import dataclasses

import pytest

from vd4rl_data.amounts import with_amount, without_amount
from vd4rl_data.errors import InvalidIdError, UnknownDatasetError
from vd4rl_data.ids import Variant, format_id, parse_id
from vd4rl_data.registry import BENCHMARKS, DATASETS, get_dataset_spec

_OWN = [name for name, spec in DATASETS.items() if not spec.bundled]
_UNNAMED = [name for name in _OWN if without_amount(DATASETS[name].id) == DATASETS[name].id]
SOME = 7_000
"""Transitions, whole episodes in every suite."""


@pytest.mark.parametrize("name", _UNNAMED)
def test_every_row_has_other_amounts(name: str) -> None:
    known = DATASETS[name]
    variant = dataclasses.replace(known.id.variant or Variant(), amount=SOME)
    other = format_id(dataclasses.replace(known.id, variant=variant, size=48))
    spec = get_dataset_spec(other)
    parts = max(1, len(spec.parts))
    assert (spec.name, spec.size, spec.environment.size) == (other, 48, 48)
    assert spec.num_transitions == SOME * parts
    assert spec.num_episodes * spec.task.time_steps == spec.num_transitions
    assert spec.published_returns is None
    assert (spec.task, spec.score) == (known.task, known.score)
    assert [item.share for item in spec.mixture] == [item.share for item in known.mixture]
    for part in map(get_dataset_spec, spec.parts):
        assert (part.num_transitions, part.size) == (SOME, 48)
    assert sum(get_dataset_spec(part).num_episodes for part in spec.parts) in (
        0,
        spec.num_episodes,
    )


@pytest.mark.parametrize("size", [64, 84])
@pytest.mark.parametrize("task", ["walker_walk", "cheetah_run"])
@pytest.mark.parametrize("behavior", ["random", "medium", "medium_expert", "expert"])
def test_five_times_the_data_are_rows_beside_their_benchmarks(
    behavior: str, task: str, size: int
) -> None:
    """V-D4RL, Table 4: 500,000 of each behavior; medium_expert holds both halves."""
    spec = DATASETS[f"VD4RL/{task}-{behavior}-500k-{size}px-v0"]
    assert spec.num_transitions == 500_000 * (2 if behavior == "medium_expert" else 1)
    assert size in BENCHMARKS[str(spec.id.benchmark)].sizes


@pytest.mark.parametrize("word", ["25k", "50k", "75k", "200k", "300k", "400k", "1m"])
def test_the_papers_other_amounts(word: str) -> None:
    """V-D4RL, Figure 4: a quarter to four times the data."""
    spec = get_dataset_spec(f"VD4RL/walker_walk-random-{word}-64px-v0")
    assert spec.num_transitions == int(word[:-1]) * (1_000_000 if word[-1] == "m" else 1_000)
    both = get_dataset_spec(f"VD4RL/cheetah_run-medium_expert-{word}-84px-v0")
    assert both.num_transitions == 2 * spec.num_transitions


def test_random_followed_by_expert() -> None:
    """V-D4RL, F.1: half a million of each."""
    spec = get_dataset_spec("VD4RL/walker_walk-random_expert-500k-84px-v0")
    assert spec.num_transitions == 1_000_000
    assert spec.parts == (
        "VD4RL/walker_walk-random-500k-84px-v0",
        "VD4RL/walker_walk-expert-500k-84px-v0",
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("walker_walk-random-100k", "is VD4RL/walker_walk-random-64px-v0, which has this amount"),
        ("walker_walk-medium_expert-100k", "is VD4RL/walker_walk-medium_expert-64px-v0"),
        ("walker_walk-random-1000k", "expected <look>"),
        ("walker_walk-random-0k", "expected <look>"),
    ],
)
def test_an_amount_has_one_name(name: str, message: str) -> None:
    with pytest.raises(InvalidIdError, match=message):
        get_dataset_spec(f"VD4RL/{name}-64px-v0")


def test_what_has_no_amounts_is_told() -> None:
    with pytest.raises(UnknownDatasetError, match="walker_walk-random-64px"):
        get_dataset_spec("VD4RL/waker_walk-random-25k-64px-v0")
    sample = next(spec for spec in DATASETS.values() if spec.bundled)
    with pytest.raises(InvalidIdError, match="without an amount of its own"):
        with_amount(sample, 5_000)
    with pytest.raises(InvalidIdError, match="without an amount of its own"):
        with_amount(get_dataset_spec("VD4RL/walker_walk-random-25k-64px-v0"), 50_000)
    spec = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
    for amount in (0, 750):
        with pytest.raises(InvalidIdError, match="whole episodes of 500 time steps"):
            with_amount(spec, amount)
    assert parse_id(spec.name) == without_amount(with_amount(spec, 25_000).id)
