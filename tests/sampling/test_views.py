"""Views: one transition in several looks, and nothing but its pixels differs."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from vd4rl_data.errors import InvalidArgumentError, NotTwinsError
from vd4rl_data.frames import FrameArray
from vd4rl_data.sampling import Columns, Views

STARTS = np.array([0, 6, 11])
ROWS = 11


def columns(level: int = 0, **changes: Any) -> Columns:
    """Two episodes whose frame t has the value t + ``level``."""
    frames = np.broadcast_to(np.arange(ROWS)[:, None, None, None] + level, (ROWS, 2, 2, 3))
    made = Columns(
        frames=FrameArray([np.ascontiguousarray(frames, np.uint8)]),
        starts=STARTS,
        actions=np.arange(2 * ROWS, dtype=np.float32).reshape(ROWS, 2) / 100,
        rewards=np.arange(ROWS, dtype=np.float32),
        discounts=np.ones(ROWS, np.float32),
        terminals=np.zeros(ROWS, np.bool_),
        states=np.arange(ROWS, dtype=np.float32)[:, None],
    )
    return dataclasses.replace(made, **changes)


@pytest.mark.parametrize("epochs", [None, 2])
def test_transitions_are_aligned(epochs: int | None) -> None:
    views = Views([columns(), columns(100), columns(200)])
    sampler = views.transitions(4, frame_stack=2, rng=0, state=True, epochs=epochs)
    batches = list(sampler) if epochs else [next(sampler) for _ in range(5)]
    assert len(batches) == (len(sampler) if epochs else 5)
    for first, *others in batches:
        for number, other in enumerate(others, 1):
            for name in ("actions", "rewards", "discounts", "terminated", "truncated", "states"):
                np.testing.assert_array_equal(getattr(other, name), getattr(first, name))
            for name in ("observations", "next_observations"):
                shown = getattr(other, name).astype(int) - getattr(first, name)
                assert (shown == 100 * number).all()
        assert first.states is not None
        np.testing.assert_array_equal(first.observations[:, -1, 0, 0, 0], first.states[:, 0])


def test_sequences_are_aligned_and_go_on_from_a_state() -> None:
    views = Views([columns(), columns(100)])
    sampler = views.sequences(3, 2, rng=0)
    next(sampler)
    saved = sampler.state()
    first, other = next(sampler)
    assert (other.observations.astype(int) - first.observations == 100).all()
    again = views.sequences(3, 2, rng=5)
    again.load_state(saved)
    np.testing.assert_array_equal(next(again)[1].observations, other.observations)


def test_the_first_view_is_what_one_dataset_gives() -> None:
    from vd4rl_data.sampling import TransitionSampler

    alone = next(TransitionSampler(columns(), 4, rng=3))
    together, _ = next(Views([columns(), columns(9)]).transitions(4, rng=3))
    np.testing.assert_array_equal(together.observations, alone.observations)


@pytest.mark.parametrize(
    "changes",
    [
        {"actions": np.zeros((ROWS, 2), np.float32)},
        {"rewards": np.zeros(ROWS, np.float32)},
        {"terminals": np.arange(ROWS) == 4},
        {"starts": np.array([0, 5, 11])},
        {"states": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_differs_besides_pixels_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NotTwinsError, match=f"source 1: {next(iter(changes))}: expected"):
        Views([columns(), columns(**changes)])


def test_nothing_to_view() -> None:
    with pytest.raises(ValueError, match="one or more sources"):
        Views([])


def test_what_cannot_be_sampled_is_refused(no_type_checks: None) -> None:
    wrong: Any = {"none": 1}
    with pytest.raises(InvalidArgumentError, match=r"data: expected datasets.* got str"):
        Views(wrong)
