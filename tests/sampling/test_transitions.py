"""Transitions of painted episodes against a loop over one episode at a time."""

from __future__ import annotations

import pickle
from itertools import chain
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import FrameStackObservation
from hypothesis import given
from hypothesis import strategies as st

from vd4rl_data.sampling import Transitions, TransitionSampler

FIELDS = (
    "observations",
    "actions",
    "rewards",
    "next_observations",
    "discounts",
    "terminated",
    "truncated",
)


def reference_stack(episode: Any, step: int, frame_stack: int) -> np.ndarray:
    steps = [max(0, step - back) for back in reversed(range(frame_stack))]
    return np.stack([episode.observations[k] for k in steps])


def reference(
    episode: Any, step: int, frame_stack: int, n_step: int, discount_factor: float
) -> dict[str, Any]:
    """The transition that starts at ``step``, shortened at the episode's end."""
    last = min(step + n_step, len(episode))
    total, weight = 0.0, 1.0
    for k in range(step, last):
        total += weight * float(episode.rewards[k])
        weight *= discount_factor * float(episode.discounts[k])
    ended = last == len(episode)
    return {
        "observations": reference_stack(episode, step, frame_stack),
        "actions": episode.actions[step],
        "rewards": total,
        "next_observations": reference_stack(episode, last, frame_stack),
        "discounts": 0.0 if ended and episode.terminated else weight,
        "terminated": ended and episode.terminated,
        "truncated": ended and not episode.terminated,
    }


def reference_starts(painted: Any, n_step: int, n_step_end: str) -> list[tuple[Any, int]]:
    return [
        (episode, step)
        for episode in painted.episodes
        for step in range(len(episode))
        if n_step_end == "shorten" or step + n_step <= len(episode)
    ]


def painted_row(painted: Any, frame: np.ndarray) -> int:
    """Read which row a painted frame belongs to."""
    low, high, number = (int(value) for value in frame[0, 0])
    return painted.episodes[number].start + low + 256 * high


def start_rows(painted: Any, batch: Any) -> list[int]:
    """The row of each transition of a batch, as its newest frame says."""
    return [painted_row(painted, stack[-1]) for stack in batch.observations]


def assert_equal_batches(a: Any, b: Any) -> None:
    assert a.as_dict().keys() == b.as_dict().keys()
    for name, values in a.as_dict().items():
        np.testing.assert_array_equal(values, b.as_dict()[name], err_msg=name)


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
        painted.numbers,
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


@given(data=st.data())
def test_sampled_transitions_are_the_references(make_painted: Any, data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))
    ends = data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    painted = make_painted(lengths, ends, parts=data.draw(st.integers(1, len(lengths))))
    frame_stack, n_step = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    sampler = TransitionSampler(
        painted.columns,
        painted.numbers,
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
    sampler = TransitionSampler(painted.columns, painted.numbers, 8, n_step=3)
    assert sampler.num_starts == 2 * 498


def test_termination_stops_the_bootstrap_even_at_discount_one(make_painted: Any) -> None:
    painted = make_painted([5, 5], [True, False], constant_discounts=True)
    sampler = TransitionSampler(painted.columns, painted.numbers, 8, n_step=2, discount_factor=0.5)
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
    sampler = TransitionSampler(painted.columns, painted.numbers, 1, frame_stack)
    for episode in painted.episodes[1:4]:
        env = FrameStackObservation(PaintedEnv(episode), frame_stack, padding_type="reset")
        observation, _ = env.reset()
        for step in range(len(episode)):
            batch = sampler.gather(np.array([episode.start + step]))
            np.testing.assert_array_equal(batch.observations[0], observation)
            observation, *_ = env.step(0)
            np.testing.assert_array_equal(batch.next_observations[0], observation)


def test_a_batch_is_shuffled_over_episodes(many_episodes: Any) -> None:
    batch = next(TransitionSampler(many_episodes.columns, many_episodes.numbers, 256, 3, 3, rng=0))
    episodes = batch.observations[:, -1, 0, 0, 2]
    assert len(np.unique(episodes)) == 40  # of 40; one is missed once in 16 batches or so
    assert (np.diff(episodes.astype(int)) < 0).mean() > 0.4  # no order either
    halves = [len(np.unique(half)) for half in np.split(episodes, 2)]
    assert min(halves) > 30


@pytest.mark.parametrize("size", [4, 8])  # rows alternate at 4 x 4 x 3 = 48 bytes, not at 192
def test_endless_sampling_is_uniform_over_starts(make_painted: Any, size: int) -> None:
    painted = make_painted([3, 6, 1], [True, False, True], size=size)
    sampler = TransitionSampler(painted.columns, painted.numbers, 100, rng=0)
    counts: dict[int, int] = {}
    for _ in range(100):
        for row in start_rows(painted, next(sampler)):
            counts[row] = counts.get(row, 0) + 1
    assert len(counts) == sampler.num_starts == 10
    assert min(counts.values()) > 850  # of 1000 each; four standard deviations are 120
    assert max(counts.values()) < 1150


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("batch_size", [1, 7, 64, 5000])
def test_an_epoch_shows_every_start_once(make_painted: Any, batch_size: int, size: int) -> None:
    painted = make_painted([101, 1, 2, 60], [False, True, False, False], size=size)
    expected = [e.start + step for e, step in reference_starts(painted, 2, "drop")]
    sampler = TransitionSampler(
        painted.columns, painted.numbers, batch_size, n_step=2, rng=3, epochs=3
    )
    batches = [start_rows(painted, batch) for batch in sampler]
    assert next(sampler, None) is None
    per_epoch = -(-len(expected) // batch_size)
    assert len(batches) == 3 * per_epoch
    epochs = [list(chain(*batches[k * per_epoch : (k + 1) * per_epoch])) for k in range(3)]
    assert all(sorted(epoch) == expected for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert epochs[0] != expected


def test_drop_last_leaves_out_the_smaller_batch(painted: Any) -> None:
    sampler = TransitionSampler(
        painted.columns, painted.numbers, 100, rng=3, epochs=2, drop_last=True
    )
    sizes = [len(batch.actions) for batch in sampler]
    assert sizes == [100] * (2 * (sampler.num_starts // 100))


def test_only_the_given_episodes_are_sampled(painted: Any) -> None:
    sampler = TransitionSampler(painted.columns, np.array([3, 1]), 64, rng=0, epochs=1)
    rows = sorted(chain(*(start_rows(painted, batch) for batch in sampler)))
    assert rows == [painted.episodes[1].start, *range(*_span(painted.episodes[3]))]


def _span(episode: Any) -> tuple[int, int]:
    return episode.start, episode.start + len(episode)


def test_one_seed_repeats_and_two_differ(painted: Any) -> None:
    def stream(rng: Any) -> list[int]:
        sampler = TransitionSampler(painted.columns, painted.numbers, 16, 3, rng=rng)
        return [row for _ in range(40) for row in start_rows(painted, next(sampler))]

    assert stream(0) == stream(0) == stream(np.random.default_rng(0))
    assert stream(0) != stream(1)
    assert stream(None) != stream(None)


def test_composite_frames_give_the_same_batches(painted: Any, composite: Any) -> None:
    for options in ({}, {"epochs": 1}):
        samplers = [
            TransitionSampler(data.columns, data.numbers, 16, 3, 3, rng=5, **options)
            for data in (painted, composite)
        ]
        for _ in range(5):
            assert_equal_batches(next(samplers[0]), next(samplers[1]))


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_threads_do_not_change_batches(composite: Any, batch_size: int, threads: int) -> None:
    one, many = (
        TransitionSampler(
            composite.columns, composite.numbers, batch_size, 3, 2, rng=0, threads=count
        )
        for count in (1, threads)
    )
    for _ in range(3):
        assert_equal_batches(next(one), next(many))


def test_batches_that_are_kept_are_never_overwritten(painted: Any) -> None:
    sampler = TransitionSampler(painted.columns, painted.numbers, 32, 3, rng=0)
    kept = [next(sampler) for _ in range(6)]
    frame = next(sampler).observations[3, 1]  # a view of a view keeps the memory as well
    saved = frame.copy()
    for _ in range(6):
        next(sampler)
    again = TransitionSampler(painted.columns, painted.numbers, 32, 3, rng=0)
    for batch in kept:
        assert_equal_batches(batch, next(again))
    np.testing.assert_array_equal(frame, saved)


def test_memory_of_forgotten_batches_is_used_again(painted: Any) -> None:
    sampler = TransitionSampler(painted.columns, painted.numbers, 32, 3, rng=0)
    addresses = {next(sampler).observations.ctypes.data for _ in range(20)}
    assert len(addresses) <= 2


def test_reused_buffers_hold_the_same_batches_in_one_place(painted: Any) -> None:
    reusing, fresh = (
        TransitionSampler(
            painted.columns, painted.numbers, 32, 3, rng=0, epochs=1, reuse_buffers=reuse
        )
        for reuse in (True, False)
    )
    addresses = set()
    for batch, expected in zip(reusing, fresh, strict=True):
        assert_equal_batches(batch, expected)
        addresses.add(batch.observations.ctypes.data)
    assert len(addresses) == 1


def test_sample_takes_a_generator_and_leaves_the_stream_alone(painted: Any) -> None:
    disturbed, plain = (
        TransitionSampler(painted.columns, painted.numbers, 16, rng=0) for _ in range(2)
    )
    first = disturbed.sample(np.random.default_rng(9))
    assert_equal_batches(first, disturbed.sample(9))
    assert_equal_batches(next(disturbed), next(plain))
    assert start_rows(painted, disturbed.sample(9)) != start_rows(painted, disturbed.sample())


@pytest.mark.parametrize("options", [{}, {"epochs": 2}, {"threads": 2}, {"reuse_buffers": True}])
def test_a_pickled_sampler_goes_on_alike(painted: Any, options: dict[str, Any]) -> None:
    sampler = TransitionSampler(painted.columns, painted.numbers, 16, 3, 3, rng=0, **options)
    for _ in range(4):
        next(sampler)
    copy = pickle.loads(pickle.dumps(sampler))
    for _ in range(40):
        assert_equal_batches(next(sampler), next(copy))


def test_as_dict_has_all_fields(painted: Any) -> None:
    batch = next(TransitionSampler(painted.columns, painted.numbers, 4))
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
        ({"epochs": 0}, "epochs: expected at least 1 or None"),
        ({"epochs": 1, "drop_last": True, "batch_size": 9999}, "drop_last: .*lower batch_size"),
        ({"threads": 0}, "threads: expected at least 1, got 0"),
        ({"n_step": 502}, "no episode has 502 transitions, the longest has 501; lower n_step"),
        ({"episodes": np.array([], np.int64)}, "at least one episode number"),
        ({"episodes": np.array([7])}, r"numbers in \[0, 7\), got 7 to 7"),
        ({"episodes": np.array([-1, 2])}, r"numbers in \[0, 7\), got -1 to 2"),
    ],
)
def test_bad_arguments(painted: Any, arguments: dict[str, Any], message: str) -> None:
    options = {"episodes": painted.numbers, "batch_size": 4, **arguments}
    with pytest.raises(ValueError, match=message):
        TransitionSampler(painted.columns, **options)


@pytest.mark.parametrize("rows", [[501], [499], [0, 99999], [-1], [[0]], [0.0]])
def test_gather_refuses_rows_that_start_nothing(painted: Any, rows: list[Any]) -> None:
    sampler = TransitionSampler(painted.columns, painted.numbers, 4, n_step=3)
    with pytest.raises(ValueError, match="rows: "):
        sampler.gather(np.array(rows))
