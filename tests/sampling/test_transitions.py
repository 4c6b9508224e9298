"""Transitions of painted episodes against a loop over one episode at a time."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import FrameStackObservation
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling.references import (
    reference,
    reference_starts,
    start_rows,
)
from vd4rl_data.sampling import Transitions, TransitionSampler

pytestmark = pytest.mark.filterwarnings("ignore::vd4rl_data.errors.ShortEpisodesWarning")

FIELDS = (
    "observations",
    "actions",
    "rewards",
    "next_observations",
    "discounts",
    "terminated",
    "truncated",
)


@pytest.mark.parametrize("frame_stack", [1, 3, 4])
@pytest.mark.parametrize("n_step", [1, 3, 8])
@pytest.mark.parametrize("n_step_end", ["drop", "shorten"])
@pytest.mark.parametrize("storage", ["painted", "composite"])
def test_every_transition_is_the_references(
    request: pytest.FixtureRequest, storage: str, n_step_end: str, n_step: int, frame_stack: int
) -> None:
    painted = request.getfixturevalue(storage)
    sampler = TransitionSampler(
        painted.columns,
        64,
        frame_stack,
        n_step,
        0.9,
        n_step_end=n_step_end,
    )
    expected = reference_starts(painted, n_step, n_step_end)
    assert sampler.num_starts == len(expected)
    batch = sampler.gather(np.array([episode.start + step for episode, step in expected]))
    wanted = [reference(e, step, frame_stack, n_step, 0.9) for e, step in expected]
    for name in FIELDS:
        values = np.array([item[name] for item in wanted])
        np.testing.assert_allclose(getattr(batch, name), values, rtol=1e-5, atol=1e-6)
    assert {values.dtype for values in batch.as_dict().values()} == {
        np.dtype(kind) for kind in (np.uint8, np.float32, np.bool_)
    }
    assert batch.observations.flags.c_contiguous
    assert batch.next_observations.flags.c_contiguous


@settings(deadline=None)  # the machine may be busy
@given(data=st.data())
def test_sampled_transitions_are_the_references(make_painted: Any, data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))
    ends = data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    painted = make_painted(lengths, ends, parts=data.draw(st.integers(1, len(lengths))))
    frame_stack, n_step = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    sampler = TransitionSampler(
        painted.columns,
        data.draw(st.integers(1, 9)),
        frame_stack,
        n_step,
        0.5,
        data.draw(st.integers(0, 5)),
        n_step_end="shorten",
    )
    batch = next(sampler)
    for sample, row in enumerate(start_rows(painted, batch)):
        wanted = reference(*painted.locate(row), frame_stack, n_step, 0.5)
        for name in FIELDS:
            got = getattr(batch, name)[sample]
            np.testing.assert_allclose(got, wanted[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_500_transitions_have_498_three_step_starts(make_painted: Any) -> None:
    painted = make_painted([500, 500], [False, False])
    sampler = TransitionSampler(painted.columns, 8, n_step=3)
    assert sampler.num_starts == 2 * 498


def test_termination_stops_the_bootstrap_even_at_discount_one(make_painted: Any) -> None:
    painted = make_painted([5, 5], [True, False], constant_discounts=True)
    sampler = TransitionSampler(painted.columns, 8, n_step=2, discount_factor=0.5)
    batch = sampler.gather(np.array([2, 3, 8, 9]))
    assert batch.discounts.tolist() == [0.25, 0.0, 0.25, 0.25]
    assert batch.terminated.tolist() == [False, True, False, False]
    assert batch.truncated.tolist() == [False, False, False, True]


class PaintedEnv(gymnasium.Env[np.ndarray, int]):
    """Shows the number of the time step."""

    observation_space = gymnasium.spaces.Box(0, 255, (4, 4, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, episode: Any) -> None:
        self.episode = episode
        self.step_number = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.step_number = 0
        return self.episode.observations[0], {}

    def step(self, action: int) -> Any:
        self.step_number += 1
        ended = self.step_number == len(self.episode)
        return self.episode.observations[self.step_number], 0.0, False, ended, {}


@pytest.mark.parametrize("frame_stack", [2, 3, 5])
def test_stacks_are_gymnasiums(painted: Any, frame_stack: int) -> None:
    sampler = TransitionSampler(painted.columns, 1, frame_stack)
    for episode in painted.episodes[1:4]:
        env = FrameStackObservation(PaintedEnv(episode), frame_stack, padding_type="reset")
        observation, _ = env.reset()
        for step in range(len(episode)):
            batch = sampler.gather(np.array([episode.start + step]))
            np.testing.assert_array_equal(batch.observations[0], observation)
            observation, *_ = env.step(0)
            np.testing.assert_array_equal(batch.next_observations[0], observation)


def test_as_dict_has_all_fields(painted: Any) -> None:
    batch = next(TransitionSampler(painted.columns, 4))
    assert isinstance(batch, Transitions)
    assert tuple(batch.as_dict()) == FIELDS
    assert batch.as_dict()["actions"] is batch.actions


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
        ({"frame_stack": 0}, "frame_stack: expected at least 1, got 0"),
        ({"n_step": 0}, "n_step: expected at least 1, got 0"),
        ({"discount_factor": 1.5}, r"discount_factor: expected a number in \[0, 1\], got 1.5"),
        ({"discount_factor": float("nan")}, "discount_factor: expected a number"),
        ({"n_step_end": "keep"}, "n_step_end: expected one of drop, shorten, got 'keep'"),
        ({"epochs": 0}, "epochs: expected at least 1, got"),
        ({"epochs": 1, "drop_last": True, "batch_size": 9999}, "drop_last: .*lower batch_size"),
        ({"threads": 0}, "threads: expected at least 1, got 0"),
        ({"n_step": 502}, "no episode has 502 transitions, the longest has 501; lower n_step"),
    ],
)
def test_bad_arguments(painted: Any, arguments: dict[str, Any], message: str) -> None:
    options = {"batch_size": 4, **arguments}
    with pytest.raises(ValueError, match=message):
        TransitionSampler(painted.columns, **options)


@pytest.mark.parametrize("rows", [[501], [499], [0, 99999], [-1], [[0]], [0.0]])
def test_gather_refuses_rows_that_start_nothing(painted: Any, rows: list[Any]) -> None:
    sampler = TransitionSampler(painted.columns, 4, n_step=3)
    with pytest.raises(ValueError, match="rows: "):
        sampler.gather(np.array(rows))
