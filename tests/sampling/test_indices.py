"""Index arithmetic against loops that are too simple to be wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vd4rl_data.sampling.indices import (
    n_step_returns,
    sequence_rows,
    stack_rows,
)
from vd4rl_data.sampling.windows import WindowIndex

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@given(lengths=lengths, steps=st.integers(1, 10), shorten=st.booleans(), chosen=st.randoms())
def test_windows(lengths: list[int], steps: int, shorten: bool, chosen) -> None:
    starts = np.cumsum([0, *(length + 1 for length in lengths)])
    episodes = sorted(chosen.sample(range(len(lengths)), chosen.randint(1, len(lengths))))
    expected = [
        (starts[episode] + step, min(steps, lengths[episode] - step), episode)
        for episode in episodes
        for step in range(lengths[episode])
        if shorten or step + steps <= lengths[episode]
    ]
    index = WindowIndex(starts, np.array(episodes), steps, shorten=shorten)
    numbers = np.arange(len(index))
    rows, counts, owners = index.at(numbers)
    assert list(zip(rows, counts, owners, strict=True)) == expected
    assert (index.find(rows) == numbers).all()
    for other in set(range(-1, starts[-1] + 1)) - {row for row, *_ in expected}:
        with pytest.raises(ValueError, match=f"rows: row {other} starts no window"):
            index.find([other])


def test_the_papers_count_of_starts() -> None:
    index = WindowIndex(np.array([0, 501, 1002]), np.array([0, 1]), 3, shorten=False)
    assert len(index) == 2 * 498
    assert (index.at(np.arange(2 * 498)).steps == 3).all()


def test_stack_rows_repeat_the_first_row() -> None:
    rows = stack_rows(np.array([10, 11, 14]), np.array([10, 10, 10]), 3)
    assert rows.tolist() == [[10, 10, 10], [10, 10, 11], [12, 13, 14]]


@given(
    lengths=lengths,
    n_step=st.integers(1, 6),
    discount_factor=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
    seed=st.integers(0, 9),
)
def test_n_step_returns(lengths: list[int], n_step: int, discount_factor: float, seed: int) -> None:
    starts = np.cumsum([0, *(length + 1 for length in lengths)])
    rng = np.random.default_rng(seed)
    rewards = rng.normal(size=starts[-1]).astype(np.float32)
    discounts = rng.uniform(size=starts[-1]).astype(np.float32)
    index = WindowIndex(starts, np.arange(len(lengths)), n_step, shorten=True)
    rows, steps, _ = index.at(np.arange(len(index)))
    returns, weights = n_step_returns(rewards, discounts, rows, steps, discount_factor)
    assert returns.dtype == weights.dtype == np.float32
    for row, count, got_return, got_weight in zip(rows, steps, returns, weights, strict=True):
        total, weight = 0.0, 1.0
        for step in range(count):
            total += weight * float(rewards[row + step])
            weight *= discount_factor * float(discounts[row + step])
        assert got_return == np.float32(total)  # rounded once, at the end
        assert got_weight == np.float32(weight)


def test_n_step_returns_add_up_in_float64() -> None:
    rewards = np.array([2.0**24, 1.0, 1.0, 0.0], np.float32)
    ones = np.ones(4, np.float32)
    returns, _ = n_step_returns(rewards, ones, np.array([0]), np.array([3]), 1.0)
    assert returns[0] == 2.0**24 + 2  # in float32, 2^24 + 1 + 1 stays 2^24


def test_sequence_rows_stop_at_the_last_observation() -> None:
    rows = sequence_rows(np.array([4, 9]), np.array([3, 1]), 3)
    assert rows.tolist() == [[4, 5, 6, 7], [9, 10, 10, 10]]
