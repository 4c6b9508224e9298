"""The state of a sampler: another one goes on with the very same batches, at once."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.sampling.conftest import Painted, paint
from vd4rl_data.sampling import SequenceSampler, TransitionSampler

COLUMNS = paint([103], [False]).columns


def stream(seed: int, **options: Any) -> TransitionSampler:
    return TransitionSampler(COLUMNS, 4, rng=seed, **options)


def rows(source: TransitionSampler, count: int) -> list[list[float]]:
    return [next(source).rewards.tolist() for _ in range(count)]


@pytest.mark.parametrize("taken", [0, 1, 31, 32, 33, 100])
def test_an_endless_stream_goes_on_from_its_state(taken: int) -> None:
    first, other = stream(7), stream(8)
    rows(first, taken)
    state = json.loads(json.dumps(first.state()))
    other.load_state(state)
    assert rows(other, 80) == rows(first, 80)


@pytest.mark.parametrize("taken", [0, 5, 25, 26, 30])
@pytest.mark.parametrize("passes", [1, 3])
def test_passes_go_on_from_their_state(taken: int, passes: int) -> None:
    first, other = stream(7, epochs=2), stream(8, epochs=2)
    for _ in range(passes):
        iter(first)
    rows(first, taken)
    other.load_state(json.loads(json.dumps(first.state())))
    assert rows(other, 52 - taken) == rows(first, 52 - taken)
    for each in (first, other):
        with pytest.raises(StopIteration):
            next(each)
        iter(each)
    assert rows(other, 5) == rows(first, 5)  # also the passes that follow


def test_single_batches_in_between_count_too() -> None:
    first, other = stream(7), stream(8)
    rows(first, 3)
    first.sample()
    other.load_state(first.state())
    assert first.sample().rewards.tolist() == other.sample().rewards.tolist()
    assert rows(other, 70) == rows(first, 70)


@pytest.mark.parametrize("state", [{}, {"passes": 1}, {"family": 3}])
def test_what_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(ValueError, match="state: expected what state"):
        stream(1).load_state(state)


@pytest.mark.parametrize("kind", ["transitions", "sequences"])
def test_samplers_go_on_with_the_same_pixels(kind: str, painted: Painted) -> None:
    columns = painted.columns

    def make(seed: int) -> Any:
        if kind == "transitions":
            return TransitionSampler(columns, 3, 2, 1, 0.99, seed)
        return SequenceSampler(columns, 3, 2, seed, pad=True)

    first, other = make(1), make(2)
    for _ in range(40):
        next(first)
    other.load_state(first.state())
    for _ in range(40):
        ours, theirs = next(first), next(other)
        np.testing.assert_array_equal(ours.observations, theirs.observations)
        np.testing.assert_array_equal(ours.actions, theirs.actions)
